<?php
/* Plugin Name: Hosting platform: mail. Description: Hands wp_mail to the platform's relay, unless a plugin has another way. */
defined('ABSPATH') || exit;

if (getenv('STOA_SMTP_HOST')) {
    // WordPress invents "wordpress@" and the site's name; the platform's address for this site is one that can be delivered.
    // Early, so that what a plugin or the customer chooses wins.
    add_filter('wp_mail_from', fn($from) => str_starts_with((string) $from, 'wordpress@') && getenv('STOA_SMTP_FROM') ? getenv('STOA_SMTP_FROM') : $from, 1);
    add_filter('wp_mail_from_name', fn($name) => $name === 'WordPress' ? wp_specialchars_decode(get_option('blogname'), ENT_QUOTES) : $name, 1);

    // Late: a plugin that has set up its own mail server is left alone. "mail" is PHPMailer's default.
    add_action('phpmailer_init', function ($mailer) {
        if ($mailer->Mailer !== 'mail') return;
        $mailer->isSMTP();
        $mailer->Host = getenv('STOA_SMTP_HOST');
        $mailer->Port = (int) getenv('STOA_SMTP_PORT');
        $mailer->SMTPAuth = true;
        $mailer->Username = getenv('STOA_SMTP_USER');
        $mailer->Password = getenv('STOA_SMTP_PASSWORD');
        // The relay is on the store's own network and offers no TLS.
        $mailer->SMTPSecure = '';
        $mailer->SMTPAutoTLS = false;
        $mailer->Timeout = 15;
    }, 999);
}
