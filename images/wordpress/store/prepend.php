<?php
// Runs before every request to php-fpm (auto_prepend_file).
// nginx left a long query out of REQUEST_URI; see client.conf.
if (str_ends_with($_SERVER['REQUEST_URI'] ?? '', '?')) $_SERVER['REQUEST_URI'] .= $_SERVER['QUERY_STRING'] ?? '';
// nginx's gzip holds text back until it has enough, unless the answer is unbuffered: then each flush() passes. Files keep
// nginx's buffers, so that a slow visitor's download does not occupy a process to its end.
header_register_callback(static function (): void {
    $type = 'text/html';
    foreach (headers_list() as $h) {
        if (preg_match('/^(content-disposition|content-length|x-accel-[a-z]+):/i', $h)) return;
        if (preg_match('~^content-type: *([^;]*)~i', $h, $m)) $type = strtolower(trim($m[1]));
    }
    if (preg_match('~^(text/|application/([a-z.-]+[+-])?(json|ndjson|xml|javascript|jsonl)$)~', $type)) header('X-Accel-Buffering: no');
});
