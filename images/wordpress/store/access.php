<?php
// Decides about a file in one of wp-content's data folders by the .htaccess files above it, as Apache would. It knows what
// plugins write there: Deny and Allow, Require, Order, rewrite rules that forbid, <Files>, <FilesMatch>, <IfModule>.
declare(strict_types=1);
namespace Stoa;

/** Whether this .htaccess file allows $name; null: it doesn't say. Sections about files count more than what is outside of them. */
function htaccess_allows(string $text, string $name): ?bool {
    [$folder, $file, $skip, $open] = [null, null, 0, []];
    foreach (preg_split('/\R/', preg_replace('/\\\\\R/', ' ', $text)) as $line) {
        if (preg_match('~^\s*</\s*\w+~', $line)) { if (array_pop($open) === false) $skip--; continue; }
        if (preg_match('~^\s*<\s*(\w+)\s*(.*?)\s*>~', $line, $m)) {
            $applies = match (strtolower($m[1])) {
                'ifmodule' => preg_match('/authz|access|rewrite/i', $m[2]) ? $m[2][0] !== '!' : true,
                'files', 'filesmatch' => files_match(strtolower($m[1]), $m[2], $name),
                'ifversion' => !str_starts_with($m[2], '<'),
                'limitexcept', 'requirenone' => false,
                default => true,
            };
            $open[] = $applies === false ? false : (str_starts_with(strtolower($m[1]), 'files') ? 'files' : true);
            if ($applies === false) $skip++;
            continue;
        }
        if ($skip > 0) continue;
        $so_far = in_array('files', $open, true) ? $file : $folder;
        $said = match (1) {
            preg_match('/^\s*(deny\s+from\s+all|require\s+(all\s+denied|valid-user|user\s|group\s|ip\s|host\s|local))/i', $line),
            preg_match('/^\s*RewriteRule\s+(\^?\(?\.[*+]\)?\$?|\^|\.)\s+\S+\s+\[[^\]]*\bF\b/i', $line) => false,
            preg_match('/^\s*(allow\s+from\s+all|require\s+all\s+granted|satisfy\s+any)/i', $line) => true,
            preg_match('/^\s*order\s+allow\s*,\s*deny/i', $line) => $so_far ?? false,     // denies who is not allowed
            default => null,
        };
        if ($said === null) continue;
        if (in_array('files', $open, true)) $file = $said; else $folder = $said;
    }
    return $file ?? $folder;
}

function files_match(string $section, string $pattern, string $name): bool {
    $regex = $section === 'filesmatch' || str_starts_with($pattern, '~');
    $pattern = trim(ltrim($pattern, "~ \t"), "\"'");
    return $regex ? @preg_match('~' . str_replace('~', '\~', $pattern) . '~', $name) === 1 : fnmatch($pattern, $name);
}

function path_allowed(string $root, string $uri): bool {
    $parts = explode('/', trim($uri, '/'));
    $name = array_pop($parts);
    $allowed = true;
    // wp-content itself and uploads say nothing about a folder: nginx doesn't ask for them either.
    for ($n = $parts[1] === 'uploads' ? 3 : 2; $n <= count($parts); $n++) {
        $text = @file_get_contents($root . '/' . implode('/', array_slice($parts, 0, $n)) . '/.htaccess', false, null, 0, 65536);
        if ($text !== false) $allowed = htaccess_allows($text, $name) ?? $allowed;
    }
    return $allowed;
}

if (PHP_SAPI === 'cli') return;                 // tests
$uri = (string) ($_SERVER['DATA_FILE'] ?? '');
if ($_SERVER['DATA_PROTECTED'] === 'always' || !is_file($_SERVER['DOCUMENT_ROOT'] . $uri)) { http_response_code(404); exit("Not found.\n"); }
if (!path_allowed($_SERVER['DOCUMENT_ROOT'], $uri)) { http_response_code(403); exit("Forbidden.\n"); }
ini_set('default_mimetype', '');                // nginx knows the file's type
if (preg_match('/\.(css|js|mjs|woff2?|ttf|eot|svg|png|jpe?g|gif|webp|avif|ico|mp4|webm)$/i', $uri)) header('Cache-Control: max-age=604800');
header('X-Accel-Redirect: ' . implode('/', array_map('rawurlencode', explode('/', $uri))));
