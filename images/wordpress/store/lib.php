<?php
// Shared by the hooks. They speak to the database directly: no WordPress, no plugins, about 10 ms.
// In a namespace, as cron.php loads WordPress beside it.
declare(strict_types=1);
namespace Stoa;
use mysqli, mysqli_sql_exception, Throwable;
const TEMPLATE_URL = 'http://store-template.invalid';
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function fail(string $sentence): never { fwrite(STDERR, $sentence . "\n"); exit(1); }

function env(string $k, string $default): string { $v = getenv($k); return $v === false || $v === '' ? $default : $v; }

function table(string $name): string {
    $p = env('DB_PREFIX', 'wp_');
    if (!preg_match('/^[A-Za-z0-9_]{1,32}$/', $p)) fail('DB_PREFIX may contain only letters, digits and _.');
    return $p . $name;
}

/** @return array<string,string> the JSON object on standard input, with exactly these members, all strings */
function input(string ...$names): array {
    $in = json_decode((string) stream_get_contents(STDIN), true);
    if (!is_array($in)) fail('Standard input must be one JSON object.');
    foreach ($names as $n) if (!isset($in[$n]) || !is_string($in[$n])) fail("The input needs a text member \"$n\".");
    return array_intersect_key($in, array_flip($names));
}

function connect(float $wait = 0): mysqli {
    $until = microtime(true) + $wait;
    for (;;) {
        try {
            $d = mysqli_init();
            $d->options(MYSQLI_OPT_CONNECT_TIMEOUT, $wait > 0 ? 10 : 2);
            $d->real_connect(env('DB_HOST', 'db'), env('DB_USER', 'store'), env('DB_PASSWORD', ''), env('DB_NAME', 'store'));
            $d->set_charset('utf8mb4');
            return $d;
        } catch (mysqli_sql_exception $e) {
            // 1045: wrong password, 1044 and 1049: no such database. Waiting can't mend these.
            if (microtime(true) >= $until || in_array($e->getCode(), [1044, 1045, 1049], true)) throw $e;
            usleep(20000);
        }
    }
}

function option(mysqli $d, string $name, bool $lock = false): ?string {
    $q = $d->prepare('SELECT option_value FROM ' . table('options') . ' WHERE option_name=?' . ($lock ? ' FOR UPDATE' : ''));
    $q->execute([$name]);
    return $q->get_result()->fetch_row()[0] ?? null;
}

function set_option(mysqli $d, string $name, string $value): void {
    $d->prepare('UPDATE ' . table('options') . ' SET option_value=? WHERE option_name=?')->execute([$value, $name]);
}

function clean_url(string $url): string {
    if (!preg_match('~^https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:/[A-Za-z0-9._\~/-]*)?$~D', $url))
        fail('The url must be an http or https address without user, query or fragment.');
    return rtrim($url, '/');
}

/** Runs one hook in one transaction and turns every error into one sentence. */
function transaction(mysqli $d, callable $work): void {
    $d->begin_transaction();
    $work();
    $d->commit();
}
set_exception_handler(fn(Throwable $e) => fail('The store\'s database refused: ' . strtr($e->getMessage(), "\r\n", '  ')));
