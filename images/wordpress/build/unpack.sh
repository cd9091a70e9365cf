#!/bin/sh
# WordPress to /srv/wp, and what the image provides for wp-content (default theme, WooCommerce) to
# /opt/wp-content. A store's volume only gets symbolic links to the latter: nothing to copy at the first
# start, and a new image brings the new version.   usage: unpack.sh PHP
set -eu
fail() { echo "unpack: $*" >&2; exit 1; }
default_theme() { sed -n "s/.*'WP_DEFAULT_THEME', '\([a-z0-9]*\)'.*/\1/p" $1/wp-includes/default-constants.php; }

mkdir -p /srv /tmp/deb
if [ -s /tmp/sources/wordpress.tar.gz ]; then
  tar -C /srv --no-same-owner -xzf /tmp/sources/wordpress.tar.gz && mv /srv/wordpress /srv/wp
else
  # Debian's package, unpacked and not installed: its dependencies (Apache or another server, a database client,
  # Perl) are not wanted. Its symbolic links into other packages are flattened into one tree.
  apt-get update -qq
  get() { (cd /tmp/deb && apt-get download -qq "$@" && for f in *.deb; do dpkg-deb -x $f / && rm $f; done); }
  get wordpress php-getid3 libjs-cropper libjs-lodash libjs-underscore
  get wordpress-theme-$(default_theme /usr/share/wordpress)
  rm -f /usr/share/wordpress/.htaccess /usr/share/wordpress/wp-content/languages
  cp -aL /usr/share/wordpress /srv/wp || fail "a file of Debian's package points nowhere"
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/wordpress /var/lib/wordpress /usr/share/javascript \
    /usr/share/php /usr/share/nodejs /etc/wordpress
fi
[ -f /srv/wp/wp-includes/version.php ] || fail "this is not WordPress"
theme=$(default_theme /srv/wp)
mkdir -p /opt/wp-content/themes /opt/wp-content/plugins /opt/store/wp-content/themes /opt/store/wp-content/plugins /opt/store/wp-content/uploads
mv /srv/wp/wp-content/themes/$theme /opt/wp-content/themes/ || fail "this WordPress comes without its default theme $theme"
rm -rf /srv/wp/wp-content /srv/wp/wp-config.php /tmp/deb
mkdir /srv/wp/wp-content
if [ -s /tmp/sources/woocommerce.zip ]; then
  php -r '$z = new ZipArchive; exit($z->open("/tmp/sources/woocommerce.zip") === true && $z->extractTo("/opt/wp-content/plugins") ? 0 : 1);' ||
    fail "woocommerce.zip is not a zip archive"
  [ -f /opt/wp-content/plugins/woocommerce/woocommerce.php ] || fail "woocommerce.zip holds no woocommerce/woocommerce.php"
fi
# The skeleton that entry.sh copies into a new, empty volume.
for p in themes/$theme plugins/woocommerce; do
  if [ -d /opt/wp-content/$p ]; then ln -s /opt/wp-content/$p /opt/store/wp-content/$p; fi
done
for d in themes plugins uploads; do echo '<?php // Silence is golden.' > /opt/store/wp-content/$d/index.php; done
chown -R root:root /srv /opt
