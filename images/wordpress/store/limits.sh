# Sourced by entry.sh: turns the site's limits into nginx's and PHP's. The image is never stricter than the edge, so that
# the edge, which knows the site, answers in its words. No process is started here: each would delay the first page.
#   STOA_MAX_BODY          largest request body in bytes
#   STOA_RESPONSE_SECONDS  how long an answer may take; 0: the platform sets no limit of the site's own
#   STOA_MEMORY            the container's memory in bytes; without it the control group's limit
whole_number() {  # VARIABLE NAME DEFAULT
  local v=${!2:-$3}
  case $v in '' | *[!0-9]*) echo "stoa: $2 must be a whole number." >&2; exit 1 ;; esac
  [ ${#v} -le 14 ] || v=99999999999999
  printf -v "$1" %d $((10#$v))
}
between() { printf -v "$1" %d $(($2 < $3 ? $3 : $2 > $4 ? $4 : $2)); }  # VARIABLE VALUE LEAST MOST

K=1024 M=$((1024 * 1024)) G=$((1024 * 1024 * 1024))
# Version 2 of control groups, then version 1. Without a limit they say "max" or a huge number.
{ read -r group </sys/fs/cgroup/memory.max || read -r group </sys/fs/cgroup/memory/memory.limit_in_bytes; } 2>/dev/null
case ${group:-} in '' | *[!0-9]*) group=0 ;; esac
whole_number body STOA_MAX_BODY $((100 * M + 64 * K))
whole_number seconds STOA_RESPONSE_SECONDS 300
whole_number memory STOA_MEMORY $group
[ $memory -gt 0 ] && [ $memory -le $((1024 * G)) ] || memory=$((512 * M))
[ $seconds -gt 0 ] || seconds=3600

# wp-admin shows upload_max_filesize without decimals, and a file of the size it shows must fit: 99.9 MB would be shown as
# 100 MB, so what is above a half stays just under it. 64 KiB are for the form around the file.
upload=$((body > 128 * K ? body - 64 * K : body / 2 + 1))
unit=$((upload >= G ? G : upload >= M ? M : K)) rest=$((upload % unit))
[ $((rest * 2)) -lt $unit ] || upload=$((upload - rest + unit * 49 / 100))
export STOA_PHP_UPLOAD=$upload STOA_PHP_POST=$((body + M))

if [ -n "${STOA_RESPONSE_SECONDS:-}" ]; then
  # The second one only ends what hangs for ever: a slow visitor's download may take longer than an answer.
  export STOA_PHP_SECONDS=$seconds STOA_PHP_TERMINATE=$((seconds + 3600))
fi
# One request may take half of the container's memory. A process takes 3 MB at rest and 15 to 60 MB at work.
between php_memory $((memory / 2 / M)) 128 1024
between workers $((memory / 64 / M)) 6 16
# ImageMagick's memory is beside PHP's, and it wants a place for its list of fonts.
between magick $((memory / 4 / M)) 64 512
export STOA_PHP_MEMORY=${php_memory}M STOA_PHP_WORKERS=$workers MAGICK_MEMORY_LIMIT=${magick}MiB XDG_CACHE_HOME=/tmp

printf '%s;\n' "client_max_body_size $((body + M))" "client_body_timeout $((seconds + 15))s" "send_timeout $((seconds + 15))s" \
  "fastcgi_send_timeout $((seconds + 15))s" "fastcgi_read_timeout $((seconds + 15))s" >/run/stoa/limits.conf
