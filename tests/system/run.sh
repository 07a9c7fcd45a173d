#!/bin/bash
# make run, run-tap and sim as scripts call them: they fetch everything, end by themselves, and
# leave nothing behind.
set -u
: "${MNET_RELEASE:?}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
interfaces=$(ls /sys/class/net)
# Processes of the demonstrations are known by this in their environment: there may be other servers
# on the machine.
mark=MNET_TEST_RUN=$(basename "$dir")

survivors()
{
    grep -qz "^$mark\$" /proc/[0-9]*/environ 2>/dev/null
}

# demonstration NAME COMMAND...
demonstration()
{
    if ! env "$mark" timeout 120 "${@:2}" </dev/null >"$dir/out" 2>&1; then
        echo "not ok $1: $(tail -n 1 "$dir/out")"
    elif ! grep -q 'all pages are as they are in the files' "$dir/out"; then
        echo "not ok $1: it does not say that all is well"
    elif [ "$1" != simulation_fetches_all ] && ! grep -q '^  200 .* http://\[fd00::\|this kernel has no IPv6' "$dir/out"; then
        echo "not ok $1: nothing came over IPv6"
    elif [ "$(ls /sys/class/net)" != "$interfaces" ]; then
        echo "not ok $1: interfaces were left behind"
    elif survivors; then
        echo "not ok $1: a process was left behind"
    else
        echo "ok $1"
    fi
}

if command -v qemu-system-x86_64 >/dev/null; then
    demonstration machine_serves_all_and_leaves_nothing scripts/run
else
    echo 'skip machine_serves_all_and_leaves_nothing: there is no qemu-system-x86_64'
fi
demonstration run_fetches_all_and_leaves_nothing scripts/run-tap
demonstration simulation_fetches_all scripts/run-tap --sim
