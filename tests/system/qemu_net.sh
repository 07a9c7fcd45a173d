#!/bin/bash
# The drivers of virtio devices on QEMU's devices: every combination of features that matters to
# them, large frames, connections, and a link that comes and goes.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_pages.sh
. "$(dirname "$0")/lib_pages.sh"
PATH=$PATH:/usr/sbin
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'skip qemu_net: there is no qemu-system-x86_64'
    exit 0
fi
enter_namespaces "$@"
linux_peer=$MNET_RELEASE/tests/linux_peer
trap '' PIPE # a console may be gone
ipv6=$(sysctl -n net.ipv6.conf.tap0.disable_ipv6 2>/dev/null) # empty: this kernel has none

# monitor COMMAND... - of the running machine.
monitor()
{
    (echo "$*"; sleep 0.2) | timeout 5 nc -U -N "$dir/monitor" >/dev/null || fail "the monitor does not answer"
}

# both_ways BYTES - to the running machine, from it, and both ways at once; every byte is verified.
both_ways()
{
    timeout 60 "$linux_peer" send $MNET 9 "$1" || fail 'Linux to mnet failed'
    timeout 60 "$linux_peer" receive $MNET 19 "$1" || fail 'mnet to Linux failed'
    timeout 60 "$linux_peer" half-close $MNET 7 "$1" || fail 'both at once failed'
}

# transfer BYTES [PROPERTY] - with a network device that has the property.
transfer()
{
    NIC=${2:-}
    boot unikernel_peer serve "$1"
    both_ways "$1"
    timeout 10 ping -c 2 -i 0.05 -W 2 -q -s 20000 $MNET || fail 'no answer to a large ping'
    end
}

# counted METRIC - of the device of the machine that has ended.
counted()
{
    sed -n "s/^mnet_device_$1_total \([0-9]*\).*/\1/p" "$dir/mnet.out"
}

# at_most NOTIFICATIONS INTERRUPTS AMOUNT UNIT - for each unit, of which there were so many.
at_most()
{
    notifications=$(counted notifications) interrupts=$(counted interrupts)
    awk -v n="$notifications" -v i="$interrupts" -v amount="$3" -v unit="$4" \
        'BEGIN { printf "%.2f notifications and %.2f interrupts for %s\n", n / amount, i / amount, unit }' >>"$dir/note"
    [ "$notifications" -le $(($1 * $3)) ] || fail "$notifications notifications for $3 times $4"
    [ "$interrupts" -le $(($2 * $3)) ] || fail "$interrupts interrupts for $3 times $4"
}

# A round trip of one client is one frame each way: a notification, and an interrupt unless the next
# one is there already. The rest is of the beginning and the end.
calls_of_a_round_trip()
{
    NIC=
    boot unikernel_peer serve 0
    timeout 60 "$linux_peer" round $MNET 7 500 || fail 'no round trips'
    end
    at_most 11 11 50 'ten round trips'
}

# In bulk both are fewer than segments, which have 64 KiB: 16 in a megabyte, and one more frame for
# the acknowledgement of some.
calls_of_bulk()
{
    NIC=
    boot unikernel_peer serve 20000000
    timeout 60 "$linux_peer" send $MNET 9 20000000 || fail 'Linux to mnet failed'
    timeout 60 "$linux_peer" receive $MNET 19 20000000 || fail 'mnet to Linux failed'
    end
    at_most 10 5 40 'a megabyte'
}

# A device with several pairs of queues: the first one serves.
several_pairs()
{
    ip link del tap0
    make_tap multi_queue
    NIC=mq=on,vectors=6
    NETDEV=tap,id=n,ifname=tap0,script=no,downscript=no,queues=2 boot unikernel_peer serve 5000000
    both_ways 5000000
    end
    ip link del tap0
    make_tap
}

# A link of 9000 bytes, which the device tells the driver of.
jumbo()
{
    NIC=host_mtu=9000${1:+,$1}
    ip link set tap0 mtu 9000
    boot unikernel_peer serve 5000000
    both_ways 5000000
    [ -n "$1" ] || ping -c 2 -i 0.05 -W 2 -q -M do -s 8972 $MNET || fail 'no answer to a ping of 9000 bytes'
    end
    ip link set tap0 mtu 1500
}

parallel()
{
    NIC=
    boot unikernel_peer serve 0
    timeout 60 "$linux_peer" parallel $MNET 7 200 || fail 'connections failed'
    end
}

# with_ipv6 FUNCTION ARGUMENT... - with IPv6 on the interface.
with_ipv6()
{
    sysctl -qw net.ipv6.conf.tap0.disable_ipv6=0
    ip addr add fd00::1/64 dev tap0 nodad
    "$@"
    sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1
}

# transfer_over_ipv6 BYTES [PROPERTY]
transfer_over_ipv6()
{
    NIC=${2:-}
    boot unikernel_peer --ipv6=fd00::2/64 serve "$1"
    await ping -c 1 -W 1 -q fd00::2
    MNET=fd00::2 both_ways "$1"
    timeout 10 ping -c 2 -i 0.05 -W 2 -q -s 20000 fd00::2 || fail 'no answer to a large ping'
    end
}

