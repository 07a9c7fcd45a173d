#!/bin/bash
# The packet port: mnet beside the host's kernel on an existing interface, veth0. The other end is
# in a network namespace of its own, where Linux is the peer.
# waits: for interfaces and programs to start, and for links that go away.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_pages.sh
. "$(dirname "$0")/lib_pages.sh"
# shellcheck source=tests/system/lib_veth.sh
. "$(dirname "$0")/lib_veth.sh"
PATH=$PATH:/usr/sbin
enter_namespaces "$@"
hello=$MNET_DEBUG/examples/01_hello-packet
echo=$MNET_DEBUG/examples/echo-packet
MEGABYTES=60

make_peer
make_veth

# on_veth PROGRAM ARGUMENT... - as `start`, but on veth0, and in place of this shell, which is one
# in the background or of a pipe.
on_veth()
{
    # shellcheck disable=SC2086 # words
    exec "$1" --net:service="veth0$OWN" --ipv4=$MNET/24 --ipv6=$MNET6/64 ${OPTIONS:-} "${@:2}"
}

begin()
{
    on_veth "$@" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await answers
}

# echoes BYTES ADDRESS...
echoes()
{
    bytes "$1" packet >"$dir/sent"
    for address in "${@:2}"; do
        in_peer timeout 60 nc -N "$address" 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
        cmp "$dir/sent" "$dir/received" || fail "$address: what came back is not what was sent"
    done
}

pings()
{
    begin "$hello"
    for size in 0 56 1472 1473 20000 65507; do
        in_peer ping -c 2 -i 0.05 -W 2 -q -s $size $MNET || fail "no answer to a ping of $size bytes"
        in_peer ping -c 2 -i 0.05 -W 2 -q -s $size $MNET6 || fail "no answer to an IPv6 ping of $size bytes"
    done
    stop
}

serves()
{
    begin "$echo"
    echoes 5000000 $MNET $MNET6
    in_peer "$MNET_DEBUG/tests/linux_peer" parallel $MNET 9000 64 || fail '64 clients at a time'
    stop
}

# pages_at PATTERNS OPTION... - httpd's page, where dnsmasq gives addresses, at those that it has.
pages_at()
{
    mkdir -p "$dir/pages"
    echo 'the page' >"$dir/pages/index.html"
    in_peer ip addr add 2001:db8::1/64 dev veth1 nodad
    give_addresses veth1 in_peer
    "$MNET_DEBUG/examples/httpd-packet" --net:service="veth0$OWN" "${@:2}" "$dir/pages" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    same_pages veth1 "$1" in_peer
    stop
    kill "$(cat "$dir/dnsmasq.pid")"
    in_peer ip addr del 2001:db8::1/64 dev veth1
}

datagrams()
{
    begin "$MNET_DEBUG/examples/udp_echo-packet"
    for size in 0 100 1472 30000 65507; do
        in_peer timeout 5 "$MNET_DEBUG/tests/linux_peer" datagram $MNET 9000 $size || fail "no datagram of $size bytes came back"
    done
    stop
}

# same_sums FILE... - each is the sum of what was sent.
same_sums()
{
    for file in "$@"; do
        sha256sum <"$dir/sent" | cmp - "$file" || fail 'what was received is not what was sent'
    done
}

# bulk_server ADDRESS - mnet is the server of a transfer in both directions.
bulk_server()
{
    bytes $((MEGABYTES * 1000000)) bulk >"$dir/sent"
    on_veth "$MNET_RELEASE/examples/nc-packet" -l 5000 <"$dir/sent" 2>"$dir/mnet.err" | sha256sum >"$dir/sum_mnet" &
    await answers
    in_peer timeout 100 nc -N "$1" 5000 <"$dir/sent" | sha256sum >"$dir/sum_linux"
    wait
    same_sums "$dir/sum_mnet" "$dir/sum_linux"
}

# bulk_client ADDRESS - mnet is the client, and finishes when it has everything.
bulk_client()
{
    bytes $((MEGABYTES * 1000000)) bulk >"$dir/sent"
    empty "$dir/answer"
    in_peer timeout 100 nc -l -N "$1" 5000 <"$dir/sent" | sha256sum >"$dir/sum_linux" &
    await listening
    { cat "$dir/sent" && PATIENCE=60 await complete "$dir/answer" $((MEGABYTES * 1000000)); } |
        on_veth "$MNET_RELEASE/examples/nc-packet" "$1" 5000 2>"$dir/mnet.err" >"$dir/answer" || fail "nc-packet ended with status $?"
    wait
    sha256sum <"$dir/answer" >"$dir/sum_mnet"
    same_sums "$dir/sum_mnet" "$dir/sum_linux"
}

listening()
{
    in_peer ss -Hltn 'sport = :5000' | grep -q LISTEN
}

# The peer's kernel cuts segments itself, so that every frame is an ordinary one, in the ring.
small_frames()
{
    in_peer ip link set veth1 gso_max_segs 1
    bulk_server $MNET
    in_peer ip link set veth1 gso_max_segs 65535
}

# count NAME - a counter of the kernel on mnet's side.
count()
{
    nstat -asz "$1" | awk -v name="$1" '$1 == name { print $2 }'
}

