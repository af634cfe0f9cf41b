#!/usr/bin/env bash
# Run a command with DATABASE_URL naming a throw-away PostgreSQL, which is gone afterwards whatever happens.
#
#   with_postgres.sh COMMAND…
#
# DATABASE_URL signs in as the owner of the tables, who may make test databases; APP_DATABASE_URL as the role
# that owns nothing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d -t postgres-XXXXXX)
chmod 711 "$folder" # the account that PostgreSQL runs as must pass
trap '"$here/postgres.sh" stop "$folder/cluster"; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port=$(python3 "$here/ports.py")
addresses=$("$here/postgres.sh" start "$folder/cluster" "$port")
export DATABASE_URL=$(sed -n 's/^OWNER_URL=//p' <<<"$addresses")
export APP_DATABASE_URL=$(sed -n 's/^APP_URL=//p' <<<"$addresses")
"$@"
