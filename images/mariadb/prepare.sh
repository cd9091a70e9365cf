#!/bin/sh
# Build time only. "prepare.sh init" makes the data directory; "prepare.sh load FILE" adds a dump as the
# database `store`. The result is one uncompressed, sparse tar of some 4 MB: entry.sh unpacks it in a few milliseconds.
set -eu
D=/var/lib/mysql/build S=/run/mysqld/build.sock TAR=/opt/stoa/data.tar
sql() { mariadb -S $S "$@"; }

mkdir -p $D/.tmp && chown -R mysql $D
case $1 in
init) mariadb-install-db --user=mysql --datadir=$D --tmpdir=$D/.tmp --skip-test-db --skip-name-resolve \
        --auth-root-authentication-method=socket >/dev/null ;;
load) tar -C $D -xf $TAR ;;
esac
chown -R mysql $D

mariadbd --user=mysql --datadir=$D --tmpdir=$D/.tmp --socket=$S --pid-file=/run/mysqld/build.pid \
  --skip-networking >/tmp/log 2>&1 & pid=$!
n=0; until mariadb-admin -S $S ping >/dev/null 2>&1; do
  n=$((n+1)); [ $n -lt 300 ] || { cat /tmp/log >&2; echo "prepare: MariaDB did not start" >&2; exit 1; }
  sleep 0.1
done
case $1 in
init)
  # Not needed by a store, and every file costs a little at each first start.
  sql -e "DROP DATABASE IF EXISTS sys"
  for t in help_topic help_category help_keyword help_relation; do sql -e "TRUNCATE TABLE mysql.$t"; done ;;
load)
  sql -e "CREATE DATABASE store"
  sql store < "$2"
  sql -N -e "SELECT table_name FROM information_schema.tables WHERE table_schema='store'" > /opt/stoa/template-tables ;;
esac
# A slow shutdown leaves nothing to purge and nothing to recover.
sql -e "SET GLOBAL innodb_fast_shutdown=0"
mariadb-admin -S $S shutdown
wait $pid
rm -f $D/*.err $D/*.pid $D/ib_buffer_pool $D/ibtmp1 $D/ddl_recovery*.log $D/tc.log
# Most of these two files is zeros: as holes they need not be written at a first start.
fallocate --dig-holes $D/ibdata1 && fallocate --dig-holes $D/ib_logfile0
tar -C $D --sparse -cf $TAR .
rm -rf $D /tmp/log
ls -l $TAR
