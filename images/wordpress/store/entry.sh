#!/bin/bash
# php-fpm and nginx, no supervisor: if either goes, the container goes, and the engine's restart policy acts.
set -u
C=/srv/wp/wp-content
[ -w $C ] || { echo "stoa: $C is not writable by uid $(id -u); mount a volume there." >&2; exit 1; }
# A new, empty volume (Docker's or Kubernetes's) gets the skeleton; index.php comes last and says "complete".
if [ ! -e $C/index.php ]; then
  cp -R -P /opt/store/wp-content/. $C/ && cp $C/plugins/index.php $C/index.php || exit 1
fi
mkdir -p $C/.stoa/tmp /run/stoa/opcache
for d in /opt/opcache/*; do [ -d "$d" ] && ln -sfn "$d" /run/stoa/opcache/; done

php-fpm --nodaemonize & fpm=$!
nginx & web=$!

# The compiled files are read into shared memory while the database is still starting.
warm() {
  [ -s /opt/warm/warm.list ] || return
  for _ in {1..200}; do
    if [ -S /run/stoa/fpm.sock ] && exec 3<>/dev/tcp/127.0.0.1/8080; then
      printf 'GET /stoa-warm HTTP/1.0\r\n\r\n' >&3; read -r -t 20 <&3; return
    fi
    read -r -t 0.01 <> <(:)
  done
} 2>/dev/null
# WordPress's scheduled work. Not at once: the first pages come first. The offset spreads a machine's stores.
cron() {
  sleep $((120 + RANDOM % 480))
  while :; do nice timeout 540 php /opt/store/cron.php; sleep 600; done
}
warm & cron & cron=$!

stop() { trap - TERM INT; kill $cron; kill -QUIT $fpm $web; wait $fpm $web; exit 0; }
trap stop TERM INT
wait -n $fpm $web
echo "stoa: php-fpm or nginx ended; stopping." >&2
kill -QUIT $fpm $web 2>/dev/null
exit 1
