#!/usr/bin/env bash
# A private clamd for tests: its own folder, its own signatures (EICAR only), no download, no system service.
#   clamd.sh start DIR [PORT]     clamd.sh stop DIR
# Answers on unix://DIR/clamd.sock and, with PORT, on tcp://127.0.0.1:PORT. Needs the Debian package clamav-daemon.
set -euo pipefail
act=${1:?start|stop}; dir=$(realpath -m "${2:?folder}"); port=${3:-}

stop() {
  [[ -s $dir/clamd.pid ]] || return 0
  pid=$(cat "$dir/clamd.pid")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/clamd.pid" "$dir/clamd.sock"
}

case $act in
  stop) stop; exit 0;;
  start) ;;
  *) echo "start or stop" >&2; exit 2;;
esac
command -v clamd >/dev/null || { echo "clamd is not installed: apt-get install clamav-daemon" >&2; exit 3; }

stop
mkdir -p "$dir/db" "$dir/tmp"
# The EICAR test string in hexadecimal, cut in two so that no scanner takes this script for an infected file.
printf 'Eicar-Test:0:*:%s%s\n' \
  58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d \
  414e544956495255532d544553542d46494c452124482b482a >"$dir/db/test.ndb"
cat >"$dir/clamd.conf" <<CONF
DatabaseDirectory $dir/db
TemporaryDirectory $dir/tmp
LocalSocket $dir/clamd.sock
LocalSocketMode 600
LogFile $dir/clamd.log
Foreground yes
User $(id -un)
StreamMaxLength ${CLAMD_STREAM_MAX:-20M}
MaxScanSize 400M
MaxFileSize 200M
AlertExceedsMax yes
MaxThreads 2
ConcurrentDatabaseReload no
SelfCheck 3600
CONF
[[ -n $port ]] && printf 'TCPSocket %s\nTCPAddr 127.0.0.1\n' "$port" >>"$dir/clamd.conf"

setsid clamd --config-file="$dir/clamd.conf" >"$dir/clamd.out" 2>&1 </dev/null &
echo $! >"$dir/clamd.pid"
for _ in $(seq 2400); do
  [[ -S $dir/clamd.sock ]] && { echo "unix://$dir/clamd.sock"; exit 0; }
  kill -0 "$(cat "$dir/clamd.pid")" 2>/dev/null || break
  sleep 0.05
done
echo "clamd did not start:" >&2; cat "$dir/clamd.out" "$dir/clamd.log" >&2 2>/dev/null || true
exit 1
