#!/bin/bash
# make run as scripts call it: it fetches everything, ends by itself, and leaves nothing behind.
set -u
: "${MNET_RELEASE:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
interfaces=$(ls /sys/class/net)

# demonstration NAME ARGUMENT...
demonstration()
{
    if ! timeout 120 scripts/run "${@:2}" </dev/null >"$dir/out" 2>&1; then
        echo "not ok $1: $(tail -n 1 "$dir/out")"
    elif ! grep -q 'all pages are as they are in the files' "$dir/out"; then
        echo "not ok $1: it does not say that all is well"
    elif [ "$(ls /sys/class/net)" != "$interfaces" ]; then
        echo "not ok $1: interfaces were left behind"
    elif ps -e -o args | grep -q '[h]ttpd-tap --net'; then
        echo "not ok $1: a server was left behind"
    else
        echo "ok $1"
    fi
}

demonstration run_fetches_all_and_leaves_nothing
demonstration simulation_fetches_all --sim
