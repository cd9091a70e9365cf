<?php
// A one-time log-in for an administrator: {"user"} on standard input, {"path"} on standard output.
// The token is valid for 60 seconds and one use; only its SHA-256 is kept. mu-plugins/stoa.php takes it.
declare(strict_types=1);
namespace Stoa;
require __DIR__ . '/lib.php';
$user = input('user')['user'];
$d = connect();
$q = $d->prepare('SELECT u.ID FROM ' . table('users') . ' u JOIN ' . table('usermeta') . " m ON m.user_id=u.ID AND m.meta_key=?
    WHERE u.user_login=? AND m.meta_value LIKE '%\"administrator\";b:1%'");
$q->execute([table('capabilities'), $user]);
$id = $q->get_result()->fetch_row()[0] ?? fail('This store has no administrator of that name.');
$token = bin2hex(random_bytes(32));
$o = table('options');
$d->query("DELETE FROM $o WHERE option_name LIKE 'stoa\\_login\\_%' AND CAST(option_value AS UNSIGNED) < UNIX_TIMESTAMP()");
$d->prepare("INSERT INTO $o (option_name, option_value, autoload) VALUES (?, CONCAT(UNIX_TIMESTAMP() + 60, ':', ?), 'off')")
    ->execute(['stoa_login_' . hash('sha256', $token), $id]);
echo json_encode(['path' => "/?stoa_login=$token"], JSON_UNESCAPED_SLASHES), "\n";