# large_frames PROTOCOL ADDRESS - segments cross the interface as large as they are; nothing of that
# is malformed.
large_frames()
{
    NIC=
    boot unikernel_peer --ipv6=fd00::2/64 serve 5000000
    await ping -c 1 -W 1 -q "$2"
    dump "$dir/large.pcapng"
    MNET=$2 both_ways 5000000
    end_dump
    end
    for filter in "$1.src == $2 && frame.len > 20000" "$1.dst == $2 && frame.len > 20000"; do
        [ "$(tshark -r "$dir/large.pcapng" -Y "$filter" 2>/dev/null | wc -l)" -gt 10 ] || fail "no frames: $filter"
    done
    tshark -r "$dir/large.pcapng" -o ip.check_checksum:TRUE -Y "_ws.malformed || ip.checksum.status == 0" >"$dir/bad" 2>/dev/null
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
}

# QEMU captures all frames of the machine, for Wireshark's eyes: on an interface without offloads,
# for otherwise checksums are completed only behind that. Of Wireshark's warnings only a window of 0
# and a reset are as they should be.
clean()
{
    NIC=
    NETDEV=tap,id=n,ifname=tap0,script=no,downscript=no,vnet_hdr=off OBJECT=filter-dump,id=dump,netdev=n,file=$dir/dump.pcap \
        boot unikernel_peer serve 300000
    both_ways 300000
    timeout 10 ping -c 2 -i 0.05 -W 2 -q -s 4000 $MNET || fail 'no answer to a large ping'
    ! timeout 5 nc -z -w 1 $MNET 4444 || fail 'port 4444 is open'
    nc -z $MNET 1
    wait "$mnet" || fail "it ended with status $?"
    exec 3>&-
    tshark -r "$dir/dump.pcap" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -Y "ip.src == $MNET && (_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 ||
            (_ws.expert.severity >= 6291456 && !tcp.analysis.zero_window && !tcp.flags.reset))" \
        >"$dir/bad" 2>/dev/null
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
    [ "$(tshark -r "$dir/dump.pcap" -Y "tcp && ip.src == $MNET" 2>/dev/null | wc -l)" -gt 100 ] || fail 'nothing was captured'
}

# The link goes away under a transfer and comes back; while it is away the driver sends nothing, and
# is not asked.
link_flap()
{
    NIC=
    boot unikernel_peer serve 0
    timeout 100 "$linux_peer" half-close $MNET 7 500000000 &
    transfer=$!
    for _ in 1 2 3; do
        kill -0 $transfer || fail 'the transfer is over too early'
        monitor set_link n off
        ! ping -c 1 -W 1 -q $MNET || fail 'a ping was answered without a link'
        monitor set_link n on
        await ping -c 1 -W 1 -q $MNET
    done
    wait $transfer || fail 'the transfer failed'
    end
}

# A machine that starts without a link has it later.
link_that_comes_late()
{
    NIC=
    machine_command unikernel_peer
    rm -f "$dir/console"
    mkfifo "$dir/console"
    empty "$dir/mnet.out"
    "${command[0]}" -S "${command[@]:1}" "--ipv4=$MNET/24 serve 100000" <"$dir/console" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    exec 3>"$dir/console"
    await test -S "$dir/monitor"
    monitor set_link n off
    monitor cont
    await grep -q serving "$dir/mnet.out"
    ! ping -c 1 -W 1 -q $MNET || fail 'a ping was answered without a link'
    monitor set_link n on
    await ping -c 1 -W 1 -q $MNET
    both_ways 100000
    end
}

# QEMU's own network, which needs no privileges.
user_network()
{
    NIC=
    NETDEV='user,id=n,hostfwd=tcp:127.0.0.1:9000-10.0.2.15:9000' machine_command echo
    "${command[@]}" '--ipv4=10.0.2.15/24 --ipv4-gateway=10.0.2.2' </dev/null >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    bytes 300000 user >"$dir/sent"
    for _ in $(seq 50); do
        timeout 20 nc -N 127.0.0.1 9000 <"$dir/sent" >"$dir/received"
        [ ! -s "$dir/received" ] || break
        sleep 0.1
    done
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    kill $mnet
    wait $mnet
    true # QEMU's own status
}

# The same network has a router, which advertises fec0::/64, and passes packets for fec0::2 on to
# ::1 of Linux. The machine gets an address without an option.
user_network_over_ipv6()
{
    NIC=
    NETDEV=user,id=n machine_command 02_fetch
    printf 'HTTP/1.0 200 OK\r\n\r\nhello from Linux\n' | nc -6 -l -N ::1 80 >"$dir/request" &
    server=$!
    await listening 80
    timeout 30 "${command[@]}" fec0::2 </dev/null >"$dir/answer"
    wait $server
    grep -q '^hello from Linux' "$dir/answer" || fail "it said: $(cat "$dir/answer")"
    grep -q '^GET / HTTP/1.0' "$dir/request" || fail 'Linux got nothing'
}

