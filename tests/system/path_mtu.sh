#!/bin/bash
# A bottleneck of 1280 bytes on the way, of which routers tell, or do not: transfers both ways, in
# both families, datagrams that may not be cut, and tracepath.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_world.sh
. "$(dirname "$0")/lib_world.sh"
PATH=$PATH:/usr/sbin:/sbin
needs nft tracepath tshark
enter_namespaces "$@"
SIX=2001:db8:1::2
BOTH="--ipv4=$MNET/24 --ipv4-gateway=10.0.0.1 --ipv6=$SIX/64 --ipv6-gateway=2001:db8:1::1"
BYTES=1000000

# mnet - r1 - 1280 bytes - r2 - server.
add_path()
{
    add_switch br1
    add_switch br2
    add_server
    at server ip addr add 10.9.0.9/24 dev far
    add_host r1 near br0 10.0.0.1/24 2001:db8:1::1/64
    plug r1 mid br2 10.8.0.1/24 2001:db8:8::1/64
    add_host r2 mid br2 10.8.0.2/24 2001:db8:8::2/64
    plug r2 far br1 10.9.0.2/24 2001:db8:f::2/64
    for router in r1 r2; do
        at $router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        at $router ip link set mid mtu 1280
    done
    at r1 ip route add default via 10.8.0.2
    at r1 ip route add default via 2001:db8:8::2
    at r2 ip route add default via 10.8.0.1
    at r2 ip route add default via 2001:db8:8::1
    at server ip route add default via 10.9.0.2
    at server ip route add default via 2001:db8:f::2
    at server sysctl -qw net.ipv4.tcp_mtu_probing=1 # or Linux would never get through a black hole
}

# Routers tell nobody that a packet was too big.
silence_routers()
{
    for router in r1 r2; do
        at $router nft -f - <<'NFT'
table inet silence {
    chain output {
        type filter hook output priority 0
        icmpv6 type packet-too-big drop
        icmp code frag-needed icmp type destination-unreachable drop
    }
}
NFT
    done
}

# seconds_of COMMAND... - runs it, and prints how long it took.
seconds_of()
{
    milliseconds "$@" >/dev/null || fail "failed: $*"
    printf '%d.%d s' $((took / 1000)) $((took % 1000 / 100))
}

# transfer MNET SERVER [silent] - mnet to Linux, Linux to mnet, both ways at once.
transfer()
{
    add_path
    [ $# -lt 3 ] || silence_routers
    # First, for Linux announces a smaller MSS once it knows the path.
    # shellcheck disable=SC2086 # words
    out=$(seconds_of timeout 60 "$MNET_DEBUG/tests/mnet_peer" --net:service=tap0,mac=$MAC $FREE $BOTH send "$2" 9 $BYTES) ||
        fail "mnet to Linux: $out"
    # shellcheck disable=SC2086 # words
    start_peer $BOTH serve
    await at server ping -c 1 -W 1 -q "$1"
    in=$(seconds_of at server timeout 60 "$MNET_DEBUG/tests/linux_peer" send "$1" 9 $BYTES) || fail "Linux to mnet: $in"
    both=$(seconds_of at server timeout 60 "$MNET_DEBUG/tests/linux_peer" half-close "$1" 7 $BYTES) || fail "both ways: $both"
    stop
    mnet=
    note "$BYTES bytes: mnet to Linux $out, Linux to mnet $in, back and forth $both"
    passed_in_pieces
}

# Full packets were too big for the path, and those that came through are not smaller than need be.
passed_in_pieces()
{
    text="eth.src == $MAC && tcp.len > 0"
    await captured "$text && (ip.len == 1500 || ipv6.plen == 1460)"
    await captured "$text && ((ip.len > 1100 && ip.len <= 1280) || (ipv6.plen > 1100 && ipv6.plen <= 1240))"
}

# datagram MNET SERVER FITS - the first one finds out, from then on the size is known.
datagrams()
{
    add_path
    # shellcheck disable=SC2086 # words
    start_host $BOTH
    await at server ping -c 1 -W 1 -q "$1"
    ask datagram "$2" 7 1400 | expect sent
    await says "$3 fit" datagram "$2" 7 1400
    ask datagram "$2" 7 "$3" | expect sent
    ask datagram "$2" 7 "$(($3 + 1))" | expect "$3 fit"
}

# says WORDS QUESTION... - whether this is the host's answer.
says()
{
    [ "$(ask "${@:2}")" = "$1" ]
}

# Answers in fragments. IPv6 cuts them at their source, beyond a router to the size that every link
# takes.
large_pings()
{
    add_path
    # shellcheck disable=SC2086 # words
    start_host $BOTH
    await at server ping -c 1 -W 1 -q -s 5000 $SIX # Linux learns the size of the path
    for size in 1232 1233 5000 20000 65000; do
        for address in $SIX $MNET; do
            at server ping -c 3 -i 0.1 -W 2 -q -s $size $address | grep -q ' 0% packet loss' ||
                fail "no answer of $address to $size bytes"
        done
    done
}

# From Linux it shows the bottleneck, and where the path ends.
tracepaths()
{
    add_path
    # shellcheck disable=SC2086 # words
    start_host $BOTH
    for address in $SIX $MNET; do
        await at server ping -c 1 -W 1 -q $address
        at server timeout 30 tracepath -n $address >"$dir/trace"
        grep -q "$address .*reached" "$dir/trace" || fail "not reached: $(tail -n 1 "$dir/trace")"
        grep -q 'Resume: pmtu 1280 hops 3 back 3' "$dir/trace" || fail "$(tail -n 1 "$dir/trace")"
    done
}

beside transfers_pass_a_bottleneck_of_ipv6 transfer $SIX 2001:db8:f::9
beside transfers_pass_a_black_hole_of_ipv6 transfer $SIX 2001:db8:f::9 silent
beside transfers_pass_a_bottleneck_of_ipv4 transfer $MNET 10.9.0.9
beside transfers_pass_a_black_hole_of_ipv4 transfer $MNET 10.9.0.9 silent
beside datagrams_over_ipv6_are_told_what_fits datagrams $SIX 2001:db8:f::9 1232
beside datagrams_over_ipv4_are_told_what_fits datagrams $MNET 10.9.0.9 1252
beside large_pings_fit_the_path large_pings
beside tracepath_finds_the_bottleneck tracepaths
join
