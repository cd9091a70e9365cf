<?php
/* Plugin Name: Hosting platform. Description: One-time log-in, and what the platform does in place of WordPress. */
defined('ABSPATH') || exit;

// The template is no shop: a visitor can only get here when the store's own data is gone. The image is built by
// requests for the template's own name, which leads nowhere.
if (PHP_SAPI !== 'cli' && get_option('siteurl') === 'http://store-template.invalid' && ($_SERVER['HTTP_HOST'] ?? '') !== 'store-template.invalid') {
    status_header(503);
    nocache_headers();
    header('Content-Type: text/plain; charset=utf-8');
    exit("This store is not set up.\n");
}

// Takes the token of /opt/store/login.php. Deleting its row is the check: of two requests only one can.
add_action('init', function () {
    global $wpdb;
    $token = $_GET['stoa_login'] ?? null;
    if (!is_string($token) || ($_SERVER['REQUEST_METHOD'] ?? '') !== 'GET') return;
    nocache_headers();
    header('Referrer-Policy: no-referrer');
    $name = 'stoa_login_' . hash('sha256', $token);
    $value = $wpdb->get_var($wpdb->prepare("SELECT option_value FROM $wpdb->options WHERE option_name=%s", $name));
    [$until, $id] = array_map('intval', explode(':', (string) $value . ':'));
    if ($value === null || !$wpdb->delete($wpdb->options, ['option_name' => $name]) || $until < time() || !user_can($id, 'manage_options')) {
        wp_die('This log-in link was used already or is older than a minute. Please ask for a new one.', 'Log in', ['response' => 403]);
    }
    wp_set_auth_cookie($id, false);
    // Where the platform's "next steps" lead; anything else opens the dashboard.
    $to = $_GET['to'] ?? null;
    wp_safe_redirect(is_string($to) && str_starts_with($to, '/wp-admin/') ? site_url($to) : admin_url());
    exit;
}, 0);

// 10 is bcrypt's accepted minimum and was PHP's default up to 8.3; 12 makes each log-in four times dearer,
// and the first one twice that, as it would hash the claimed password again.
add_filter('wp_hash_password_options', fn($options, $algorithm) => $algorithm === PASSWORD_BCRYPT ? ['cost' => 10] + (array) $options : $options, 10, 2);

// WordPress itself comes with the image, and its files can't be written here.
add_filter('map_meta_cap', fn($caps, $cap) => $cap === 'update_core' ? ['do_not_allow'] : $caps, 10, 2);

// Update checks are wp-cron's work here; done while a page waits they would cost the first wp-admin page seconds.
add_action('admin_init', function () {
    remove_action('admin_init', '_maybe_update_core');
    remove_action('admin_init', '_maybe_update_plugins');
    remove_action('admin_init', '_maybe_update_themes');
}, 0);
// The dashboard asks wordpress.org about the server's PHP, which is the platform's matter, and about the browser.
add_filter('pre_http_request', fn($answer, $args, $url) => preg_match('~^https?://api\.wordpress\.org/core/(serve|browse)-happy/~', $url)
    ? new WP_Error('stoa', 'not asked') : $answer, 10, 3);

// The store's name is shown letter for letter: no curly quotes or dashes made of it.
remove_filter('bloginfo', 'wptexturize');
remove_filter('document_title', 'wptexturize');
remove_filter('document_title', 'capital_P_dangit', 11);
