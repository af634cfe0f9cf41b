#!/usr/bin/env bash
# A real S3 server with Object Lock on loopback, for tests: Ceph's gateway over one monitor and one OSD.
#
#   radosgw.sh start DIR PORT     radosgw.sh stop DIR     radosgw.sh status DIR
#
# Everything lies in DIR, the objects in memory: stopping forgets them. PORT serves S3, PORT+1 and PORT+2 the
# monitor. Start takes about 15 seconds, because the cluster is made anew. Keys: S3_ACCESS_KEY / S3_SECRET_KEY,
# by default testaccess / testsecret-testsecret. Needs Debian's radosgw ceph-mon ceph-osd ceph-common, curl.
# Not for production data.
set -euo pipefail

usage() { sed -n '2,5p' "$0" >&2; exit 2; }
[[ $# -ge 2 ]] || usage
action=$1
dir=$(realpath -m "$2")
port=${3:-}
conf=$dir/ceph.conf
daemons=(mon osd rgw)

running() { [[ -s $dir/$1.pid ]] && kill -0 "$(cat "$dir/$1.pid")" 2>/dev/null; }

await() { # SECONDS COMMAND…: until the command succeeds
  local until=$((SECONDS + $1)); shift
  while ((SECONDS < until)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  return 1
}

give_up() { echo "radosgw.sh: $1; see $dir/log" >&2; stop_all; exit 1; }

launch() { # NAME COMMAND…: in a session of its own, so that a Ctrl-C meant for the tests does not reach it
  local name=$1; shift
  setsid "$@" >"$dir/log/$name.out" 2>&1 </dev/null &
  echo $! >"$dir/$name.pid"
}

stop_all() {
  local name
  for name in rgw osd mon; do running $name && kill "$(cat "$dir/$name.pid")" || true; done
  for name in rgw osd mon; do
    for _ in {1..40}; do running $name || break; sleep 0.1; done
    running $name && kill -9 "$(cat "$dir/$name.pid")" || true
    rm -f "$dir/$name.pid"
  done
}

ceph_() { timeout 120 ceph -c "$conf" --connect-timeout 60 "$@"; }
osd_is_up() { ceph_ osd stat | grep -q '1 up'; }

write_conf() {
  cat >"$conf" <<CONF
[global]
fsid = $fsid
mon initial members = a
mon host = [v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
# cephx throughout: without it the gateway hangs in authentication for ever
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = $dir/keyring
run dir = $dir/run
admin socket = $dir/run/\$name.asok
log file = $dir/log/\$name.log
crash dir = $dir/crash
# one of everything
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
[mon.a]
mon data = $dir/mon
mon data avail warn = 2
mon data avail crit = 1
[osd.0]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = ${RADOSGW_BYTES:-4294967296}
memstore page set = false
osd op num shards = 2
osd max object name len = 1024
[client.rgw.test]
keyring = $dir/keyring
rgw data = $dir/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw thread pool size = 32
rgw dns name = localhost
rgw enable apis = s3, admin
# give the room of deleted objects back in seconds; by default it takes two hours, and then the memory is full
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw gc processor max time = 5
rgw crypt require ssl = false
CONF
}

make_keys() {
  (umask 077 && ceph-authtool --create-keyring "$dir/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null)
  ceph-authtool "$dir/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' >/dev/null
  ceph-authtool "$dir/keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' >/dev/null
  ceph-authtool "$dir/keyring" --gen-key -n client.rgw.test --cap mon 'allow rw' --cap osd 'allow rwx' >/dev/null
}

start_all() {
  stop_all
  rm -rf "$dir"/{mon,osd,rgw,run,log,crash}
  rm -f "$dir"/{keyring,monmap,user.json}
  mkdir -p "$dir"/{mon,osd,rgw,run,log,crash}
  fsid=$(cat /proc/sys/kernel/random/uuid)
  write_conf
  make_keys
  monmaptool --create --clobber --fsid "$fsid" \
    --addv a "[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]" "$dir/monmap" >/dev/null
  ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap" --keyring "$dir/keyring" >/dev/null

  launch mon ceph-mon -c "$conf" -i a -f
  await 200 ceph_ mon stat || give_up "the monitor did not start"
  osd=$(cat /proc/sys/kernel/random/uuid)
  ceph_ osd new "$osd" >/dev/null
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" >"$dir/log/osd-mkfs.out" 2>&1
  launch osd ceph-osd -c "$conf" -i 0 -f
  await 200 osd_is_up || give_up "the object daemon did not start"
  launch rgw radosgw -c "$conf" -n client.rgw.test -f
  await 600 curl -sf --noproxy '*' -o /dev/null "http://127.0.0.1:$port/" || give_up "the gateway did not start"
  timeout 600 radosgw-admin -c "$conf" -n client.rgw.test user create --uid=archive --display-name=archive --max-buckets=100000 \
    --access-key="${S3_ACCESS_KEY:-testaccess}" --secret-key="${S3_SECRET_KEY:-testsecret-testsecret}" \
    >"$dir/user.json" 2>"$dir/log/user.out" || give_up "the user could not be made"
  echo "http://127.0.0.1:$port"
}

case $action in
  start) [[ $port =~ ^[0-9]+$ ]] || usage; start_all ;;
  stop) stop_all ;;
  status)
    all=0
    for name in "${daemons[@]}"; do
      if running "$name"; then echo "$name up"; else echo "$name down"; all=1; fi
    done
    exit $all ;;
  *) usage ;;
esac
