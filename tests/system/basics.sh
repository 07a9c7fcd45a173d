#!/bin/bash
# The examples against the Linux kernel: ping, nc both ways, UDP, curl; built with sanitizers.
# waits: for neighbours that are silent, and for programs to start.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
examples=$MNET_DEBUG/examples

ping_sizes()
{
    start "$examples/01_hello-tap"
    for size in 0 1 56 1472 1473 8000 20000 65507; do
        ping -c 3 -i 0.05 -W 2 -q -s $size $MNET || fail "no answer to a ping of $size bytes"
    done
    stop
    grep -q "hello, I am $MNET" "$dir/mnet.out" || fail 'it did not say hello'
}

ping_flood()
{
    start "$examples/01_hello-tap"
    ping -c 500 -i 0.002 -W 2 -q $MNET | grep -q ' 0% packet loss' || fail 'answers were lost'
    stop
}

# fetch ADDRESS... - what a server that comes from inetd would do: nc answers one client.
fetch()
{
    printf 'HTTP/1.0 200 OK\r\n\r\nhello from Linux\n' | nc -l -N $LINUX 80 >"$dir/request" &
    server=$!
    await listening 80
    "$examples/02_fetch-tap" --net:service=tap0 --ipv4=$MNET/24 "$@" >"$dir/answer" || fail "it ended with status $?"
    wait $server
    tail -n 1 "$dir/answer" | expect 'hello from Linux'
    head -n 1 "$dir/request" | tr -d '\r' | expect 'GET / HTTP/1.0'
}

# A host that is alone in its network, as clouds have it: Linux is its gateway, to an address
# elsewhere.
fetch_alone()
{
    ip addr add 192.0.2.1/32 dev lo
    printf 'HTTP/1.0 200 OK\r\n\r\nhello from afar\n' | nc -l -N 192.0.2.1 80 >"$dir/request" &
    server=$!
    await listening 80
    "$examples/02_fetch-tap" --net:service=tap0 --ipv4=$MNET/32 --ipv4-gateway=$LINUX 192.0.2.1 >"$dir/answer" ||
        fail "it ended with status $?"
    wait $server
    tail -n 1 "$dir/answer" | expect 'hello from afar'
    ip addr del 192.0.2.1/32 dev lo
}

# Of several addresses one has no route, the next no host, and the last one answers.
fetch_any()
{
    begun=$(date +%s%N)
    fetch 2001:db8::1 10.0.0.77 $LINUX
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $took -ge 250 ] || fail "it took $took ms: the first address was not tried"
    [ $took -le 2500 ] || fail "it took $took ms"
}

listening()
{
    ss -Hltn "sport = :$1" | grep -q LISTEN
}

fetch_refused()
{
    "$examples/02_fetch-tap" --net:service=tap0 --ipv4=$MNET/24 $LINUX >"$dir/answer" 2>&1 && fail 'it ended with status 0'
    grep -qi refused "$dir/answer" || fail "it said: $(cat "$dir/answer")"
}

fetch_no_neighbour()
{
    begun=$(date +%s)
    "$examples/02_fetch-tap" --net:service=tap0 --ipv4=$MNET/24 10.0.0.77 >"$dir/answer" 2>&1 && fail 'it ended with status 0'
    took=$(($(date +%s) - begun))
    [ $took -le 5 ] || fail "it took $took s"
    grep -qi unreachable "$dir/answer" || fail "it said: $(cat "$dir/answer")"
}

# echo_with PROGRAM BYTES - nc sends, finishes, and must get everything back.
echo_with()
{
    bytes "$2" "$1" >"$dir/sent"
    start "$examples/$1-tap"
    timeout 60 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    if [ "$1" = 03_echo_once ]; then
        wait "$mnet" || fail "mnet ended with status $?"
    else
        stop
    fi
}

