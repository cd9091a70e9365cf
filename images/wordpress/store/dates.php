<?php
// A template is made once and claimed later: its dates would show the day on which the image was built, and plugins that
// count from their installation (WooCommerce's reminders and surveys) would start with an old shop.
declare(strict_types=1);
namespace Stoa;
use mysqli;

/** Moves every date of the template by the time since it was made, in all tables; what is planned stays as far ahead. */
function renew_dates(mysqli $d): void {
    $made = (int) option($d, 'stoa_template_made');
    if ($made === 0) return;
    $by = time() - $made;
    [$from, $to] = [$made - 86400, $made + 400 * 86400];
    foreach (['options' => 'option_value', 'usermeta' => 'meta_value'] as $t => $c)
        $d->query('UPDATE ' . table($t) . " SET $c=CAST($c AS UNSIGNED)+$by WHERE $c REGEXP '^[0-9]{10}$' AND CAST($c AS UNSIGNED) BETWEEN $from AND $to");
    $d->query('DELETE FROM ' . table('options') . " WHERE option_name='stoa_template_made'");

    $q = $d->prepare("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema=DATABASE() AND LEFT(table_name, ?)=?
        AND data_type IN ('datetime','timestamp')");
    $q->execute([strlen(table('')), table('')]);
    $columns = [];
    foreach ($q->get_result() as ['table_name' => $t, 'column_name' => $c]) $columns[$t][] = '`' . str_replace('`', '``', $c) . '`';
    foreach ($columns as $t => $names) {
        $between = fn(string $c) => "$c BETWEEN FROM_UNIXTIME($from) AND FROM_UNIXTIME($to)";
        $d->query('UPDATE `' . str_replace('`', '``', $t) . '` SET ' . implode(', ', array_map(fn($c) => "$c=IF({$between($c)}, $c + INTERVAL $by SECOND, $c)", $names))
            . ' WHERE ' . implode(' OR ', array_map($between, $names)));
    }
}
