#!/bin/sh
# The database's hooks, called as an argument list: stoa-db ping | dump | restore.
# Credentials come from the container's own environment; MYSQL_PWD keeps them off the command line.
set -eu
db=${DB_NAME:-store} user=${DB_USER:-store}
scratch=${db}_restore old=${db}_before saved=/var/lib/mysql/.tmp/before.sql
S=/run/mysqld/mysqld.sock
root() { MYSQL_PWD=$DB_ROOT_PASSWORD mariadb -uroot -S $S -N "$@"; }
dump() {
  MYSQL_PWD=$DB_ROOT_PASSWORD mariadb-dump -uroot -S $S --single-transaction --quick --skip-lock-tables \
    --no-tablespaces --triggers --routines --events --hex-blob --default-character-set=utf8mb4 "$1"
}
tables() { root -e "SELECT table_name FROM information_schema.tables WHERE table_schema='$1' AND table_type='BASE TABLE'"; }
programs() {
  root -e "SELECT 1 FROM information_schema.triggers WHERE trigger_schema IN ('$db','$scratch')
     UNION SELECT 1 FROM information_schema.views WHERE table_schema IN ('$db','$scratch')
     UNION SELECT 1 FROM information_schema.routines WHERE routine_schema IN ('$db','$scratch')
     UNION SELECT 1 FROM information_schema.events WHERE event_schema IN ('$db','$scratch')"
}
fresh() { root -e "DROP DATABASE IF EXISTS \`$1\`; CREATE DATABASE \`$1\`"; }
clean() {
  rm -f $saved $saved.new
  root -e "REVOKE IF EXISTS ALL ON \`$scratch\`.* FROM '$user'@'%'" 2>/dev/null || true
  root -e "DROP DATABASE IF EXISTS \`$scratch\`; DROP DATABASE IF EXISTS \`$old\`"
}
refuse() { clean; echo "stoa-db: $1 The database is unchanged." >&2; exit 1; }

# One RENAME statement is atomic: the old tables go out as the new ones come in.
swap() {
  fresh "$old"; list=
  for t in $(tables "$db"); do list="$list, \`$db\`.\`$t\` TO \`$old\`.\`$t\`"; done
  for t in $(tables "$scratch"); do list="$list, \`$scratch\`.\`$t\` TO \`$db\`.\`$t\`"; done
  root -e "SET SESSION foreign_key_checks=0; RENAME TABLE ${list#, }"
}
# Triggers, views and routines can't move between databases, so here the contents are replaced.
replace() {
  dump "$db" > $saved && dump "$scratch" > $saved.new || return 1
  fresh "$db"; root "$db" < $saved.new && return 0
  fresh "$db"; root "$db" < $saved; return 1
}

case ${1:-} in
ping)
  MYSQL_PWD=$DB_PASSWORD exec mariadb -u"$user" -S $S -N -e "SELECT 1" "$db" ;;
dump)
  dump "$db" ;;
restore)
  # Loaded aside first, and as the store's own user: a broken dump leaves the running store as it was,
  # and a hostile one can reach nothing but its own database.
  fresh "$scratch"
  root -e "GRANT ALL ON \`$scratch\`.* TO '$user'@'%'"
  MYSQL_PWD=$DB_PASSWORD mariadb -u"$user" -S $S --default-character-set=utf8mb4 "$scratch" ||
    refuse "The dump could not be loaded."
  [ -n "$(tables "$scratch")" ] || refuse "The dump holds no tables."
  if [ -z "$(programs)" ]; then swap || refuse "The tables could not be exchanged."
  else replace || refuse "The contents could not be replaced."; fi
  clean ;;
*)
  echo "usage: stoa-db ping | dump | restore" >&2; exit 2 ;;
esac
