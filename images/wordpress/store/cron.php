<?php
// WordPress's scheduled work, from the command line; a store that nobody owns yet has none.
declare(strict_types=1);
namespace Stoa;
use Throwable;
require __DIR__ . '/lib.php';
try { $url = option(connect(), 'siteurl'); } catch (Throwable) { exit(0); }
if ($url === null || $url === TEMPLATE_URL) exit(0);
$_SERVER += ['HTTP_HOST' => parse_url($url, PHP_URL_HOST), 'REQUEST_URI' => '/wp-cron.php', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'];
if (str_starts_with($url, 'https:')) $_SERVER['HTTPS'] = 'on';
restore_exception_handler();
require '/srv/wp/wp-cron.php';
