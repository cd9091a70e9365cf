<?php
// WordPress's scheduled work, from the command line; a store that nobody owns yet has none. WordPress is only loaded when
// something is due, as this is asked every minute.
declare(strict_types=1);
namespace Stoa;
use Throwable;
require __DIR__ . '/lib.php';
try { $d = connect(); [$url, $events] = [option($d, 'siteurl'), option($d, 'cron')]; $d->close(); } catch (Throwable) { exit(0); }
if ($url === null || $url === TEMPLATE_URL) exit(0);
$events = @unserialize((string) $events, ['allowed_classes' => false]);
$times = is_array($events) ? array_filter(array_keys($events), 'is_int') : [0];
if (!$times || min($times) > time()) exit(0);
$_SERVER += ['HTTP_HOST' => parse_url($url, PHP_URL_HOST), 'REQUEST_URI' => '/wp-cron.php', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'];
if (str_starts_with($url, 'https:')) $_SERVER['HTTPS'] = 'on';
restore_exception_handler();
require '/srv/wp/wp-cron.php';
