<?php
/**
 * Plugin Name: IGNY8 Bridge
 * Description: Lets IGNY8 publish here with a key instead of a user's password, find its posts again, store their SEO fields and structured data, and hear when a post is published, edited, trashed or deleted.
 * Version: 1.0.0
 * Requires at least: 6.0
 * Requires PHP: 7.4
 * License: GPL-2.0-or-later
 *
 * One file, no tables of its own. Options: igny8_bridge (the key's hash and user, the reporting address and secret), igny8_bridge_outbox
 * (reports that could not be delivered yet). Post meta: publisher_source_id (IGNY8's content id), igny8_json_ld, igny8_meta_title and
 * igny8_meta_description (used when no SEO plugin is active).
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class IGNY8_Bridge {
	const VERSION = '1.0.0';
	const OPTION  = 'igny8_bridge';
	const OUTBOX  = 'igny8_bridge_outbox';
	const CRON    = 'igny8_bridge_deliver';
	const SOURCE  = 'publisher_source_id';
	const RETRIES = 20;     // with a delay that doubles up to an hour: about 17 hours
	const OUTBOX_MAX = 500; // the newest reports; what is lost by then is found by IGNY8's own sync

	/** @var array<int, string> post id -> event, of this request; the last event of a post is what is reported */
	private static $happened = array();
	/** @var array<int, array> post id -> what the post was, for a post that is about to be deleted */
	private static $gone = array();
	/** @var bool this request was signed in by the bridge's key */
	private static $by_key = false;

	public static function boot() {
		add_filter( 'determine_current_user', array( __CLASS__, 'user_of_key' ), 30 );
		add_action( 'init', array( __CLASS__, 'register_meta' ), 99 );
		add_action( 'rest_api_init', array( __CLASS__, 'routes' ) );
		add_action( 'wp_head', array( __CLASS__, 'head' ), 5 );
		add_filter( 'pre_get_document_title', array( __CLASS__, 'document_title' ), 20 );
		add_action( 'transition_post_status', array( __CLASS__, 'on_status' ), 10, 3 );
		add_action( 'post_updated', array( __CLASS__, 'on_update' ), 10, 3 );
		add_action( 'before_delete_post', array( __CLASS__, 'on_delete' ), 10, 1 );
		add_action( 'shutdown', array( __CLASS__, 'report' ), 20 );
		add_action( self::CRON, array( __CLASS__, 'deliver' ) );
		add_action( 'admin_menu', array( __CLASS__, 'menu' ) );
		add_action( 'admin_post_igny8_bridge', array( __CLASS__, 'save' ) );
		foreach ( self::types() as $type ) {
			add_filter( "rest_{$type}_query", array( __CLASS__, 'by_source' ), 10, 2 );
		}
		add_action( 'registered_post_type', function ( $type, $object ) {
			if ( $object->show_in_rest ) {
				add_filter( "rest_{$type}_query", array( __CLASS__, 'by_source' ), 10, 2 );
			}
		}, 10, 2 );
	}

	// --- The key ------------------------------------------------------------------------------------------------

	private static function settings() {
		$stored = get_option( self::OPTION, array() );
		return array_merge(
			array( 'key_hash' => '', 'user' => 0, 'report_url' => '', 'report_secret' => '' ),
			is_array( $stored ) ? $stored : array()
		);
	}

	/** A new key; only its hash is stored. It acts as $user on the REST API. */
	public static function new_key( $user ) {
		$key                  = 'igny8_' . bin2hex( random_bytes( 24 ) );
		$settings             = self::settings();
		$settings['key_hash'] = hash( 'sha256', $key );
		$settings['user']     = (int) $user;
		update_option( self::OPTION, $settings, false );
		return $key;
	}

	/** REST requests that carry the key are made as the user who made the key. The key is 192 random bits: a plain hash is enough. */
	public static function user_of_key( $user ) {
		$key = isset( $_SERVER['HTTP_X_IGNY8_KEY'] ) ? (string) $_SERVER['HTTP_X_IGNY8_KEY'] : '';
		if ( '' === $key || ! self::is_rest() ) {
			return $user;
		}
		$settings = self::settings();
		if ( '' === $settings['key_hash'] || ! hash_equals( $settings['key_hash'], hash( 'sha256', $key ) ) ) {
			return $user;
		}
		if ( ! is_ssl() && 'local' !== wp_get_environment_type() ) {
			return $user; // as with application passwords: never in the clear
		}
		if ( ! get_userdata( $settings['user'] ) ) {
			return $user; // the user who made the key is gone, and the key with them
		}
		self::$by_key = true;
		return $settings['user'];
	}

	private static function is_rest() {
		if ( is_admin() ) {
			return false; // admin-ajax.php?rest_route=/ is none
		}
		if ( isset( $_GET['rest_route'] ) ) {
			return true;
		}
		$path = (string) wp_parse_url( isset( $_SERVER['REQUEST_URI'] ) ? $_SERVER['REQUEST_URI'] : '', PHP_URL_PATH );
		return false !== strpos( $path, '/wp-json/' );
	}

	/** Changes made by IGNY8 itself need no report back. */
	private static function is_own_request() {
		return self::$by_key || ( isset( $_SERVER['HTTP_X_IGNY8_CLIENT'] ) && self::is_rest() && current_user_can( 'edit_posts' ) );
	}

	// --- Fields and look-up -------------------------------------------------------------------------------------

	private static function types() {
		return get_post_types( array( 'show_in_rest' => true ) );
	}

	public static function seo_plugin() {
		if ( defined( 'WPSEO_VERSION' ) ) {
			return 'yoast';
		}
		return defined( 'RANK_MATH_VERSION' ) ? 'rank_math' : '';
	}

	private static function seo_keys() {
		$keys = array(
			'yoast'     => array( '_yoast_wpseo_title', '_yoast_wpseo_metadesc', '_yoast_wpseo_focuskw' ),
			'rank_math' => array( 'rank_math_title', 'rank_math_description', 'rank_math_focus_keyword' ),
		);
		// Without an SEO plugin both sets are kept, so that the one that is installed later finds them.
		$active = self::seo_plugin();
		return '' === $active ? array_merge( $keys['yoast'], $keys['rank_math'] ) : $keys[ $active ];
	}

	/** Core takes and shows only registered meta; a key that begins with "_" is protected unless auth_callback says otherwise. */
	public static function register_meta() {
		$texts = array_merge( array( self::SOURCE, 'igny8_meta_title', 'igny8_meta_description' ), self::seo_keys() );
		foreach ( array( 'post', 'page', 'product' ) as $type ) {
			if ( ! post_type_exists( $type ) ) {
				continue;
			}
			foreach ( array_merge( $texts, array( 'igny8_json_ld' ) ) as $key ) {
				register_post_meta( $type, $key, array(
					'type'              => 'string',
					'single'            => true,
					// Context "edit" keeps the values from anonymous readers.
					'show_in_rest'      => array( 'schema' => array( 'context' => array( 'edit' ) ) ),
					'sanitize_callback' => 'igny8_json_ld' === $key ? array( __CLASS__, 'clean_json' ) : 'sanitize_text_field',
					'auth_callback'     => array( __CLASS__, 'may_write_meta' ),
				) );
			}
		}
	}

	public static function may_write_meta( $allowed, $meta_key, $post_id, $user_id ) {
		return user_can( $user_id, 'edit_post', $post_id );
	}

	/** Structured data is stored as JSON that cannot end the script element it will stand in; anything else is dropped. */
	public static function clean_json( $value ) {
		$data = json_decode( (string) $value, true );
		return is_array( $data ) ? self::json_for_script( $data ) : '';
	}

	private static function json_for_script( $data ) {
		return wp_json_encode( $data, JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_UNICODE );
	}

	/** GET /wp/v2/posts?publisher_source_id=...: core itself cannot search by meta. */
	public static function by_source( $args, $request ) {
		$wanted = isset( $request[ self::SOURCE ] ) ? $request[ self::SOURCE ] : null;
		if ( null !== $wanted && current_user_can( 'edit_posts' ) ) {
			$args['meta_key']   = self::SOURCE;
			$args['meta_value'] = (string) $wanted;
		}
		return $args;
	}

	public static function routes() {
		$signed_in = function () {
			return current_user_can( 'edit_posts' );
		};
		register_rest_route( 'igny8/v1', '/site', array(
			'methods'             => 'GET',
			'permission_callback' => $signed_in,
			'callback'            => array( __CLASS__, 'site' ),
		) );
		register_rest_route( 'igny8/v1', '/posts', array(
			'methods'             => 'GET',
			'permission_callback' => $signed_in,
			'callback'            => array( __CLASS__, 'posts_of_source' ),
			'args'                => array( 'source_id' => array( 'required' => true, 'type' => 'string', 'maxLength' => 200 ) ),
		) );
		register_rest_route( 'igny8/v1', '/reporting', array(
			'methods'             => 'PUT',
			'permission_callback' => function () {
				return self::$by_key || current_user_can( 'manage_options' );
			},
			'callback'            => array( __CLASS__, 'set_reporting' ),
			'args'                => array(
				'url'    => array( 'required' => true, 'type' => 'string', 'maxLength' => 1000 ),
				'secret' => array( 'required' => true, 'type' => 'string', 'maxLength' => 200 ),
			),
		) );
		register_rest_route( 'igny8/v1', '/reporting/test', array(
			'methods'             => 'POST',
			'permission_callback' => function () {
				return self::$by_key || current_user_can( 'manage_options' );
			},
			'callback'            => function () {
				$answer = self::send( self::message( 'ping', null ) );
				return array( 'delivered' => true === $answer, 'reason' => true === $answer ? '' : $answer );
			},
		) );
	}

	public static function site() {
		$settings = self::settings();
		return array(
			'plugin'        => self::VERSION,
			'wordpress'     => get_bloginfo( 'version' ),
			'timezone'      => wp_timezone_string(),
			'seo_plugin'    => self::seo_plugin(),
			'shop'          => post_type_exists( 'product' ),
			'reporting'     => '' !== $settings['report_url'],
			'waiting'       => count( self::outbox() ),
			'by_key'        => self::$by_key,
		);
	}

	/** Every post with this source id, in any status, trash included; oldest first. */
	public static function posts_of_source( $request ) {
		$found = get_posts( array(
			'post_type'        => array_values( self::types() ),
			'post_status'      => array_keys( get_post_stati() ),
			'meta_key'         => self::SOURCE,
			'meta_value'       => (string) $request['source_id'],
			'numberposts'      => 20,
			'orderby'          => 'ID',
			'order'            => 'ASC',
			'suppress_filters' => true,
		) );
		$seen  = array();
		foreach ( $found as $post ) {
			if ( current_user_can( 'edit_post', $post->ID ) ) {
				$seen[] = self::describe( $post );
			}
		}
		return $seen;
	}

	private static function describe( $post ) {
		return array(
			'id'           => (int) $post->ID,
			'type'         => $post->post_type,
			'status'       => $post->post_status,
			'slug'         => $post->post_name,
			'link'         => (string) get_permalink( $post ),
			'title'        => $post->post_title,
			'modified_gmt' => mysql_to_rfc3339( $post->post_modified_gmt ),
			'source_id'    => (string) get_post_meta( $post->ID, self::SOURCE, true ),
		);
	}

	// --- What readers and search engines get ----------------------------------------------------------------------

	public static function head() {
		if ( ! is_singular() ) {
			return;
		}
		$post = get_queried_object_id();
		$data = json_decode( (string) get_post_meta( $post, 'igny8_json_ld', true ), true );
		if ( is_array( $data ) && ! post_password_required( $post ) ) {
			echo '<script type="application/ld+json">' . self::json_for_script( $data ) . "</script>\n"; // phpcs:ignore -- "<", ">" and "&" are escaped
		}
		$description = (string) get_post_meta( $post, 'igny8_meta_description', true );
		if ( '' !== $description && '' === self::seo_plugin() ) {
			echo '<meta name="description" content="' . esc_attr( $description ) . "\">\n";
		}
	}

	public static function document_title( $title ) {
		if ( '' !== self::seo_plugin() || ! is_singular() ) {
			return $title;
		}
		$own = (string) get_post_meta( get_queried_object_id(), 'igny8_meta_title', true );
		return '' === $own ? $title : esc_html( $own );
	}

	// --- Reports back ----------------------------------------------------------------------------------------------

	public static function on_status( $new, $old, $post ) {
		if ( $new === $old || in_array( 'auto-draft', array( $new, $old ), true ) || ! self::is_ours( $post ) ) {
			return;
		}
		if ( 'trash' === $new ) {
			self::$happened[ $post->ID ] = 'trashed';
		} elseif ( 'publish' === $new ) {
			self::$happened[ $post->ID ] = 'published';
		} elseif ( 'publish' === $old || 'trash' === $old ) {
			self::$happened[ $post->ID ] = 'unpublished';
		}
	}

	public static function on_update( $post_id, $after, $before ) {
		if ( ! self::is_ours( $after ) || isset( self::$happened[ $post_id ] ) ) {
			return;
		}
		foreach ( array( 'post_title', 'post_content', 'post_excerpt', 'post_name', 'post_date_gmt' ) as $field ) {
			if ( $after->$field !== $before->$field ) {
				self::$happened[ $post_id ] = 'edited';
				return;
			}
		}
	}

	public static function on_delete( $post_id ) {
		$post = get_post( $post_id );
		if ( $post && self::is_ours( $post ) ) {
			self::$gone[ $post_id ]     = self::describe( $post ); // its meta is gone when the report is sent
			self::$happened[ $post_id ] = 'deleted';
		}
	}

	private static function is_ours( $post ) {
		return ! wp_is_post_revision( $post ) && '' !== (string) get_post_meta( $post->ID, self::SOURCE, true );
	}

	/** At the end of the request: one report for each post, sent after the answer where the server can do that. */
	public static function report() {
		if ( ! self::$happened || self::is_own_request() || '' === self::settings()['report_url'] ) {
			return;
		}
		$messages = array();
		foreach ( self::$happened as $post_id => $event ) {
			$post = isset( self::$gone[ $post_id ] ) ? self::$gone[ $post_id ] : null;
			if ( null === $post ) {
				$stored = get_post( $post_id );
				$post   = $stored ? self::describe( $stored ) : null;
			}
			if ( $post ) {
				$messages[] = self::message( $event, $post );
			}
		}
		self::$happened = array();
		// Kept first: a request that ends here all the same is delivered by cron.
		self::keep( array_merge( self::outbox(), $messages ) );
		if ( function_exists( 'fastcgi_finish_request' ) ) {
			fastcgi_finish_request();
		}
		self::deliver();
	}

	private static function message( $event, $post ) {
		return array(
			'id'       => wp_generate_uuid4(),
			'event'    => $event,
			'happened' => gmdate( 'Y-m-d\TH:i:s\Z' ),
			'post'     => $post,
			'tries'    => 0,
		);
	}

	private static function outbox() {
		$kept = get_option( self::OUTBOX, array() );
		return is_array( $kept ) ? $kept : array();
	}

	private static function keep( $messages ) {
		update_option( self::OUTBOX, array_slice( array_values( $messages ), -self::OUTBOX_MAX ), false );
	}

	/** Send what waits, in order; after a failure the rest waits too, and cron comes back for it. */
	public static function deliver() {
		$waiting = self::outbox();
		while ( $waiting ) {
			$answer = self::send( $waiting[0] );
			if ( true !== $answer ) {
				++$waiting[0]['tries'];
				if ( $waiting[0]['tries'] >= self::RETRIES || 0 === strpos( $answer, 'refused' ) ) {
					error_log( 'IGNY8 Bridge: a report was given up: ' . $answer ); // phpcs:ignore
					array_shift( $waiting );
					self::keep( $waiting );
					continue;
				}
				self::keep( $waiting );
				if ( ! wp_next_scheduled( self::CRON ) ) {
					wp_schedule_single_event( time() + min( 3600, 30 * 2 ** $waiting[0]['tries'] ), self::CRON );
				}
				return;
			}
			array_shift( $waiting );
			self::keep( $waiting );
		}
	}

	/** true, or why not: "refused ..." when asking again is of no use. */
	private static function send( $message ) {
		$settings = self::settings();
		unset( $message['tries'] );
		$body = wp_json_encode( $message );
		$time = (string) time();
		$sent = wp_remote_post( $settings['report_url'], array(
			'timeout'     => 5,
			'redirection' => 0,
			// Whoever holds the key names the address: it must not lead into the server's own network.
			'reject_unsafe_urls' => 'local' !== wp_get_environment_type(),
			'headers'     => array(
				'Content-Type'      => 'application/json',
				'X-IGNY8-Timestamp' => $time,
				'X-IGNY8-Signature' => 'sha256=' . hash_hmac( 'sha256', $time . '.' . $body, $settings['report_secret'] ),
			),
			'body'        => $body,
		) );
		if ( is_wp_error( $sent ) ) {
			return 'no answer: ' . $sent->get_error_message();
		}
		$status = (int) wp_remote_retrieve_response_code( $sent );
		if ( $status >= 200 && $status < 300 || 409 === $status ) { // 409: it was delivered before
			return true;
		}
		$passing = $status >= 500 || in_array( $status, array( 401, 408, 425, 429 ), true ); // 401: clocks may be set right
		return ( $passing ? 'status ' : 'refused with status ' ) . $status;
	}

	public static function set_reporting( $request ) {
		$url    = (string) $request['url'];
		$scheme = (string) wp_parse_url( $url, PHP_URL_SCHEME );
		if ( 'https' !== $scheme && ! ( 'http' === $scheme && 'local' === wp_get_environment_type() ) ) {
			return new WP_Error( 'rest_invalid_param', 'The reporting address must begin with https://.', array( 'status' => 400 ) );
		}
		$settings                  = self::settings();
		$settings['report_url']    = esc_url_raw( $url );
		$settings['report_secret'] = (string) $request['secret'];
		update_option( self::OPTION, $settings, false );
		return array( 'reporting' => true );
	}

	// --- Settings page -----------------------------------------------------------------------------------------------

	public static function menu() {
		add_options_page( 'IGNY8 Bridge', 'IGNY8 Bridge', 'manage_options', 'igny8-bridge', array( __CLASS__, 'page' ) );
	}

	public static function page() {
		$settings = self::settings();
		$user     = get_userdata( $settings['user'] );
		$shown    = get_transient( 'igny8_bridge_key_' . get_current_user_id() );
		delete_transient( 'igny8_bridge_key_' . get_current_user_id() );
		echo '<div class="wrap"><h1>IGNY8 Bridge</h1>';
		if ( $shown ) {
			echo '<div class="notice notice-success"><p>The new key, shown this once: <code>' . esc_html( $shown ) . '</code></p></div>';
		}
		echo '<p>' . ( $user ? 'A key exists; it acts as <b>' . esc_html( $user->user_login ) . '</b>.' : 'There is no key yet.' ) . '</p>';
		echo '<p>' . ( '' !== $settings['report_url'] ? 'Changes to posts are reported to ' . esc_html( (string) wp_parse_url( $settings['report_url'], PHP_URL_HOST ) ) : 'Reports are off: connect this site in IGNY8 to switch them on' ) . '. Waiting: ' . count( self::outbox() ) . '.</p>';
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '"><input type="hidden" name="action" value="igny8_bridge">';
		wp_nonce_field( 'igny8_bridge' );
		submit_button( $user ? 'Make a new key (the old one stops working)' : 'Make a key', 'primary', 'make', false );
		echo ' ';
		submit_button( 'Disconnect', 'delete', 'disconnect', false );
		echo '</form></div>';
	}

	public static function save() {
		if ( ! current_user_can( 'manage_options' ) ) {
			wp_die( 'You may not do this.', 403 );
		}
		check_admin_referer( 'igny8_bridge' );
		if ( isset( $_POST['disconnect'] ) ) {
			delete_option( self::OPTION );
			delete_option( self::OUTBOX );
			wp_clear_scheduled_hook( self::CRON );
		} else {
			set_transient( 'igny8_bridge_key_' . get_current_user_id(), self::new_key( get_current_user_id() ), 60 );
		}
		wp_safe_redirect( admin_url( 'options-general.php?page=igny8-bridge' ) );
		exit;
	}
}

IGNY8_Bridge::boot();
