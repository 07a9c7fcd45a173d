#!/bin/bash
# IPv6 against the Linux kernel over TAP: echo, connections, datagrams, duplicate addresses; a
# global address and the link-local one. Linux is fd00::1, mnet fd00::2.
# waits: for duplicate addresses to be detected, for pings, and for programs to start.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_pages.sh
. "$(dirname "$0")/lib_pages.sh"
PATH=$PATH:/usr/sbin
enter_namespaces "$@"
if ! sysctl -qw net.ipv6.conf.tap0.disable_ipv6=0 2>/dev/null || ! ip -6 addr add fd00::1/64 dev tap0 nodad; then
    echo 'skip ipv6: this kernel has no IPv6'
    exit 0
fi
examples=$MNET_DEBUG/examples
SIX=fd00::2
OPTIONS="--ipv6=$SIX/64 --ipv6-gateway=fd00::1"

# The link-local address of mnet, from the MAC that the kernel has learnt.
link_local()
{
    mac=$(ip neigh show $SIX dev tap0 | grep -o '[0-9a-f:]\{17\}' | tr -d :)
    printf 'fe80::%x%s:%sff:fe%s:%s' $((16#${mac:0:2} ^ 2)) "${mac:2:2}" "${mac:4:2}" "${mac:6:2}" "${mac:8:4}"
}

# start6 PROGRAM ARGUMENT... - until it answers ping over IPv6.
start6()
{
    ip neigh flush dev tap0
    start "$@"
    await ping -6 -c 1 -W 1 -q $SIX
}

ping_sizes()
{
    start6 "$examples/echo-tap"
    for size in 0 1 56 1452 1453 8000 20000 65487; do
        ping -6 -c 3 -i 0.05 -W 2 -q -s $size $SIX || fail "no answer to a ping of $size bytes"
    done
    ping -6 -c 500 -i 0.002 -W 2 -q $SIX | grep -q ' 0% packet loss' || fail 'answers were lost'
    ping -6 -c 2 -W 2 -q "$(link_local)%tap0" || fail "no answer of $(link_local)"
    ping -6 -c 2 -W 2 -q ff02::1%tap0 | grep -q ' 0% packet loss' || fail 'no answer to a ping of all nodes'
    stop
}

# echo_bytes BYTES
echo_bytes()
{
    bytes "$1" echo6 >"$dir/sent"
    start6 "$examples/echo-tap"
    for address in $SIX "$(link_local)%tap0"; do
        timeout 60 nc -6 -N "$address" 9000 <"$dir/sent" >"$dir/received" || fail "nc $address ended with status $?"
        cmp "$dir/sent" "$dir/received" || fail "other bytes came back from $address"
    done
    stop
}

# The same pages over both families, and by the link-local address.
pages()
{
    mkdir "$dir/pages"
    echo 'the page' >"$dir/pages/index.html"
    start6 "$examples/httpd-tap" "$dir/pages"
    for host in $MNET "[$SIX]" "[$(link_local)%25tap0]"; do
        curl -gs --max-time 10 "http://$host/" | expect 'the page'
        # Clients take the zone out. Some do not.
        curl -gs --max-time 10 -H "Host: $host" "http://$host/" | expect 'the page'
    done
    same_pages tap0 "$MNET \[fe80:.*\] \[$SIX\]"
    stop
}

# pages_at PATTERNS OPTION... - the same where dnsmasq gives addresses, at those that httpd has.
pages_at()
{
    ip -6 addr add 2001:db8::1/64 dev tap0 nodad
    give_addresses tap0
    "$examples/httpd-tap" --net:service=tap0 "${@:2}" "$dir/pages" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    same_pages tap0 "$1"
    stop
    kill "$(cat "$dir/dnsmasq.pid")"
    ip -6 addr del 2001:db8::1/64 dev tap0
}

nc_client()
{
    bytes 300000 nc6 >"$dir/sent"
    nc -6 -l -N fd00::1 9001 <"$dir/sent" >"$dir/received" &
    server=$!
    await listening 9001
    : >"$dir/got"
    { cat "$dir/sent" && await complete "$dir/got" 300000; } |
        timeout 60 "$examples/nc-tap" --net:service=tap0 --ipv6=$SIX/64 fd00::1 9001 >"$dir/got" ||
        fail "mnet ended with status $?"
    wait $server
    cmp "$dir/sent" "$dir/received" || fail 'other bytes arrived at Linux'
    cmp "$dir/sent" "$dir/got" || fail 'other bytes arrived at mnet'
}

listening()
{
    ss -Hltn "sport = :$1" | grep -q LISTEN
}

# datagram BYTES
datagram()
{
    start6 "$examples/udp_echo-tap"
    python3 - "$SIX" "$1" <<'PY' || fail 'another datagram came back'
import os, socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(5)
sent = os.urandom(int(sys.argv[2]))
s.sendto(sent, (sys.argv[1], 9000))
sys.exit(s.recv(65536) != sent)
PY
    stop
}

refused()
{
    start6 "$examples/echo-tap"
    nc -6 -z -w 5 $SIX 9999 && fail 'a port without a listener is open'
    python3 - $SIX <<'PY' || fail 'no ICMPv6 error for a port without an endpoint'
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], 9999))
s.send(b'x')
try:
    s.recv(1)
