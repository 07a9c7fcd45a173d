#!/bin/bash
# bench_tap - mnet against the Linux kernel over TAP, beside the kernel against itself over a veth
# pair: the same Linux program on one end, the same work, in the same run. Prints `name value unit
# reference ratio` for bulk each way and for round trips of 64 bytes.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MNET_RELEASE:?}"
linux_peer=$MNET_RELEASE/tests/linux_peer
mnet_peer=$MNET_RELEASE/tests/mnet_peer
BYTES=4294967296
SOURCE_BYTES=1073741824
ROUNDS=20000
LINUX=10.0.0.1
MNET=10.0.0.2
VETH=10.0.1.2

if [ -z "${MNET_INSIDE:-}" ]; then
    for user in '' '--user --map-root-user'; do
        enter="unshare --net --pid --fork --kill-child --mount --mount-proc $user"
        if why=$($enter ip tuntap add dev tap0 mode tap 2>&1); then
            # shellcheck disable=SC2086 # words
            MNET_INSIDE=1 exec $enter "$0" "$@"
        fi
    done
    echo "bench_tap: no TAP interface can be made here ($(echo "$why" | tail -n 1))" >&2
    exit 0
fi

await()
{
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    echo "bench_tap: waited in vain for: $*" >&2
    exit 1
}

ip link set lo up
ip tuntap add dev tap0 mode tap
ip addr add $LINUX/24 dev tap0
ip link set tap0 up
"$mnet_peer" --net:service=tap0 --ipv4=$MNET/24 serve >/dev/null &

# The reference: a second namespace at the other end of a veth pair, with the kernel's own server.
unshare --net sleep infinity &
other=$!
apart()
{
    [ "$(readlink /proc/self/ns/net)" != "$(readlink /proc/$other/ns/net)" ]
}
await apart
inside="nsenter --target $other --net"
ip link add name veth0 type veth peer name veth1 netns $other
ip addr add 10.0.1.1/24 dev veth0
ip link set veth0 up
$inside ip addr add $VETH/24 dev veth1
$inside ip link set veth1 up
$inside "$linux_peer" serve &
await ping -c 1 -W 1 $MNET
await "$linux_peer" round $VETH 7 1

# ns COMMAND ADDRESS PORT AMOUNT - the best of three, in nanoseconds.
ns()
{
    for _ in 1 2 3; do
        "$linux_peer" "$@" || exit 1
    done | sed 's/.*, \([0-9]*\) ns/\1/' | sort -n | head -n 1
}

# figure NAME UNIT SCALE COMMAND PORT AMOUNT - SCALE is an awk expression of n, the nanoseconds.
figure()
{
    ours=$(ns "$4" $MNET "$5" "$6")
    reference=$(ns "$4" $VETH "$5" "$6")
    awk -v name="$1" -v unit="$2" -v ours="$ours" -v reference="$reference" -v amount="$6" "
        function value(n) { return $3 }
        BEGIN { printf \"%s %.2f %s %.2f %.2f\\n\", name, value(ours), unit, value(reference), value(ours) / value(reference) }"
}

figure tap_bulk_to_mnet Gbit/s 'amount * 8 / n' push 10 $BYTES
figure tap_bulk_from_mnet Gbit/s 'amount * 8 / n' pull 20 $SOURCE_BYTES
figure tap_round_trip us 'n / amount / 1000' round 7 $ROUNDS
