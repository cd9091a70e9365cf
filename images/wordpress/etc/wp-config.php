<?php
// Everything a store needs comes from its environment; nothing secret is in the image.
function store_env(string $k, string $d = ''): string { $v = getenv($k); return $v === false || $v === '' ? $d : $v; }
define('DB_NAME', store_env('DB_NAME', 'store'));
define('DB_USER', store_env('DB_USER', 'store'));
define('DB_PASSWORD', store_env('DB_PASSWORD'));
define('DB_HOST', store_env('DB_HOST', 'db'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
// Eight independent keys from one secret per store. Without one nobody could log in safely, so nothing runs.
if (strlen(store_env('STORE_SECRET')) < 24) { http_response_code(503); exit('STORE_SECRET is missing or too short.'); }
foreach (['AUTH_KEY','SECURE_AUTH_KEY','LOGGED_IN_KEY','NONCE_KEY','AUTH_SALT','SECURE_AUTH_SALT','LOGGED_IN_SALT','NONCE_SALT'] as $k)
    define($k, hash_hmac('sha256', $k, store_env('STORE_SECRET')));
define('DISABLE_WP_CRON', true);                // entry.sh runs it
define('WP_CRON_LOCK_TIMEOUT', 50);             // less than a minute: a run that hangs does not hold the next one up
define('WP_AUTO_UPDATE_CORE', false);           // WordPress itself comes with the image
define('DISALLOW_FILE_EDIT', true);
define('FS_METHOD', 'direct');
define('WP_TEMP_DIR', '/srv/wp/wp-content/.stoa/tmp');
define('WPMU_PLUGIN_DIR', '/opt/store/mu-plugins');   // the platform's, out of the customer's reach
define('WP_HTTP_BLOCK_EXTERNAL', store_env('BLOCK_HTTP') === '1');
define('WP_DEBUG', false);
$table_prefix = store_env('DB_PREFIX', 'wp_');
if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
