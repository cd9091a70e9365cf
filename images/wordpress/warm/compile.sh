#!/bin/bash
# Build time only. Three things make this cache right:
# - php-fpm itself compiles: its cache key ("system id") differs from the command line's;
# - file_cache_only: entries written next to a shared-memory cache gave wrong classes at run time;
# - the finished tree is root's, so a running store reads it and can't add to it.
set -eu
# What plugins wrote into the template's wp-content becomes part of the skeleton of every new volume.
cp -R -P /opt/warm/wp-content/. /opt/store/wp-content/
rm -r /opt/warm/wp-content
chmod -R u+rwX,a+rX,go-w /opt/store/wp-content
install -d -o www-data -g www-data /opt/opcache /srv/wp/wp-content/.stoa
install -m 644 /opt/warm/compile.php /srv/wp/zz-compile.php
touch -d '1 hour ago' /srv/wp/zz-compile.php    # opcache leaves files alone that are younger than 2 seconds
run() { setpriv --reuid 33 --regid 33 --clear-groups --no-new-privs "$@"; }
install -o www-data /dev/null /tmp/fpm.log    # php-fpm opens its standard error by name
run php-fpm --nodaemonize -d opcache.file_cache=/opt/opcache -d opcache.file_cache_only=1 -d memory_limit=2G >/tmp/fpm.log 2>&1 & f=$!
run nginx & n=$!
for _ in $(seq 100); do [ -S /run/stoa/fpm.sock ] && break; sleep 0.1; done
sleep 0.3
out=$(php -r 'echo file_get_contents("http://127.0.0.1:8080/zz-compile.php", false,
  stream_context_create(["http" => ["timeout" => 900, "ignore_errors" => true]]));')
kill $f $n; wait || true
echo "$out"
case $out in compiled*) ;; *) cat /tmp/fpm.log >&2; echo "compile: opcache's file cache could not be made" >&2; exit 1 ;; esac
rm -rf /srv/wp/zz-compile.php /srv/wp/wp-content/.stoa /tmp/* /run/stoa/*
find /opt/opcache -name 'zz-compile.php.bin' -delete
chown -R root:root /opt/opcache; chmod -R a+rX,go-w /opt/opcache
[ "$(ls /opt/opcache | wc -l)" = 1 ] || { echo "compile: expected one system id in /opt/opcache" >&2; exit 1; }
du -sh /opt/opcache
