#!/bin/bash
# The packet port with AF_XDP on an existing interface, veth0: frames to mnet do not pass the host's
# kernel, which goes on beside it. The other end is in a network namespace of its own, where Linux
# is the peer. It completes its checksums: a veth hands frames to XDP as they are.
# waits: for interfaces and programs to start.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_veth.sh
. "$(dirname "$0")/lib_veth.sh"
PATH=$PATH:/usr/sbin
enter_namespaces "$@"
echo=$MNET_DEBUG/examples/echo-packet
peers=$(dirname "$0")/peers

make_peer

make_plain_veth()
{
    make_veth
    in_peer python3 "$peers/plain_interface.py" veth1
}
make_plain_veth

begin()
{
    # shellcheck disable=SC2086 # words
    "$1" --net:service="xdp:veth0$OWN" --ipv4=$MNET/24 --ipv6=$MNET6/64 ${OPTIONS:-} "${@:2}" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await answers
}

serves()
{
    begin "$echo"
    bytes 5000000 xdp >"$dir/sent"
    for address in $MNET $MNET6; do
        in_peer timeout 60 nc -N "$address" 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
        cmp "$dir/sent" "$dir/received" || fail "$address: what came back is not what was sent"
    done
    for size in 0 56 1472 1473 20000; do
        in_peer ping -c 2 -i 0.05 -W 2 -q -s $size $MNET || fail "no answer to a ping of $size bytes"
    done
    in_peer "$MNET_DEBUG/tests/linux_peer" parallel $MNET 9000 64 || fail '64 clients at a time'
    in_peer ping -c 1 -W 1 -q $HOST || fail 'the kernel does not answer any more'
    ip -d link show veth0 | grep -q 'xdp' || fail 'there is no program on the interface'
    stop
    ! ip -d link show veth0 | grep -q 'prog/xdp' || fail 'the program is still there'
}

# A capture on the interface sees what its kernel sees: of a connection with mnet nothing.
passes_the_kernel_by()
{
    bytes 300000 xdp >"$dir/sent"
    begin "$echo"
    empty "$dir/dumpcap.err"
    dumpcap -q -i veth0 -w "$dir/xdp.pcapng" 2>"$dir/dumpcap.err" &
    dumpcap=$!
    await grep -q File: "$dir/dumpcap.err"
    in_peer timeout 20 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    in_peer ping -c 1 -W 1 -q $HOST || fail 'the kernel does not answer any more'
    sleep 0.5
    kill -INT $dumpcap
    wait $dumpcap
    stop
    tshark -r "$dir/xdp.pcapng" >"$dir/frames" 2>/dev/null
    grep -q "ICMP.*$HOST\|$HOST.*ICMP" "$dir/frames" || fail 'the capture has nothing'
    [ "$(grep -c "TCP.*9000" "$dir/frames")" = 0 ] || fail "the kernel saw $(grep -c TCP "$dir/frames") frames"
}

made_again()
{
    begin "$echo"
    ip link del veth0
    sleep 0.3
    make_plain_veth
    await answers
    stop
}

serves_one_program()
{
    begin "$echo"
    refuses 'veth0: cannot bind an AF_XDP socket: another program has it' \
        "$echo" --net:service=xdp:veth0,mac=02:00:00:00:00:03 --ipv4=10.0.0.9/24
    stop
}

no_permission()
{
    refuses 'no permission (needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF)' \
        setpriv --bounding-set=-net_admin,-bpf,-sys_admin --inh-caps=-all \
        "$echo" --net:service=xdp:veth0 --ipv4=$MNET/24
}

several_cores()
{
    refuses 'an interface with AF_XDP is for one core' "$echo" --cores=2 --net:service=xdp:veth0 --ipv4=$MNET/24
}

# A kernel or a container may have no AF_XDP.
timeout -s INT 1 "$echo" --net:service="xdp:veth0$OWN" --ipv4=$MNET/24 >/dev/null 2>"$dir/why"
if grep -q 'no AF_XDP socket\|for XDP\|no XDP\|without AF_XDP' "$dir/why"; then
    echo "skip xdp: $(cat "$dir/why")"
    exit 0
fi
run xdp_serves_linux_over_both_families serves
if command -v tshark >/dev/null; then
    run xdp_passes_the_kernel_by passes_the_kernel_by
else
    echo 'skip xdp_passes_the_kernel_by: there is no tshark'
fi
run xdp_interface_made_again_is_attached_again made_again
run xdp_of_another_program_says_so serves_one_program
run xdp_for_several_cores_says_so several_cores
if command -v setpriv >/dev/null; then
    run xdp_without_permission_says_so no_permission
fi
