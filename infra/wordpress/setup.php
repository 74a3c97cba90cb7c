<?php
/**
 * Installs WordPress and makes the test accounts. Usage: php setup.php DOCROOT
 *
 * Prints KEY=value lines: one user and application password per role. Runs
 * without wp-cli; safe to run again (accounts are kept, passwords are new).
 */
if ( 'cli' !== PHP_SAPI ) {
	exit( 1 );
}
$docroot = realpath( $argv[1] );
$site    = parse_ini_file( dirname( $docroot ) . '/site.ini' );
$host    = parse_url( $site['url'] );
$_SERVER['HTTP_HOST']       = $host['host'] . ':' . $host['port'];
$_SERVER['REQUEST_URI']     = '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';

define( 'WP_INSTALLING', true );
function wp_new_blog_notification() {}               // pluggable: no "new site" mail
require $docroot . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

if ( ! is_blog_installed() ) {
	wp_install( 'Publisher test site', 'admin', 'admin@example.test', true, '', wp_generate_password( 24 ) );
}

update_option( 'timezone_string', $site['timezone'] ?? 'Europe/Berlin' ); // not UTC, so that date/date_gmt mistakes show
update_option( 'permalink_structure', $site['permalinks'] ?? '/%postname%/' );
update_option( 'thumbnail_size_w', 150 );
$GLOBALS['wp_rewrite']->init();
flush_rewrite_rules( false );
switch_theme( 'minimal' );

if ( is_file( WP_PLUGIN_DIR . '/igny8-bridge/igny8-bridge.php' ) ) {
	require_once ABSPATH . 'wp-admin/includes/plugin.php';
	activate_plugin( 'igny8-bridge/igny8-bridge.php' );
	require_once WP_PLUGIN_DIR . '/igny8-bridge/igny8-bridge.php';
}

echo 'WP_URL=', $site['url'], "\n";
echo 'WP_VERSION=', get_bloginfo( 'version' ), "\n";
foreach ( array( 'administrator', 'editor', 'author', 'contributor', 'subscriber' ) as $role ) {
	$login = 'administrator' === $role ? 'admin' : $role;
	$id    = username_exists( $login );
	if ( ! $id ) {
		$id = wp_create_user( $login, wp_generate_password( 24 ), "$login@example.test" );
	}
	( new WP_User( $id ) )->set_role( $role );
	WP_Application_Passwords::delete_all_application_passwords( $id );
	$made = WP_Application_Passwords::create_new_application_password( $id, array( 'name' => 'publisher tests' ) );
	if ( is_wp_error( $made ) ) {
		fwrite( STDERR, $made->get_error_message() . "\n" );
		exit( 1 );
	}
	$key = 'WP_' . strtoupper( $login );
	echo $key, '_USER=', $login, "\n";
	echo $key, '_APP_PASSWORD=', $made[0], "\n";
}
if ( class_exists( 'IGNY8_Bridge' ) ) {
	echo 'WP_BRIDGE_KEY=', IGNY8_Bridge::new_key( username_exists( 'admin' ) ), "\n";
}
