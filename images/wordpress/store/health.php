<?php
// 200 "ok" only when the database answers and the store is a customer's; otherwise 503 and one word why.
declare(strict_types=1);
namespace Stoa;
use Throwable;
require __DIR__ . '/lib.php';
header('Content-Type: text/plain');
header('Cache-Control: no-store');
try {
    $url = option(connect(), 'siteurl');
    $word = match ($url) { null => 'empty', TEMPLATE_URL => 'unclaimed', default => 'ok' };
} catch (Throwable) { $word = 'database'; }
if ($word !== 'ok') http_response_code(503);
echo $word, "\n";
