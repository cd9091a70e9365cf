<?php
// Turns the generic, installed store into a customer's:
// {"url","title","admin_user","admin_email","admin_password"} on standard input, {"url","rows"} on standard output.
// May be run as soon as the container is started, and again with the same or other values.
declare(strict_types=1);
namespace Stoa;
require __DIR__ . '/lib.php';
require __DIR__ . '/rewrite.php';
require __DIR__ . '/dates.php';

['url' => $url, 'title' => $title, 'admin_user' => $user, 'admin_email' => $email, 'admin_password' => $password]
    = input('url', 'title', 'admin_user', 'admin_email', 'admin_password');
$url = clean_url($url);
if (!preg_match('/^[A-Za-z0-9_.@-][A-Za-z0-9 _.@-]{0,58}[A-Za-z0-9_.@-]$|^[A-Za-z0-9]$/D', $user))
    fail('admin_user must have 1 to 60 characters: letters, digits, space, _ . @ and -.');
if (strlen($email) > 100 || !filter_var($email, FILTER_VALIDATE_EMAIL)) fail('admin_email is not an e-mail address.');
if (strlen($password) < 8 || strlen($password) > 4096 || $password !== trim($password) || preg_match('/[\x00-\x1f]/', $password))
    fail('admin_password must have 8 to 4096 characters, no control character, and no space at its ends.');
// WordPress keeps the title escaped and every theme prints it so: what is seen is the text as it was given.
$shown = htmlspecialchars($title, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML401, 'UTF-8');
// WordPress 6.8's own form, of the password with slashes added, as its log-in page sees it. Computed before the database is there, while there is time.
$hash = '$wp' . password_hash(base64_encode(hash_hmac('sha384', addslashes($password), 'wp-sha384', true)), PASSWORD_BCRYPT, ['cost' => 10]);

$d = connect(60);
transaction($d, function () use ($d, $url, $shown, $user, $email, $hash, &$rows) {
    $old = option($d, 'siteurl', true) ?? fail('This database holds no store.');
    $old_email = (string) option($d, 'admin_email');
    [$options, $users] = [table('options'), table('users')];
    $q = $d->prepare("SELECT 1 FROM $users WHERE ID<>1 AND (user_login=? OR user_email=?) LIMIT 1");
    $q->execute([$user, $email]);
    if ($q->get_result()->fetch_row()) fail('Another user of this store has this admin_user or admin_email already.');

    if ($old === TEMPLATE_URL) renew_dates($d);
    $d->query("DELETE FROM $options WHERE option_name LIKE '\\_transient\\_%' OR option_name LIKE '\\_site\\_transient\\_%' OR option_name LIKE 'stoa\\_login\\_%'");
    $d->query('DELETE FROM ' . table('usermeta') . " WHERE meta_key='session_tokens'");
    $rows = move_store($d, $old, $url);
    // WooCommerce copies the title and the address into settings of its own when it is activated.
    $d->prepare("UPDATE $options SET option_value=? WHERE option_name='blogname' OR option_name LIKE '%\\_from\\_name'")->execute([$shown]);
    $d->prepare("UPDATE $options SET option_value=? WHERE option_value=?")->execute([$email, $old_email]);
    set_option($d, 'admin_email', $email);
    $nice = trim(preg_replace('/[^a-z0-9_]+/', '-', strtolower($user)), '-') ?: 'owner';
    $d->prepare("UPDATE $users SET user_login=?, user_nicename=?, display_name=?, user_email=?, user_url=?, user_pass=?,
        user_activation_key='', user_registered=UTC_TIMESTAMP() WHERE ID=1")->execute([$user, substr($nice, 0, 50), $user, $email, $url, $hash]);
    $d->prepare('UPDATE ' . table('usermeta') . " SET meta_value=? WHERE user_id=1 AND meta_key='nickname'")->execute([$user]);
    if ($old === TEMPLATE_URL) {
        // What must not be the same in every store.
        $d->query("UPDATE $options SET option_value=UUID() WHERE option_name='woocommerce_store_id'");
    }
});
echo json_encode(['url' => $url, 'rows' => $rows], JSON_UNESCAPED_SLASHES), "\n";
