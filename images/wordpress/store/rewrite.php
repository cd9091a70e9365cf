<?php
// Changes text wherever a store keeps it, also inside PHP's serialized values, whose lengths are kept right.
declare(strict_types=1);
namespace Stoa;
use mysqli;

/** A function that turns $old (whatever its scheme, plain or JSON-escaped) into $new, but never part of a longer host. */
function url_changer(string $old, string $new): callable {
    $rest = fn(string $u) => preg_replace('~^https?:~', '', $u);
    $esc = fn(string $u) => str_replace('/', '\\/', $u);
    $end = '(?![A-Za-z0-9-]|\.[A-Za-z0-9]|:\d)~i';
    $rules = ['~https?:' . preg_quote($rest($old), '~') . $end => $new,
        '~https?:' . preg_quote($esc($rest($old)), '~') . $end => $esc($new)];
    return function (string $s) use ($rules): string {
        foreach ($rules as $from => $to) $s = preg_replace_callback($from, fn() => $to, $s) ?? $s;
        return $s;
    };
}

/** Applies $f to a text, or to every string within it if it is a serialized value (nested ones too). */
function rewrite_text(string $s, callable $f): string {
    if (preg_match('~^(?:[aO]:\d+:|s:\d+:"|C:\d+:)~', $s)) {
        $at = 0;
        $out = rewrite_value($s, $at, $f);
        if ($out !== null && $at === strlen($s)) return $out;
    }
    return $f($s);
}

/** One serialized value from offset $at on. No object is ever made. null: this is not a serialized value. */
function rewrite_value(string $s, int &$at, callable $f): ?string {
    if (preg_match('~\G(?:N|b:[01]|i:-?\d+|d:[^;{}"]+|[rR]:\d+);~A', $s, $m, 0, $at)) { $at += strlen($m[0]); return $m[0]; }
    if (preg_match('~\Gs:(\d+):"~A', $s, $m, 0, $at)) {
        $text = substr($s, $at + strlen($m[0]), (int) $m[1]);
        $at += strlen($m[0]) + (int) $m[1];
        if (substr($s, $at, 2) !== '";') return null;
        $at += 2;
        $text = rewrite_text($text, $f);
        return 's:' . strlen($text) . ':"' . $text . '";';
    }
    if (preg_match('~\GE:\d+:"[^"]*";~A', $s, $m, 0, $at)) { $at += strlen($m[0]); return $m[0]; }
    if (!preg_match('~\G(?:a|O:\d+:"[^"]*"):(\d+):\{~A', $s, $m, 0, $at)) return null;
    $out = $m[0];
    $at += strlen($m[0]);
    for ($n = 2 * (int) $m[1]; $n > 0; $n--) {
        $v = rewrite_value($s, $at, $f);
        if ($v === null) return null;
        $out .= $v;
    }
    if (($s[$at] ?? '') !== '}') return null;
    $at++;
    return $out . '}';
}

/** Applies $f to every text column of every table of this store whose value contains $needle. Returns the number of rows changed. */
function rewrite_database(mysqli $d, string $needle, callable $f): int {
    $q = $d->prepare("SELECT table_name, column_name, data_type, column_key FROM information_schema.columns WHERE table_schema=DATABASE()
        AND LEFT(table_name, ?)=? AND (column_key='PRI' OR data_type IN ('char','varchar','tinytext','text','mediumtext','longtext','json'))
        ORDER BY table_name, ordinal_position");
    $prefix = table('');
    $q->execute([strlen($prefix), $prefix]);
    $texts = $keys = [];
    foreach ($q->get_result() as ['table_name' => $t, 'column_name' => $c, 'data_type' => $type, 'column_key' => $k]) {
        if ($k === 'PRI') $keys[$t][] = $c;
        elseif (str_contains($type, 'char') || str_contains($type, 'text') || $type === 'json') $texts[$t][] = $c;
    }
    $changed = 0;
    foreach ($texts as $t => $columns) $changed += rewrite_table($d, $t, $columns, $keys[$t] ?? [], $needle, $f);
    return $changed;
}

function rewrite_table(mysqli $d, string $t, array $columns, array $keys, string $needle, callable $f): int {
    $name = fn(string $n) => '`' . str_replace('`', '``', $n) . '`';
    $like = '%' . addcslashes($needle, '\\%_') . '%';
    $q = $d->prepare('SELECT * FROM ' . $name($t) . ' WHERE ' . implode(' OR ', array_map(fn($c) => $name($c) . ' LIKE ?', $columns)));
    $q->execute(array_fill(0, count($columns), $like));
    $changed = 0;
    foreach ($q->get_result() as $row) {
        $set = [];
        foreach ($columns as $c) {
            if (!is_string($row[$c]) || stripos($row[$c], $needle) === false) continue;
            $new = rewrite_text($row[$c], $f);
            if ($new !== $row[$c]) $set[$c] = $new;
        }
        if (!$set) continue;
        // Without a primary key the row is found by the old values themselves.
        $where = $keys ?: array_keys($set);
        $d->prepare('UPDATE ' . $name($t) . ' SET ' . implode(', ', array_map(fn($c) => $name($c) . '=?', array_keys($set)))
            . ' WHERE ' . implode(' AND ', array_map(fn($c) => 'BINARY ' . $name($c) . '=?', $where)))
            ->execute([...array_values($set), ...array_map(fn($c) => $row[$c], $where)]);
        $changed++;
    }
    return $changed;
}

function move_store(mysqli $d, string $old, string $new): int {
    $changed = $old === $new ? 0 : rewrite_database($d, preg_replace('~^https?://([^/]+).*~', '$1', $old), url_changer($old, $new));
    set_option($d, 'siteurl', $new);
    set_option($d, 'home', $new);
    return $changed;
}
