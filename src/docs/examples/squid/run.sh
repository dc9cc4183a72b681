#!/usr/bin/env bash
# The proxy study: Debian's squid with a disk cache, under requests none of which it has the answer to; kernopt blame searches its main loop, and what it writes to disk.
# Wants: apt-get install squid nginx-light wrk. Run as root. Usage: run.sh [FOLDER [BLAME OPTIONS...]]
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
kernopt=${KERNOPT:-$here/../../../../kernopt}
folder=${1:-$(mktemp -d)}
shift || true
proxy_port=${PROXY_PORT:-13128}
export ORIGIN_PORT=${ORIGIN_PORT:-18081}
mkdir -p "$folder"
chmod 755 "$folder"

# The origin: the same 64 KiB for every address, which may be kept for an hour.
head -c 65536 /dev/urandom >"$folder/body"
cat >"$folder/nginx.conf" <<NGINX
daemon off; master_process off; pid $folder/nginx.pid; error_log $folder/nginx.log;
events {}
http {
  access_log off;
  server { listen 127.0.0.1:$ORIGIN_PORT; location / { root $folder; rewrite ^ /body break; expires 1h; } }
}
NGINX

# A cache of 64 MB on disk, in squid's own file-system format, and next to none in memory: it is full after a thousand objects, and replaces one for each that comes.
mkdir -p "$folder/cache"
chown proxy "$folder/cache"
cat >"$folder/squid.conf" <<SQUID
http_port 127.0.0.1:$proxy_port
http_access allow all
cache_dir ufs $folder/cache 64 16 256
cache_mem 1 MB
maximum_object_size_in_memory 4 KB
access_log none
cache_store_log none
cache_log $folder/cache.log
pid_filename none
pinger_enable off
shutdown_lifetime 1 seconds
SQUID
chown proxy "$folder"
squid -N -z -f "$folder/squid.conf" >"$folder/squid-z.log" 2>&1

nginx -c "$folder/nginx.conf" & origin=$!
squid -N -f "$folder/squid.conf" >"$folder/squid.log" 2>&1 & proxy=$!
trap 'kill $load $proxy $origin 2>/dev/null; wait 2>/dev/null' EXIT
load=
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$proxy_port") 2>/dev/null && break; sleep 0.1; done
wrk -t1 -c8 -d 10m -s "$here/miss.lua" "http://127.0.0.1:$proxy_port" >"$folder/wrk.log" 2>&1 & load=$!
# Until the cache is full.
for _ in $(seq 60); do (($(du -sm "$folder/cache" | cut -f1) >= 56)) && break; sleep 1; done
echo "$(du -sm "$folder/cache" | cut -f1) MB in $(find "$folder/cache" -type f | wc -l) files on $(df --output=fstype "$folder" | tail -1)"
# Its main loop; and, of the answers that it has not, what it keeps on disk.
for root in ${ROOTS:-_ZN9EventLoop7runOnceEv _ZN10StoreEntry7swapOutEv}; do
  echo "== $root"
  "$kernopt" blame --pid "$proxy" --root "$root" --svg "$folder/$root.svg" "$@" || (($? == 2))
done
tail -4 "$folder/wrk.log"
