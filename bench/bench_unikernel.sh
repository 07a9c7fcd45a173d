#!/bin/bash
# bench_unikernel - how small a unikernel is, and how soon it is there: the example echo on Solo5's spt, beside the figures that the OCaml
# system whose counterpart mnet is had there: 3.14 MB, 13.7 ms, 114 ms and 16 MiB.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MNET_RELEASE:?}"
LINUX=10.0.0.1
MNET=10.0.0.2
STARTS=40
CONNECTIONS=100
image=$MNET_RELEASE/examples/echo-spt
why=
command -v solo5-spt >/dev/null || why='there is no solo5-spt on PATH'
[ -x "$image" ] || why=${why:-'it was built without the toolchain of Solo5'}
if [ -n "$why" ]; then
    echo "bench_unikernel: skipped: $why" >&2
    exit 0
fi

if [ -z "${MNET_INSIDE:-}" ]; then
    for user in '' '--user --map-root-user'; do
        enter="unshare --net --pid --fork --kill-child --mount --mount-proc $user"
        if why=$($enter ip tuntap add dev tap0 mode tap 2>&1); then
            # shellcheck disable=SC2086 # words
            MNET_INSIDE=1 exec $enter "$0" "$@"
        fi
    done
    echo "bench_unikernel: skipped: no TAP interface can be made here ($(echo "$why" | tail -n 1))" >&2
    exit 0
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
ip link set lo up
ip tuntap add dev tap0 mode tap
ip addr add $LINUX/24 dev tap0
ip link set tap0 up

# figure NAME VALUE UNIT REFERENCE
figure()
{
    awk -v name="$1" -v value="$2" -v unit="$3" -v reference="$4" \
        'BEGIN { printf "%s %.2f %s %.2f %.3f\n", name, value, unit, reference, value / reference }'
}

# The least of the numbers in a column of a file.
best()
{
    awk -v column="$1" '{ print $column }' "$2" | sort -n | head -n 1
}

strip -o "$dir/echo" "$image" 2>/dev/null || cp "$image" "$dir/echo"
figure spt_echo_size "$(stat -c %s "$dir/echo" | awk '{ print $1 / 1024 }')" KiB 3066

for _ in $(seq $STARTS); do
    ip neigh flush dev tap0
    "$MNET_RELEASE/bench/unikernel_start" $MNET 9000 solo5-spt --mem=32 --net:service=tap0 -- "$dir/echo" --solo5:quiet \
        --ipv4=$MNET/24 || exit 1
done >"$dir/starts"
figure spt_exec_to_listening "$(best 1 "$dir/starts" | awk '{ print $1 / 1e6 }')" ms 13.7
figure spt_listening_to_first_connection "$(best 2 "$dir/starts" | awk '{ print $1 / 1e6 }')" ms 100.3

# holds MIB - whether so much memory is enough for the connections.
holds()
{
    solo5-spt "--mem=$1" --net:service=tap0 -- "$dir/echo" --solo5:quiet --ipv4=$MNET/24 >/dev/null &
    guest=$!
    ping -c 1 -W 1 -q $MNET >/dev/null 2>&1
    timeout 5 "$MNET_RELEASE/tests/linux_peer" parallel $MNET 9000 $CONNECTIONS >/dev/null 2>&1
    status=$?
    kill $guest 2>/dev/null
    wait $guest 2>/dev/null
    return $status
}

least=3
until holds $least || [ $least = 64 ]; do
    least=$((least + 1))
done
figure spt_memory_for_100_connections $least MiB 16