# pages_at PATTERNS OPTION... - httpd's page, where dnsmasq gives addresses, at those that it has.
pages_at()
{
    NIC=
    ip addr add 2001:db8::1/64 dev tap0 nodad
    give_addresses tap0
    switch_on httpd "${@:2}"
    same_pages tap0 "$1"
    end
    kill "$(cat "$dir/dnsmasq.pid")"
}

listening()
{
    ss -Hltn "sport = :$1" | grep -q LISTEN
}

# The same with an address by DHCP, of QEMU's own server: it is asked for when the link comes up,
# not when the next message would have been due (at 4 and 12 s, more or less one).
lease_when_the_link_comes()
{
    NIC=
    NETDEV=user,id=n machine_command 01_hello
    empty "$dir/mnet.out"
    "${command[0]}" -S "${command[@]:1}" --dhcp </dev/null >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await test -S "$dir/monitor"
    monitor set_link n off
    monitor cont
    sleep 6.5
    ! grep -q 'hello, I am' "$dir/mnet.out" || fail 'it has an address without a link'
    begun=$(date +%s%N)
    monitor set_link n on
    await grep -q 'hello, I am 10.0.2.15' "$dir/mnet.out"
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $took -lt 2000 ] || fail "an address came $took ms after the link"
    kill $mnet
    wait $mnet
    true # QEMU's own status
}

# A device without MSI-X raises interrupts that the machine does not take.
no_messages()
{
    NIC=vectors=0
    machine_command echo
    timeout 20 "${command[@]}" --ipv4=$MNET/24 </dev/null >"$dir/out" 2>&1
    status=$?
    [ $status = 1 ] || fail "status $status"
    grep -q 'service: the network device cannot be used: it has no interrupt that this machine can use' "$dir/out" || fail "$(head -n 1 "$dir/out")"
}

for MACHINE in ${MACHINES:-microvm modern q35}; do
    run ${MACHINE}_link_goes_and_comes link_flap
    run ${MACHINE}_200_connections parallel
    run ${MACHINE}_user_network user_network
done
MACHINE=microvm
run calls_of_a_round_trip_are_few calls_of_a_round_trip
run calls_of_bulk_are_few calls_of_bulk
# Without merged buffers the header of the legacy form is a shorter one.
MACHINE=microvm
run legacy_transfers_with_mrg_rxbuf=off transfer 5000000 mrg_rxbuf=off
run legacy_transfers_with_event_idx=off transfer 5000000 event_idx=off
MACHINE=q35
for property in mrg_rxbuf=off event_idx=off indirect_desc=off csum=off guest_csum=off host_tso4=off guest_tso4=off status=off; do
    run "transfers_with_$property" transfer 5000000 $property
done
if [ -n "$ipv6" ]; then
    for property in host_tso6=off guest_tso6=off; do
        run "ipv6_transfers_with_$property" with_ipv6 transfer_over_ipv6 5000000 $property
    done
else
    echo 'skip ipv6_transfers_with_host_tso6=off: this kernel has no IPv6'
fi
if nc -6 -z -u -w 1 ::1 9 2>/dev/null; then
    MACHINE=microvm run user_network_gives_an_address_of_ipv6 user_network_over_ipv6
else
    echo 'skip user_network_gives_an_address_of_ipv6: this kernel has no IPv6'
fi
if command -v dnsmasq >/dev/null && [ -n "$ipv6" ]; then
    MACHINE=microvm run pages_are_the_same_at_static_addresses with_ipv6 pages_at "$STATIC" --ipv4=$MNET/24 --ipv6=2001:db8::2/64
    MACHINE=microvm run pages_are_the_same_at_given_addresses with_ipv6 pages_at "$GIVEN" --dhcp
else
    echo 'skip pages_are_the_same_at_given_addresses: there is no dnsmasq, or no IPv6'
fi
run link_comes_late link_that_comes_late
run link_comes_late_and_an_address_with_it lease_when_the_link_comes
run transfers_with_longer_rings transfer 5000000 rx_queue_size=1024,tx_queue_size=256
run transfers_with_several_pairs several_pairs
run mtu_of_9000_is_taken jumbo ''
run mtu_of_9000_without_merged_buffers_is_not jumbo mrg_rxbuf=off
run interrupts_that_are_no_messages_say_so no_messages
if command -v tshark >/dev/null; then
    run frames_are_large_both_ways large_frames ip $MNET
    [ -z "$ipv6" ] || run ipv6_frames_are_large_both_ways with_ipv6 large_frames ipv6 fd00::2
    for MACHINE in modern q35; do
        run ${MACHINE}_traffic_is_clean clean
    done
else
    echo 'skip frames_are_large_both_ways: there is no tshark'
fi
