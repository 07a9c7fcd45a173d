#!/bin/bash
# Several cores (--cores): a program in two threads, with a stack and a queue of the interface each,
# on a TAP interface and on an existing one. To Linux they are one host.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
ss=$MNET_DEBUG/tools/mnet-ss
peers=$(dirname "$0")/peers
site=$dir/site
mkdir "$site"
echo text >"$site/file.txt"
bytes 3000000 cores >"$site/large.bin"

mount -t tmpfs tmpfs /run # where namespaces get names
ip link del tap0
make_tap multi_queue

# The peer of the packet port is in a namespace of its own.
ip netns add peer
ip link add veth0 type veth peer name veth1 netns peer
ip link set veth0 up
ip -n peer addr add $LINUX/24 dev veth1
ip -n peer link set veth1 up

# On the TAP interface Linux is in this namespace, and in_peer changes nothing.
where=
in_peer()
{
    $where "$@"
}

# on KIND PROGRAM ARGUMENT... - in the background, until it answers ping.
on()
{
    case $1 in
        tap) where='' interface=tap0 ;;
        packet) where='ip netns exec peer' interface=veth0 ;;
    esac
    "$2" --net:service=$interface --ipv4=$MNET/24 --no-ipv6 "${@:3}" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await in_peer ping -c 1 -W 1 -q $MNET
}

serve()
{
    on "$1" "$MNET_DEBUG/examples/httpd-$1" --cores=2 --status="$dir/status" "$site"
}

# established SOCKET - the connections of one core.
established()
{
    "$ss" "$1" | grep -c ^ESTABLISHED
}

# idle_connections KIND SECONDS - connections land on both cores, and after a pause all of them go
# on: on TAP one that is longer than the kernel's memory of flows.
idle_connections()
{
    serve "$1"
    empty "$dir/clients"
    in_peer python3 "$peers/idle_clients.py" $MNET 40 "$2" >"$dir/clients" 2>&1 &
    clients=$!
    await grep -q idle "$dir/clients"
    first=$(established "$dir/status") second=$(established "$dir/status.1")
    wait $clients || fail "$(tail -n 1 "$dir/clients")"
    if [ "$first" -lt 8 ] || [ "$second" -lt 8 ] || [ $((first + second)) != 40 ]; then
        fail "$first connections on one core, $second on the other"
    fi
    note "$first and $second connections"
    [ "$(grep -c '^serving http' "$dir/mnet.out")" = 1 ] || fail "it said: $(cat "$dir/mnet.out")"
    stop
}

# Nothing is reset, lost or wrong under load.
many_connections()
{
    serve "$1"
    in_peer wrk -t 2 -c 30 -d 1 "http://$MNET/file.txt" >"$dir/wrk" || fail 'wrk has failed'
    ! grep 'Socket errors\|Non-2xx' "$dir/wrk" || fail "$(grep 'Socket errors\|Non-2xx' "$dir/wrk")"
    in_peer wrk -t 2 -c 30 -d 1 -H 'Connection: close' "http://$MNET/file.txt" >"$dir/wrk" || fail 'wrk has failed'
    ! grep 'connect [1-9]\|Non-2xx\|timeout [1-9]' "$dir/wrk" || fail "$(grep Socket "$dir/wrk")"
    for i in 1 2 3 4 5 6; do
        in_peer curl -sS --max-time 20 "http://$MNET/large.bin" -o "$dir/large$i" &
        downloads="${downloads:-} $!"
    done
    # shellcheck disable=SC2086 # words
    wait $downloads
    for i in 1 2 3 4 5 6; do
        cmp "$site/large.bin" "$dir/large$i" || fail "transfer $i is not the file"
    done
    note "$(grep Requests/sec "$dir/wrk")"
    stop
}

# sent FILTER - how many frames of the capture are from mnet and pass the filter.
sent()
{
    tshark -r "$dir/capture" -Y "($1) and (arp.src.proto_ipv4 == $MNET or ip.src == $MNET)" 2>/dev/null | wc -l
}

