#!/usr/bin/env bash
# A throw-away PostgreSQL cluster on loopback, for tests.
#
#   postgres.sh start DIR PORT    postgres.sh stop DIR    postgres.sh status DIR
#
# Listens on 127.0.0.1:PORT and on a socket in DIR. Database `archive`, owned by the role `archive_owner`, which
# runs the migrations and owns the tables; the role `archive_app` owns nothing and is what the application signs
# in as (design: append-only ledgers are only safe from whoever does not own them). Both have the password
# `test`. Starting prints the two addresses as OWNER_URL=… and APP_URL=…; what the owner makes in the schema is
# granted to the application by default privileges. Durability is off: data are forgotten at `stop`.
# PostgreSQL refuses to run as root; then the cluster belongs to the user postgres (or nobody).
set -euo pipefail

usage() { sed -n '2,4p' "$0" >&2; exit 2; }
[[ $# -ge 2 ]] || usage
action=$1
dir=$(realpath -m "$2")
port=${3:-}

find_programs() { # newest first; Debian keeps them off the PATH
  local candidate
  for candidate in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV); do
    [[ -x $candidate/initdb ]] && { echo "$candidate"; return; }
  done
  dirname "$(command -v initdb)"
}

bin=$(find_programs) || { echo "postgres.sh: PostgreSQL is not installed (apt-get install postgresql)" >&2; exit 1; }

if [[ $(id -u) == 0 ]]; then
  account=$(id -un postgres 2>/dev/null || echo nobody)
  as() { (cd / && setpriv --reuid "$account" --regid "$(id -gn "$account")" --init-groups "$@"); }
else
  as() { "$@"; }
fi
sql() { as "$bin/psql" -qAtX -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres "$@"; }

start() {
  stop
  mkdir -p "$dir"
  rm -rf "$dir/data"
  if [[ $(id -u) == 0 ]]; then
    chown "$account" "$dir"
    as test -x "$dir" || { echo "postgres.sh: $account cannot reach $dir (a folder above it is closed)" >&2; exit 1; }
  fi
  as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-sync \
    --locale-provider=libc --locale=C.UTF-8 >/dev/null
  cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 120
shared_buffers = 64MB
timezone = 'Asia/Shanghai'
CONF
  cat >"$dir/data/pg_hba.conf" <<HBA
local all all trust
host  all all 127.0.0.1/32 scram-sha-256
HBA
  as "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 300 start >/dev/null
  # The owner may make databases: the test runner makes its own from the empty one.
  sql -d postgres >/dev/null <<SQL
create role archive_owner login createdb password 'test';
create role archive_app login password 'test';
create database archive owner archive_owner;
SQL
  # Granted in template1 too: the database that a test runner makes is a copy of it.
  local database
  for database in template1 archive; do
    sql -d "$database" >/dev/null <<SQL
alter schema public owner to archive_owner;
grant usage on schema public to archive_app;
alter default privileges for role archive_owner in schema public
  grant select, insert, update, delete on tables to archive_app;
alter default privileges for role archive_owner in schema public
  grant usage, select, update on sequences to archive_app;
SQL
  done
  echo "OWNER_URL=postgresql://archive_owner:test@127.0.0.1:$port/archive"
  echo "APP_URL=postgresql://archive_app:test@127.0.0.1:$port/archive"
}

stop() {
  [[ -s $dir/data/postmaster.pid ]] || return 0
  as "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 120 stop >/dev/null || true
}

case $action in
  start) [[ $port =~ ^[0-9]+$ ]] || usage; start ;;
  stop) stop ;;
  status) as "$bin/pg_ctl" -D "$dir/data" status ;;
  *) usage ;;
esac