# The kernel with its own addresses on the interface works as before, and does not meddle.
beside_the_kernel()
{
    begin "$echo"
    resets=$(count TcpOutRsts)
    bytes 30000000 kernel >"$dir/kernel.sent"
    timeout 60 nc -l -N $HOST 9000 <"$dir/kernel.sent" >"$dir/kernel.received" &
    kernel=$!
    await sh -c "ss -Hltn 'sport = :9000' | grep -q LISTEN"
    empty "$dir/kernel.back"
    { cat "$dir/kernel.sent" && PATIENCE=60 await complete "$dir/kernel.back" 30000000; } |
        in_peer timeout 60 nc -N $HOST 9000 >"$dir/kernel.back" &
    other=$!
    echoes 10000000 $MNET $MNET6
    wait $kernel $other
    cmp "$dir/kernel.sent" "$dir/kernel.received" || fail 'the kernel got something else'
    cmp "$dir/kernel.sent" "$dir/kernel.back" || fail 'the peer got something else from the kernel'
    in_peer ping -c 1 -W 2 -q $HOST6 || fail 'the kernel does not answer'
    [ "$(count TcpOutRsts)" = "$resets" ] || fail 'the kernel has sent resets'
    stop
}

# The interface is as it was when the program has ended.
leaves_nothing()
{
    begin "$hello"
    in_peer ip neigh show $MNET dev veth1 | grep -q 02:00:00:00:00:02 || fail "$(in_peer ip neigh show $MNET)"
    ip -d link show veth0 >"$dir/link"
    grep -q 'promiscuity [1-9]\|allmulti 1' "$dir/link" || fail "it listens to nothing else: $(head -n 1 "$dir/link")"
    stop
    ip -d link show veth0 >"$dir/link"
    grep -q 'promiscuity 0' "$dir/link" || fail "it is left promiscuous: $(cat "$dir/link")"
}

ticks()
{
    awk '{print $14 + $15}' "/proc/$mnet/stat"
}

# The interface goes down and comes up, each end once; a connection outlasts it, and the program
# sleeps meanwhile.
down_and_up()
{
    begin "$echo"
    empty "$dir/received"
    exec 3> >(in_peer timeout 60 nc -N $MNET 9000 >"$dir/received")
    echo before >&3
    await grep -q before "$dir/received"
    for down in 'ip link set veth0' 'ip -n peer link set veth1'; do
        $down down
        sleep 0.2
        before=$(ticks)
        sleep 1
        [ $(($(ticks) - before)) -lt 3 ] || fail "it ran for $(($(ticks) - before)) of 100 ticks"
        $down up
        ip -n peer addr add $LINUX6/64 dev veth1 nodad 2>/dev/null
        await answers
        echo "after $down" >&3
        await grep -q "after $down" "$dir/received"
    done
    exec 3>&-
    ip addr add $HOST6/64 dev veth0 nodad
    echoes 300000 $MNET $MNET6
    stop
}

starts_down()
{
    ip link set veth0 down
    on_veth "$echo" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    sleep 1
    ip link set veth0 up
    await answers
    echoes 300000 $MNET
    stop
}

deleted()
{
    begin "$echo"
    for times in 1 2; do # it does not last
        ip link del veth0
        await sh -c "[ \$(grep -c 'error: device veth0 fails' $dir/mnet.err) -ge $times ]"
        before=$(ticks)
        sleep 1
        [ $(($(ticks) - before)) -lt 5 ] || fail "it ran for $(($(ticks) - before)) of 100 ticks"
        make_veth
        await answers
        echoes 300000 $MNET $MNET6
    done
    stop
}

no_permission()
{
    refuses '^veth0: cannot open a packet socket: no permission (needs CAP_NET_RAW)$' \
        setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --clear-groups --reuid=1 --regid=1 \
        "$hello" --net:service=veth0 --ipv4=$MNET/24
}

run ping_small_to_largest_of_both_families pings
run echo_serves_linux_over_both_families serves
run udp_echo_small_to_largest datagrams
if command -v dnsmasq >/dev/null; then
    run pages_are_the_same_at_static_addresses pages_at "$STATIC" --ipv4=$MNET/24 --ipv6=2001:db8::2/64
    run pages_are_the_same_at_given_addresses pages_at "$GIVEN" --dhcp
else
    echo 'skip pages_are_the_same_at_given_addresses: there is no dnsmasq'
fi
run bulk_server_both_directions bulk_server $MNET
run bulk_server_both_directions_ipv6 bulk_server $MNET6
run bulk_client_both_directions bulk_client $LINUX
run bulk_client_both_directions_ipv6 bulk_client $LINUX6
run bulk_of_small_frames small_frames
OPTIONS='--no-checksum-offload --no-segmentation-offload'
run no_offload_bulk_server bulk_server $MNET
run no_offload_bulk_client_ipv6 bulk_client $LINUX6
OPTIONS=
run kernel_on_the_same_interface_goes_on beside_the_kernel
run address_is_chosen_and_interface_left_as_it_was leaves_nothing
run interface_down_and_up_is_outlasted down_and_up
run interface_that_is_down_is_waited_for starts_down
run interface_made_again_is_attached_again deleted
run interface_that_is_missing_says_so refuses '^veth9: there is no such interface$' "$hello" --net:service=veth9 --ipv4=$MNET/24
run unknown_word_says_so refuses '^veth0,foo=1: foo=1 is unknown; mac=ADDRESS may follow the name$' \
    "$hello" --net:service=veth0,foo=1 --ipv4=$MNET/24
run bad_address_says_so refuses 'mac= wants' "$hello" --net:service=veth0,mac=03:00:00:00:00:01 --ipv4=$MNET/24
run interface_that_is_not_ethernet_says_so refuses '^lo: is no Ethernet interface$' "$hello" --net:service=lo --ipv4=$MNET/24
run no_interface_named_says_so refuses 'Say --net:service=eth0' "$hello" --ipv4=$MNET/24
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && [ "$(awk '{print $3}' /proc/self/uid_map)" -gt 1 ]; then
    run no_permission_says_so no_permission
else
    echo 'skip no_permission_says_so: needs a second user'
fi
