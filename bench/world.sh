# For benchmarks against the Linux kernel, which source this: a network namespace with the TAP
# interface tap0 (LINUX at the kernel's end, MNET at the other), and for the reference a second
# namespace with VETH, at the other end of a veth pair. Where there can be none, the benchmark says
# so and ends.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MNET_RELEASE:?}"
bench=$(basename "$0" .sh)
LINUX=10.0.0.1
# shellcheck disable=SC2034 # of those that source this
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
    echo "$bench: no TAP interface can be made here ($(echo "$why" | tail -n 1))" >&2
    exit 0
fi

# await COMMAND... - until it succeeds, for ten seconds.
await()
{
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    echo "$bench: waited in vain for: $*" >&2
    exit 1
}

ip link set lo up
ip tuntap add dev tap0 mode tap
ip addr add $LINUX/24 dev tap0
ip link set tap0 up

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
$inside ip link set lo up
$inside ip addr add $VETH/24 dev veth1
$inside ip link set veth1 up
