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
. /opt/store/limits.sh
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
# A process that has served pages keeps about 12 MB more than a new one. One that hardly worked for a minute is replaced:
# SIGQUIT lets it finish what it may still be doing, and php-fpm starts the next; one after the other, so that some always
# wait. Ticks are hundredths of a second.
declare -A ticks=()
renew_resting() {
  local pid stat used
  for pid in /proc/[0-9]*; do
    read -r -a stat <$pid/stat && [ "${stat[3]}" = $fpm ] || continue
    pid=${pid#/proc/} used=$((stat[13] + stat[14]))
    if [ $used -ge 10 ] && [ $((used - ${ticks[$pid]:-0})) -lt 5 ]; then kill -QUIT $pid; sleep 1; fi
    ticks[$pid]=$used
  done
} 2>/dev/null
# WordPress's scheduled work is looked for every minute. Each run is a process of its own, at most three at once: one that
# hangs delays no other. Not at once: the first pages come first. The offset spreads a machine's stores.
every_minute() {
  local runs
  sleep $((5 + RANDOM % 50))
  while :; do
    runs=($(jobs -pr))
    if [ ${#runs[@]} -lt 3 ]; then nice timeout 540 php /opt/store/cron.php & fi
    renew_resting
    sleep 55
  done
}
warm & every_minute & minutely=$!

stop() { trap - TERM INT; kill $minutely; kill -QUIT $fpm $web; wait $fpm $web; exit 0; }
trap stop TERM INT
wait -n $fpm $web
echo "stoa: php-fpm or nginx ended; stopping." >&2
kill -QUIT $fpm $web 2>/dev/null
exit 1
