// Faults for one request each, as the file chaos.json beside the document root lists them: [{"match": regex of "METHOD route", "kind": …}].
// The first one that matches a request is taken off the list and happens.
add_action( 'plugins_loaded', function () {
	$file = dirname( ABSPATH ) . '/chaos.json';
	$handle = @fopen( $file, 'c+' );
	if ( ! $handle || ! isset( $_GET['rest_route'] ) ) {
		return;
	}
	flock( $handle, LOCK_EX );
	$waiting = json_decode( (string) stream_get_contents( $handle ), true ) ?: array();
	$request = $_SERVER['REQUEST_METHOD'] . ' ' . $_GET['rest_route'];
	$fault   = null;
	foreach ( $waiting as $i => $one ) {
		if ( preg_match( '#^' . $one['match'] . '$#', $request ) ) {
			$fault = $one['kind'];
			unset( $waiting[ $i ] );
			break;
		}
	}
	if ( $fault ) {
		ftruncate( $handle, 0 );
		rewind( $handle );
		fwrite( $handle, json_encode( array_values( $waiting ) ) );
	}
	fclose( $handle );
	$die = function () {
		http_response_code( 500 );
		exit;
	};
	switch ( $fault ) {
		case 'crash before':
			$die();
			break;
		case 'crash after insert':
			add_action( 'wp_insert_post', $die, 1 );
			break;
		case '500 after insert':
			add_filter( 'rest_post_dispatch', function () {
				return new WP_REST_Response( array( 'code' => 'internal_server_error', 'message' => 'There has been a critical error.' ), 500 );
			} );
			break;
		case 'slow, then cut':
			add_filter( 'rest_post_dispatch', function ( $answer ) {
				sleep( 3 );
				return $answer;
			} );
			break;
		case 'maintenance':
			header( 'Retry-After: 1' );
			http_response_code( 503 );
			exit( 'Briefly unavailable for scheduled maintenance.' );
		case 'notice before JSON':
			echo "<br />\n<b>Warning</b>: Undefined array key \"x\" in <b>/var/www/plugin.php</b> on line <b>7</b><br />\n";
			break;
		case 'REST off':
			add_filter( 'rest_authentication_errors', function () {
				return new WP_Error( 'rest_disabled', 'The REST API is disabled.', array( 'status' => 403 ) );
			}, 999 );
			break;
		case 'crash while resizing':
			add_filter( 'wp_generate_attachment_metadata', $die, 1 );
			break;
		case 'plain permalinks':
			add_filter( 'pre_option_permalink_structure', '__return_empty_string' );
			break;
		case 'redirect':
			header( 'Location: https://www.example.test/', true, 301 );
			exit;
	}
}, 1 );
