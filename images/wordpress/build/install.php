<?php
// Installs the generic store through WordPress's own wp_install(). Nothing else: WordPress fixes its addresses when
// it is loaded, and those of a program that began without a store are wrong. settle.php goes on.
declare(strict_types=1);
define('WP_INSTALLING', true);
define('WP_SITEURL', 'http://store-template.invalid');
$_SERVER = ['HTTP_HOST' => 'store-template.invalid', 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'] + $_SERVER;
function wp_new_blog_notification() {}          // the platform sends its own mail
require '/srv/wp/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('Store template', 'owner', 'owner@store-template.invalid', true, '', bin2hex(random_bytes(20)));
update_option('permalink_structure', '/%postname%/');
