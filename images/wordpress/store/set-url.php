<?php
// Changes a store's address everywhere: {"url"} on standard input, {"old","url","rows"} on standard output.
declare(strict_types=1);
namespace Stoa;
require __DIR__ . '/lib.php';
require __DIR__ . '/rewrite.php';
$url = clean_url(input('url')['url']);
$d = connect(60);
transaction($d, function () use ($d, $url, &$old, &$rows) {
    $old = option($d, 'siteurl', true) ?? fail('This database holds no store.');
    $rows = move_store($d, $old, $url);
});
echo json_encode(['old' => $old, 'url' => $url, 'rows' => $rows], JSON_UNESCAPED_SLASHES), "\n";