except ConnectionRefusedError:
    sys.exit(0)
sys.exit(1)
PY
    stop
}

# Without a word about it mnet has a link-local address, and tells it.
by_default()
{
    OPTIONS='' start "$examples/01_hello-tap"
    address=$(sed -n 's/^hello, I am \(fe80::[0-9a-f:]*\)%service$/\1/p' "$dir/mnet.out")
    await ping -6 -c 1 -W 1 -q "$address%tap0"
    stop
    OPTIONS=--no-ipv6 start "$examples/01_hello-tap"
    stop
    expect "hello, I am $MNET" <"$dir/mnet.out"
}

# client NAME ADDRESS-OF-LINUX ADDRESS-FOR-MNET - with an IPv4 address it begins at once: it waits
# for an own address of IPv6 by itself.
client()
{
    printf 'HTTP/1.0 200 OK\r\n\r\nhello from Linux\n' | nc -6 -l -N "$2" 80 >"$dir/request" &
    server=$!
    await listening 80
    command=("$examples/$1-tap" --net:net0=tap0 --ipv4=$MNET/24 "${@:4}" "$3")
    [ "$1" != nc ] || command+=(80)
    echo question | timeout 20 "${command[@]}" >"$dir/answer" || fail "it ended with status $?"
    wait $server
    tail -n 1 "$dir/answer" | expect 'hello from Linux'
    [ -s "$dir/request" ] || fail 'Linux got nothing'
}

# example NAME - one client, by the global address; then another, by the link-local one.
example()
{
    bytes 300000 "$1" >"$dir/sent"
    for address in $SIX local; do
        start6 "$examples/$1-tap"
        [ "$address" = $SIX ] || address=$(link_local)%tap0
        timeout 60 nc -6 -N "$address" 9000 <"$dir/sent" >"$dir/received" || fail "nc $address ended with status $?"
        cmp "$dir/sent" "$dir/received" || fail "other bytes came back from $address"
        [ "$1" != 04_echo_in_place ] || grep -Eq '^tcp \[(fd00::2|fe80[^%]*%service)\]:9000 > \[f.*: success$' "$dir/mnet.out" ||
            fail "it said: $(cat "$dir/mnet.out")"
        if [ "$1" = 03_echo_once ]; then
            wait "$mnet" || fail "mnet ended with status $?"
        else
            stop
        fi
    done
}

external()
{
    "$examples/external-tap" tap0 $SIX/64 2>"$dir/mnet.err" &
    mnet=$!
    await ping -6 -c 1 -W 1 -q $SIX
    bytes 300000 external6 >"$dir/sent"
    timeout 20 nc -6 -N $SIX 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    kill $mnet
    wait $mnet
    [ ! -s "$dir/mnet.err" ] || fail "$(head -n 1 "$dir/mnet.err")"
}

# RFC 4862 5.4: Linux has the address already.
duplicate()
{
    ip -6 addr add $SIX/64 dev tap0 nodad
    "$examples/01_hello-tap" --net:service=tap0 --ipv6=$SIX/64 >"$dir/mnet.out" 2>"$dir/mnet.err" && fail 'it ended with status 0'
    ip -6 addr del $SIX/64 dev tap0
    grep -q 'another station has this address' "$dir/mnet.err" || fail "it said: $(head -n 1 "$dir/mnet.err")"
}

