<?php
// Activates the plugins given as arguments in the installed store, and then uses the store until it has settled:
// plugins finish their set-up in the first visits.
declare(strict_types=1);
const HOST = 'store-template.invalid';
$_SERVER = ['HTTP_HOST' => HOST, 'REQUEST_URI' => '/', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'] + $_SERVER;

/** One request to this container's nginx; $jar collects the cookies. */
function visit(string $path, array &$jar, ?array $post = null): array {
    $headers = ['Host: ' . HOST, 'Cookie: ' . implode('; ', array_map(fn($k, $v) => "$k=$v", array_keys($jar), $jar))];
    if ($post !== null) $headers[] = 'Content-Type: application/x-www-form-urlencoded';
    $body = file_get_contents('http://127.0.0.1:8080' . $path, false, stream_context_create(['http' => ['header' => $headers, 'timeout' => 120,
        'method' => $post === null ? 'GET' : 'POST', 'content' => http_build_query($post ?? []), 'ignore_errors' => true, 'follow_location' => 0]]));
    foreach ($http_response_header as $h)
        if (preg_match('/^Set-Cookie: ([^=]+)=([^;]*)/i', $h, $m)) $jar[$m[1]] = $m[2];
    return [(int) explode(' ', $http_response_header[0])[1], (string) $body];
}
function must(string $what, array $answer, int ...$codes): void {
    if (in_array($answer[0], $codes, true)) return;
    fwrite(STDERR, "$what answered {$answer[0]}: " . substr(strip_tags($answer[1]), 0, 500) . "\n");
    exit(1);
}

require '/srv/wp/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';
foreach (array_slice($argv, 1) as $p) {
    $e = activate_plugin($p);
    if (is_wp_error($e)) { fwrite(STDERR, $e->get_error_message() . "\n"); exit(1); }
}
flush_rewrite_rules();
$password = bin2hex(random_bytes(20));          // thrown away: the claim sets the customer's
wp_set_password($password, 1);
for ($i = 0; $i < 3; $i++) {
    $jar = ['wordpress_test_cookie' => 'WP%20Cookie%20check'];
    must('the front page', visit('/', $jar), 200);
    must('the log-in page', visit('/wp-login.php', $jar), 200);
    must('the log-in', visit('/wp-login.php', $jar, ['log' => 'owner', 'pwd' => $password, 'testcookie' => '1']), 302);
    for ($n = 0; $n < 3 && ($a = visit('/wp-admin/', $jar))[0] === 302; $n++);   // a plugin's welcome tour, once
    must('wp-admin', $a, 200);
    visit('/wp-cron.php', $jar);
}
// The claim moves every date of the template by the time since this moment.
update_option('stoa_template_made', (string) time(), false);