one_answer()
{
    serve tap
    ip neigh flush dev tap0
    dump "$dir/capture"
    ping -c 5 -i 0.2 -q $MNET >"$dir/ping" || fail 'no answer to ping'
    ping -c 1 -s 4000 -q $MNET >>"$dir/ping" || fail 'no answer to a large ping'
    ! grep -i duplicate "$dir/ping" || fail 'answers came twice'
    for i in 1 2 3 4; do
        "$MNET_DEBUG/tests/linux_peer" datagram $MNET $((40 + i)) 10 && fail 'a closed port answers'
    done
    end_dump
    [ "$(sent arp.opcode==2)" = "$(tshark -r "$dir/capture" -Y "arp.opcode==1 and arp.src.proto_ipv4==$LINUX" 2>/dev/null | wc -l)" ] ||
        fail "$(sent arp.opcode==2) answers of ARP"
    [ "$(sent 'icmp.type==0')" = 6 ] || fail "$(sent 'icmp.type==0') echo replies"
    [ "$(sent 'icmp.type==3')" = 4 ] || fail "$(sent 'icmp.type==3') ICMP errors"
    stop
}

# Each core opens connections, and gets the answers to them.
connects()
{
    nc -lk $LINUX 7000 >"$dir/received" &
    listener=$!
    await sh -c "ss -Hltn 'sport = :7000' | grep -q LISTEN"
    timeout 10 "$MNET_DEBUG/examples/nc-tap" --cores=2 --net:service=tap0 --ipv4=$MNET/24 --no-ipv6 $LINUX 7000 \
        <<<'from the first' 2>"$dir/mnet.err" || fail "nc-tap ended with status $?: $(cat "$dir/mnet.err")"
    kill $listener
    wait $listener
    [ "$(cat "$dir/received")" = 'from the first' ] || fail "$(cat "$dir/received")"
}

# accepted QUEUE - a connection from a port whose flow belongs to the queue, with an echo.
accepted()
{
    python3 - "$1" <<'END'
import socket, sys
addresses = 0x0a000001 ^ 0x0a000002
for port in range(20000, 20100):
    ends = addresses ^ (9000 << 16 | port)
    if (ends * 0x9e3779b1 & 0xffffffff) >> 24 & 1 == int(sys.argv[1]):
        break
client = socket.create_connection(('10.0.0.2', 9000), 5, ('10.0.0.1', port))
client.sendall(b'hello')
client.shutdown(socket.SHUT_WR)
sys.exit(client.recv(10) != b'hello')
END
}

# The program serves one connection on each core. When it has ended on the first, it ends.
ends()
{
    on tap "$MNET_DEBUG/examples/03_echo_once-tap" --cores=2
    accepted 1 || fail 'the second core does not echo'
    sleep 0.5
    ping -c 1 -W 1 -q $MNET || fail 'all has ended with the second core'
    stop
    on tap "$MNET_DEBUG/examples/03_echo_once-tap" --cores=2
    accepted 0 || fail 'the first core does not echo'
    await gone || kill -KILL $mnet
    wait $mnet || fail "mnet ended with status $?: $(head -n 1 "$dir/mnet.err")"
}

gone()
{
    ! kill -0 $mnet
}

# All cores have one lease, and one of them gives it back.
one_lease()
{
    empty "$dir/dnsmasq.log"
    dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=tap0 --bind-interfaces --log-dhcp --log-facility=- \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --dhcp-leasefile="$dir/leases" --no-ping \
        --dhcp-range=10.0.0.50,10.0.0.60,255.255.255.0,2m >"$dir/dnsmasq.log" 2>&1 &
    dnsmasq=$!
    await grep -q 'IP range' "$dir/dnsmasq.log"
    "$MNET_DEBUG/examples/echo-tap" --cores=2 --net:service=tap0 --dhcp --no-ipv6 --log=info 2>"$dir/mnet.err" &
    mnet=$!
    await two_leases
    address=$(sed -n 's/^dhcp: \([0-9.]*\).*/\1/p' "$dir/mnet.err" | sort -u)
    ping -c 1 -W 1 -q "$address" || fail "leases: $(cat "$dir/mnet.err")"
    stop
    await grep -q DHCPRELEASE "$dir/dnsmasq.log"
    kill $dnsmasq
    wait $dnsmasq
    [ "$(grep -c DHCPRELEASE "$dir/dnsmasq.log")" = 1 ] || fail 'it was given back more than once'
}