# RFC 4861 7.2.4: the link address of a neighbour that was asked for stays known while it answers.
neighbour_is_reachable()
{
    start6 "$examples/echo-tap"
    ip -6 neigh change "$SIX" dev tap0 nud probe
    sleep 1
    ip -6 neigh show $SIX dev tap0 | grep -q REACHABLE || fail "$(ip -6 neigh show $SIX dev tap0)"
    stop
}

# RFC 4862 5.5: radvd advertises a prefix; the address that mnet makes of it works at once.
address_by_a_router()
{
    sysctl -qw net.ipv6.conf.all.forwarding=1
    ip -6 addr add 2001:db8:1::1/64 dev tap0 nodad
    cat >"$dir/radvd.conf" <<'CONF'
interface tap0 {
    AdvSendAdvert on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    prefix 2001:db8:1::/64 { };
};
CONF
    radvd -n -C "$dir/radvd.conf" -p "$dir/radvd.pid" -m stderr 2>"$dir/radvd.err" &
    radvd=$!
    "$examples/echo-tap" --net:service=tap0 --ipv6=auto --log=info >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await grep -q listening "$dir/mnet.out"
    address=$(sed -n 's/^ipv6 \(2001:db8:1:[0-9a-f:]*\): an address of the host/\1/p' "$dir/mnet.err")
    ping -6 -c 3 -i 0.1 -W 2 -q "$address" || fail "no answer of '$address': $(head -n 1 "$dir/radvd.err")"
    echo hello | timeout 10 nc -6 -N "$address" 9000 | expect hello
    stop
    kill $radvd
    wait $radvd
    ip -6 addr del 2001:db8:1::1/64 dev tap0
}

# Linux captures all of it, and mnet the datagrams.
clean_capture()
{
    dump "$dir/six.pcapng"
    OPTIONS="$OPTIONS --no-checksum-offload" echo_bytes 300000
    OPTIONS="$OPTIONS --no-checksum-offload --capture=$dir/own.pcapng" datagram 5000
    end_dump
    without_fault "$dir/six.pcapng" tcp 20
    without_fault "$dir/own.pcapng" ipv6.fraghdr 4
}

# without_fault FILE FILTER COUNT - no frame of mnet has a fault, and COUNT or more match.
without_fault()
{
    tshark -r "$1" -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -Y "ipv6.src == fd00::2 &&
        (_ws.malformed || _ws.expert.severity >= 8388608 || tcp.checksum.status == 0 || udp.checksum.status == 0 ||
            icmpv6.checksum.status == 0)" >"$dir/bad" 2>/dev/null
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
    [ "$(tshark -r "$1" -Y "ipv6.src == $SIX && $2" 2>/dev/null | wc -l)" -ge "$3" ] || fail 'too little was captured'
}

run ping_small_to_largest_fragmented_answers ping_sizes
run echo_returns_everything echo_bytes 5000000
run pages_are_the_same_over_both_families pages
if command -v dnsmasq >/dev/null; then
    run pages_are_the_same_at_given_addresses pages_at "$GIVEN" --dhcp
else
    echo 'skip pages_are_the_same_at_given_addresses: there is no dnsmasq'
fi
run nc_client_exchanges_with_linux_nc nc_client
run link_local_address_is_there_by_default by_default
ip -6 addr add fe80::1/64 dev tap0 nodad
for program in nc 02_fetch; do
    run "${program}_of_a_global_address" client $program fd00::1 fd00::1 --ipv6=$SIX/64
    run "${program}_of_a_link_local_address" client $program fe80::1%tap0 fe80::1%net0
done
for program in 03_echo_once 04_echo_in_place; do
    run "${program}_returns_everything" example $program
done
run external_event_loop_serves external
run udp_echo_small datagram 100
run udp_echo_fragmented datagram 65507
run ports_without_listeners_refuse refused
run address_of_another_station_is_not_used duplicate
run neighbour_that_is_asked_answers neighbour_is_reachable
if command -v radvd >/dev/null; then
    run address_by_a_router_is_made_and_used address_by_a_router
else
    echo 'skip address_by_a_router_is_made_and_used: there is no radvd'
fi
if command -v tshark >/dev/null; then
    run capture_has_no_fault clean_capture
else
    echo 'skip capture_has_no_fault: there is no tshark'
fi
