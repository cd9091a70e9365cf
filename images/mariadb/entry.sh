#!/bin/sh
# First start: unpack the prepared data directory. Every start: run the server once, with the accounts
# of the environment sent to it on a pipe, so that no password is ever written beside the data.
set -eu
LC_ALL=C
D=/var/lib/mysql
fail() { echo "stoa-db: $*" >&2; exit 1; }

# These go into SQL below, so nothing but plain letters and digits may pass.
secret() {
  case $2 in *[!A-Za-z0-9]*) fail "$1 may contain only A-Z, a-z and 0-9." ;; esac
  [ ${#2} -ge 24 ] || fail "$1 must be set and have at least 24 characters."
}
name() {
  case $2 in ''|*[!A-Za-z0-9_]*) fail "$1 must be set and contain only A-Z, a-z, 0-9 and _." ;; esac
  [ ${#2} -le 64 ] || fail "$1 may have at most 64 characters."
}
DB_NAME=${DB_NAME:-store} DB_USER=${DB_USER:-store}
secret DB_ROOT_PASSWORD "${DB_ROOT_PASSWORD:-}"
secret DB_PASSWORD "${DB_PASSWORD:-}"
name DB_NAME "$DB_NAME"
name DB_USER "$DB_USER"
case $DB_USER in root|mariadb.sys|mysql) fail "DB_USER may not be $DB_USER." ;; esac
case $DB_NAME in mysql|sys|information_schema|performance_schema) fail "DB_NAME may not be $DB_NAME." ;; esac
[ -w $D ] || fail "$D is not writable by uid $(id -u); mount a volume there."

# The marker tells an interrupted first unpack, which may be done over, from a customer's data, which
# may never be touched.
if [ -e $D/.stoa-unpacking ] || [ ! -d $D/mysql ]; then
  : > $D/.stoa-unpacking
  tar -C $D --no-same-owner -xf /opt/stoa/data.tar
  rm $D/.stoa-unpacking
  # Flushing now would delay the first page; a power cut within these seconds fails a provisioning
  # that is still running. Ignoring SIGCHLD survives exec and lets the kernel reap this helper.
  trap '' CHLD
  ( sleep 5; sync -f $D ) >/dev/null 2>&1 &
fi
mkdir -p $D/.tmp /run/mysqld

accounts() {
  echo "ALTER USER root@localhost IDENTIFIED BY '$DB_ROOT_PASSWORD';"
  echo "CREATE DATABASE IF NOT EXISTS \`$DB_NAME\`;"
  # The template's database is called store; another name takes its tables over, once.
  if [ "$DB_NAME" != store ] && [ -d $D/store ] && [ -r /opt/stoa/template-tables ]; then
    while read -r t; do echo "RENAME TABLE IF EXISTS store.$t TO \`$DB_NAME\`.$t;"; done < /opt/stoa/template-tables
  fi
  echo "CREATE OR REPLACE USER '$DB_USER'@'%' IDENTIFIED BY '$DB_PASSWORD';"
  echo "GRANT ALL ON \`$DB_NAME\`.* TO '$DB_USER'@'%';"
}
exec mariadbd --bind-address=0.0.0.0 --init-file=/dev/fd/3 3<<SQL
$(accounts)
SQL
