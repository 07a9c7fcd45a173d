#!/bin/bash
# The time of day: each port tells the time that it begins with; and NTP, with chronyd as the
# server, which leaves the clock of this machine alone.
# waits: for the polls of NTP.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
enter_namespaces "$@"

# near TEXT - the text has a line "time: DATE UTC", and it is now, within 5 s.
near()
{
    told=$(grep -o 'time: .* UTC' "$1" | sed 's/^time: //')
    [ -n "$told" ] || fail "there is no time: $(cat "$1")"
    away=$(($(date +%s) - $(date -d "$told" +%s)))
    [ "${away#-}" -le 5 ] || fail "it is $away s away"
}

process_has_the_time_of_its_host()
{
    start "$MNET_RELEASE/examples/01_hello-tap" --log=info
    near "$dir/mnet.err"
    stop
}

# machine_has_the_time MACHINE - by the clock of its battery.
machine_has_the_time()
{
    MACHINE=$1 boot 01_hello --log=info
    near "$dir/mnet.out"
    end
}

machine_without_clock_says_so()
{
    MACHINE=plain boot 01_hello --log=info
    end
    grep -q 'time: not known' "$dir/mnet.out" || fail "it says: $(grep time: "$dir/mnet.out")"
}

run process_has_the_time_of_its_host process_has_the_time_of_its_host
if command -v qemu-system-x86_64 >/dev/null; then
    run microvm_has_the_time_of_its_battery machine_has_the_time microvm
    run pc_has_the_time_of_its_battery machine_has_the_time q35
    run machine_without_a_clock_says_so machine_without_clock_says_so
else
    echo 'skip microvm_has_the_time_of_its_battery: there is no qemu-system-x86_64'
fi

# ---- Servers ----

# serve NUMBER ADDRESS - chronyd at an address of Linux.
serve()
{
    printf '%s\n' "bindaddress $2" 'local stratum 5' 'allow 10.0.0.0/24' 'cmdport 0' "pidfile $dir/chronyd$1.pid" \
        "bindcmdaddress /" "driftfile $dir/drift$1" >"$dir/chronyd$1.conf"
    chronyd -x -d -U -u "$(id -un)" -f "$dir/chronyd$1.conf" >"$dir/chronyd$1.log" 2>&1 &
    chronyds="${chronyds:-} $!"
    await udp_listens "$2"
}

udp_listens()
{
    ss -Huln "src $1 and sport = :123" | grep -q .
}

# near_now FILE - the seconds in it are now, within 2 s.
near_now()
{
    told=$(sed -n 's/^\([0-9]*\)\.[0-9]* s since 1970.*/\1/p' "$1")
    [ -n "$told" ] || fail "there is no time: $(cat "$1")"
    away=$(($(date +%s) - told))
    [ "${away#-}" -le 2 ] || fail "it is $away s away"
}

clock()
{
    timeout 60 "$MNET_DEBUG/examples/clock-tap" --net:service=tap0 "$@" >"$dir/out" 2>"$dir/err"
}

chronyd_tells_the_time()
{
    clock --ipv4=$MNET/24 $LINUX || fail "status $?: $(cat "$dir/err")"
    near_now "$dir/out"
    grep -q "^$LINUX: -*[0-9]* us away, right to [0-9]* us\$" "$dir/out" || fail "it says: $(cat "$dir/out")"
    note "$(head -n 1 "$dir/out")"
}

machine_asks_chronyd()
{
    MACHINE=plain machine_command clock
    timeout 60 "${command[@]}" "--ipv4=$MNET/24 --log=info $LINUX" </dev/null >"$dir/out" 2>"$dir/err"
    tr -d '\r' <"$dir/out" >"$dir/text"
    grep -q 'time: not known' "$dir/text" || fail "it had a clock: $(cat "$dir/text")"
    near_now "$dir/text"
}

# By DHCP, the server of time is named, and the one of names knows another by name.
servers_by_dhcp_and_by_name()
{
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=tap0 --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --log-facility=- --log-dhcp \
        --dhcp-range=10.0.0.50,10.0.0.60 --dhcp-leasefile="$dir/leases" --dhcp-option=option:ntp-server,$LINUX \
        --local=/example/ --host-record=time.example,10.0.0.3 >"$dir/dnsmasq.log" 2>&1 &
    dnsmasq=$!
    await grep -q started "$dir/dnsmasq.log"
    clock --dhcp time.example || fail "status $?: $(cat "$dir/err")"
    kill $dnsmasq
    near_now "$dir/out"
    grep -q "^$LINUX: " "$dir/out" || fail 'the server by DHCP was not asked'
}

silent_server_is_told()
{
    clock --ipv4=$MNET/24 10.0.0.1 && fail 'it has a time'
    grep -q '^10.0.0.1: no answer' "$dir/out" || fail "it says: $(cat "$dir/out" "$dir/err")"
}

if ! command -v chronyd >/dev/null; then
    echo 'skip chronyd_tells_the_time: there is no chronyd'
    exit 0
fi
run server_that_is_not_there_is_told silent_server_is_told
ip addr add 10.0.0.3/24 dev tap0
serve 1 $LINUX
serve 2 10.0.0.3
run chronyd_tells_the_time chronyd_tells_the_time
if command -v dnsmasq >/dev/null; then
    run servers_by_dhcp_and_by_name servers_by_dhcp_and_by_name
fi
if command -v qemu-system-x86_64 >/dev/null; then
    run machine_without_a_clock_asks_chronyd machine_asks_chronyd
fi
# shellcheck disable=SC2086 # words
kill $chronyds
wait
