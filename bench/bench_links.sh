#!/bin/bash
# bench_links - goodput over bad links: mnet to Linux, Linux to mnet and Linux to Linux in turn over
# the same emulated link (link_relay.c), in namespaces of their own. LINKS=full measures every link
# of links.py, several times; LINKS_TABLE=FILE writes a table as well.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MNET_RELEASE:?}"
for user in '' '--user --map-root-user'; do
    enter="unshare --net --pid --fork --kill-child --mount --mount-proc $user"
    # shellcheck disable=SC2086 # words
    if why=$($enter ip tuntap add dev tap0 mode tap 2>&1); then
        exec $enter python3 bench/links.py "$@"
    fi
done
echo "bench_links: no TAP interface can be made here ($(echo "$why" | tail -n 1))" >&2