nc_client()
{
    bytes 3000000 1 >"$dir/sent"
    bytes 2000000 2 >"$dir/reply"
    nc -l -N $LINUX 5000 <"$dir/reply" >"$dir/received" &
    server=$!
    await listening 5000
    : >"$dir/answer"
    { cat "$dir/sent" && PATIENCE=60 await complete "$dir/answer" 2000000; } |
        timeout 60 "$examples/nc-tap" --net:service=tap0 --ipv4=$MNET/24 $LINUX 5000 >"$dir/answer" ||
        fail "nc-tap ended with status $?"
    wait $server
    cmp "$dir/sent" "$dir/received" || fail 'Linux got something else'
    cmp "$dir/reply" "$dir/answer" || fail 'mnet got something else'
}

nc_server()
{
    bytes 3000000 1 >"$dir/sent"
    bytes 2000000 2 >"$dir/reply"
    timeout 60 "$examples/nc-tap" --net:service=tap0 --ipv4=$MNET/24 -l 5000 <"$dir/reply" >"$dir/received" &
    server=$!
    await ping -c 1 -W 1 -q $MNET
    timeout 60 nc -N $MNET 5000 <"$dir/sent" >"$dir/answer" || fail "nc ended with status $?"
    wait $server || fail "nc-tap ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'mnet got something else'
    cmp "$dir/reply" "$dir/answer" || fail 'Linux got something else'
}

# datagram BYTES - one goes and comes back, in fragments if it is large.
datagram()
{
    bytes "$1" udp >"$dir/sent"
    start "$examples/udp_echo-tap"
    timeout 5 "$MNET_DEBUG/tests/linux_peer" datagram $MNET 9000 "$1" || fail 'no such datagram came back'
    stop
}

udp_nobody_listens()
{
    start "$examples/01_hello-tap"
    "$MNET_DEBUG/tests/linux_peer" datagram $MNET 9 100 2>&1 | grep -q refused || fail 'no port unreachable came back'
    stop
}

tcp_nobody_listens()
{
    start "$examples/01_hello-tap"
    nc -v -w 5 $MNET 9 </dev/null 2>&1 | grep -q refused || fail 'the connection was not refused'
    stop
}

external()
{
    "$examples/external-tap" tap0 $MNET/24 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    for i in 1 2 3; do
        bytes 300000 $i >"$dir/sent"
        timeout 20 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
        cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    done
    "$MNET_DEBUG/tests/linux_peer" parallel $MNET 9000 64 || fail '64 clients at a time'
    end_external
}

# Its readiness is what keeps it from queueing without end for a client that never reads; the others
# go on.
external_deaf()
{
    "$examples/external-tap" tap0 $MNET/24 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    bytes 300000 1 >"$dir/sent"
    "$MNET_DEBUG/tests/linux_peer" deaf $MNET 9000 32 >"$dir/deaf.out" 2>&1 &
    deaf=$!
    for i in 1 2 3; do
        timeout 20 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
        cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    done
    wait $deaf || fail "$(head -n 1 "$dir/deaf.out")"
    end_external
}

end_external()
{
    kill $mnet
    wait $mnet
    [ ! -s "$dir/mnet.err" ] || fail "$(head -n 1 "$dir/mnet.err")"
}

run ping_small_to_largest_fragmented_answers ping_sizes
run ping_flood_answers_all ping_flood
run fetch_from_linux_gets_page fetch "$LINUX"
run fetch_from_the_address_that_answers fetch_any
run fetch_through_the_gateway_of_a_host_alone fetch_alone
run fetch_from_closed_port_is_refused fetch_refused
run fetch_from_silent_neighbour_is_unreachable_soon fetch_no_neighbour
run echo_once_returns_everything echo_with 03_echo_once 1000000
run echo_in_place_returns_everything echo_with 04_echo_in_place 5000000
run echo_returns_everything echo_with echo 20000000
run nc_client_exchanges_with_linux_nc nc_client
run nc_server_exchanges_with_linux_nc nc_server
run udp_echo_small datagram 100
run udp_echo_empty datagram 0
run udp_echo_mtu datagram 1472
run udp_echo_fragmented datagram 30000
run udp_echo_largest datagram 65507
run udp_nobody_listens_is_refused udp_nobody_listens
run tcp_nobody_listens_is_refused tcp_nobody_listens
run external_event_loop_serves external
run external_client_that_never_reads_is_waited_for external_deaf
