<?php
/**
 * Plugin Name: Test site
 * Description: A site for tests: it sends no mail and pings nobody.
 */
add_filter( 'pre_wp_mail', '__return_true' );        // pretend that every mail was sent
add_filter( 'pre_option_default_pingback_flag', '__return_zero' );
