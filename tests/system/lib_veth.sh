# shellcheck shell=bash disable=SC2034 # used by the scripts that read this file
# The part of tests on a pair of existing interfaces that they share; sourced after lib.sh, not run.
# veth0 is here, veth1 in the namespace `peer`. The kernel on the same interface as mnet has $HOST
# and $HOST6.
HOST=10.0.0.3
HOST6=fd00::3
LINUX6=fd00::1
MNET6=fd00::2
OWN=,mac=02:00:00:00:00:02 # always the same one, so that the peer need not learn another

# make_peer - the namespace, instead of lib.sh's interface.
make_peer()
{
    mount -t tmpfs tmpfs /run # where namespaces get names
    ip link del tap0
    ip netns add peer
    ip -n peer link set lo up
}

# in_peer COMMAND...
in_peer()
{
    ip netns exec peer "$@"
}

make_veth()
{
    ip link add veth0 type veth peer name veth1 netns peer
    ip addr add $HOST/24 dev veth0
    ip addr add $HOST6/64 dev veth0 nodad
    ip -n peer addr add "$LINUX/24" dev veth1
    ip -n peer addr add $LINUX6/64 dev veth1 nodad
    ip -n peer link set veth1 up
    ip link set veth0 up
}

# Both families of mnet, at $MNET and $MNET6.
answers()
{
    in_peer ping -c 1 -W 1 -q "$MNET" && in_peer ping -c 1 -W 1 -q $MNET6
}