two_leases()
{
    [ "$(grep -c '^dhcp: 10' "$dir/mnet.err")" = 2 ]
}

# remade - the interface is deleted and made again, and all queues attach to it.
remade()
{
    serve tap
    ip link del tap0
    sleep 0.2
    make_tap multi_queue
    await ping -c 1 -W 1 -q $MNET
    for _ in 1 2 3 4 5 6 7 8; do
        curl -sS --max-time 10 "http://$MNET/file.txt" -o "$dir/got" || fail 'no answer'
        cmp "$dir/got" "$site/file.txt" || fail 'it is not the file'
    done
    stop
}

captures_each()
{
    on tap "$MNET_DEBUG/examples/httpd-tap" --cores=2 --capture="$dir/frames" "$site"
    stop
    for file in frames frames.1; do
        tshark -r "$dir/$file" >"$dir/output" 2>&1 || fail "$file: $(tail -n 1 "$dir/output")"
    done
}

# One line, whatever the number of cores.
refusals()
{
    hello=$MNET_DEBUG/examples/01_hello-tap
    for cores in 0 65 two 2x; do
        refuses '--cores=.*: expected a number from 1 to 64' "$hello" --cores=$cores
    done
    refuses 'tap9: there is no such interface' "$hello" --cores=4 --net:service=tap9 --ipv4=$MNET/24
    refuses 'passt has one queue' "$hello" --cores=2 --net:service=passt
    refuses 'no own address' "$hello" --cores=3 --net:service=tap0 --no-ipv6
    ip tuntap add dev tap1 mode tap
    refuses 'tap1: cannot attach: exists, but is no TAP interface with several queues' "$hello" --cores=2 \
        --net:service=tap1 --ipv4=$MNET/24
    ip link del tap1
    touch "$dir/status.1"
    refuses 'status.1: ' "$hello" --cores=2 --net:service=tap0 --ipv4=$MNET/24 --status="$dir/status"
    rm "$dir/status.1"
    refuses 'usage: httpd-tap' "$MNET_DEBUG/examples/httpd-tap" --cores=2 --net:service=tap0 --ipv4=$MNET/24 /nowhere
}

# An interface that the program makes has so many queues.
makes_its_own()
{
    "$MNET_DEBUG/examples/echo-tap" --cores=3 --net:service=new:own%d --ipv4=10.0.1.2/24 2>"$dir/mnet.err" &
    mnet=$!
    await ip link show own0
    ip addr add 10.0.1.1/24 dev own0
    ip link set own0 up
    await ping -c 1 -W 1 -q 10.0.1.2
    ls -l /proc/$mnet/fd | grep -c /dev/net/tun >"$dir/output"
    [ "$(cat "$dir/output")" = 3 ] || fail "$(cat "$dir/output") queues"
    stop
}

run cores_tap_idle_connections idle_connections tap 5
run cores_tap_many_connections many_connections tap
run cores_tap_one_answer one_answer
run cores_tap_connects connects
run cores_tap_ends ends
run cores_tap_captures captures_each
if command -v dnsmasq >/dev/null; then
    run cores_tap_one_lease one_lease
else
    echo 'skip cores_tap_one_lease: there is no dnsmasq'
fi
run cores_tap_remade remade
run cores_refusals refusals
run cores_tap_new makes_its_own
run cores_packet_idle_connections idle_connections packet 1
run cores_packet_many_connections many_connections packet
