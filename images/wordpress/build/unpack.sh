#!/bin/sh
# Everything of ours and of WordPress's, laid out under OUT as it will be in the image.   usage: unpack.sh IN OUT
# What the image provides for wp-content (default theme, WooCommerce) goes to /opt/wp-content; a store's volume gets
# symbolic links to it: nothing to copy at the first start, and a new image brings the new version.
set -eu
in=$1 out=$2
fail() { echo "unpack: $*" >&2; exit 1; }
default_theme() { sed -n "s/.*'WP_DEFAULT_THEME', '\([a-z0-9]*\)'.*/\1/p" $1/wp-includes/default-constants.php; }

mkdir -p $out/srv $out/opt/store $out/etc/stoa /tmp/deb
wp=$out/srv/wp content=$out/opt/wp-content skeleton=$out/opt/store/wp-content
if [ -s $in/sources/wordpress.tar.gz ]; then
  tar -C $out/srv --no-same-owner -xzf $in/sources/wordpress.tar.gz && mv $out/srv/wordpress $wp
else
  # Debian's package, unpacked and not installed: its dependencies (Apache or another server, a database client,
  # Perl) are not wanted. Its symbolic links into other packages are flattened into one tree.
  apt-get update -qq
  get() { (cd /tmp/deb && apt-get download -qq "$@" && for f in *.deb; do dpkg-deb -x $f / && rm $f; done); }
  get wordpress php-getid3 libjs-cropper libjs-lodash libjs-underscore
  get wordpress-theme-$(default_theme /usr/share/wordpress)
  rm -rf /usr/share/wordpress/.htaccess /usr/share/wordpress/wp-content/languages
  cp -aL /usr/share/wordpress $wp || fail "a file of Debian's package points nowhere"
fi
[ -f $wp/wp-includes/version.php ] || fail "this is not WordPress"
theme=$(default_theme $wp)
mkdir -p $content/themes $content/plugins $skeleton/themes $skeleton/plugins $skeleton/uploads
mv $wp/wp-content/themes/$theme $content/themes/ || fail "this WordPress comes without its default theme $theme"
rm -rf $wp/wp-content $wp/wp-config.php
if [ -s $in/sources/woocommerce.zip ]; then
  php -r '$z = new ZipArchive; exit($z->open($argv[1]) === true && $z->extractTo($argv[2]) ? 0 : 1);' $in/sources/woocommerce.zip $content/plugins ||
    fail "woocommerce.zip is not a zip archive"
  [ -f $content/plugins/woocommerce/woocommerce.php ] || fail "woocommerce.zip holds no woocommerce/woocommerce.php"
fi
cp -r $in/store/. $out/opt/store/
cp $in/etc/*.conf $in/etc/*.ini $in/etc/*.xml $out/etc/stoa/
cp $in/etc/wp-config.php $wp/
# The skeleton that entry.sh copies into a new, empty volume.
for p in themes/$theme plugins/woocommerce; do
  if [ -d $content/$p ]; then ln -s /opt/wp-content/$p $skeleton/$p; fi
done
for d in themes plugins uploads; do echo '<?php // Silence is golden.' > $skeleton/$d/index.php; done
chown -R root:root $out
chmod -R a+rX,go-w $out
chmod 755 $out/opt/store/entry.sh
install -d -o www-data -g www-data $wp/wp-content
