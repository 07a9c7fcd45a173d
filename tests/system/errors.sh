#!/bin/bash
# Errors before anything runs: one clear line, exit status 1.
# waits: for programs to end.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
hello=$MNET_DEBUG/examples/01_hello-tap
echo=$MNET_DEBUG/examples/echo-tap

not_a_tap()
{
    ip link add dummy0 type dummy 2>/dev/null || ip link add dummy0 type veth peer name dummy1
    refuses dummy0 "$hello" --net:service=dummy0 --ipv4=10.0.0.2/24
    ip link del dummy0
}

busy()
{
    start "$hello"
    refuses 'tap0.*in use' "$hello" --net:service=tap0 --ipv4=10.0.0.3/24
    stop
}

# The interface is deleted under a running program, which says so once, sleeps on, and ends in
# order.
deleted()
{
    start "$@"
    ip link del tap0
    await grep -q 'error: device tap0 fails' "$dir/mnet.err"
    before=$(awk '{print $14 + $15}' "/proc/$mnet/stat")
    sleep 1
    ticks=$(($(awk '{print $14 + $15}' "/proc/$mnet/stat") - before))
    [ $ticks -lt 3 ] || fail "it ran for $ticks of 100 ticks"
    stop
    [ "$(wc -l <"$dir/mnet.err")" = 1 ] || fail "not one line: $(cat "$dir/mnet.err")"
    make_tap
}

# Whoever has no capabilities may use an interface made for them, and not make one.
no_permission()
{
    refuses 'permission' setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --clear-groups --reuid=1 --regid=1 \
        "$hello" --net:service=new:tap7 --ipv4=10.0.0.2/24
}

# helps PROGRAM USAGE - --help and -h print the usage first and all options, --version the version,
# with status 0.
helps()
{
    for option in --help -h; do
        timeout 10 "$1" $option >"$dir/out" 2>"$dir/err" || fail "$option: status $?"
        [ "$(head -n 1 "$dir/out")" = "usage: $2" ] || fail "$option: it said: $(head -n 1 "$dir/out")"
        [ ! -s "$dir/err" ] || fail "$option: it complained: $(cat "$dir/err")"
    done
    [ "${3-}" = own ] || grep -q '^  --ipv4=ADDRESS/LENGTH ' "$dir/out" || fail 'not all options are in the help'
    timeout 10 "$1" --version >"$dir/out" 2>"$dir/err" || fail "--version: status $?"
    grep -Eq "^${2%% *} \\(mnet [0-9.]+\\)\$" "$dir/out" || fail "--version: it said: $(cat "$dir/out")"
}

every_program_helps()
{
    for name in 01_hello 03_echo_once 04_echo_in_place echo udp_echo; do
        helps "$MNET_DEBUG/examples/$name-tap" "$name-tap [OPTIONS]"
    done
    helps "$MNET_DEBUG/examples/02_fetch-tap" '02_fetch-tap [OPTIONS] ADDRESS...'
    helps "$MNET_DEBUG/examples/nc-tap" 'nc-tap [OPTIONS] HOST PORT, or -l PORT'
    helps "$MNET_DEBUG/examples/external-tap" 'external TAP ADDRESS/LENGTH' own
    [ ! -x "$MNET_DEBUG/examples/httpd-tap" ] ||
        helps "$MNET_DEBUG/examples/httpd-tap" 'httpd-tap [OPTIONS] FOLDER (which must exist)'
}

# RFC 8200 5: without IPv4 there is nothing left.
small_mtu()
{
    ip link set tap0 mtu 1279
    refuses '^echo-tap: no own address: the MTU is too small for IPv6' "$echo" --net:service=tap0
    start "$hello"
    stop
    expect 'warning: ipv6 is off: the MTU of the link is 1279, less than 1280' <"$dir/mnet.err"
    ip link set tap0 mtu 1500
}

echo_busy()
{
    start "$hello"
    refuses 'tap0.*in use' "$echo" --net:service=tap0 --ipv4=10.0.0.3/24
    stop
}

run no_interface_named_says_so refuses 'net:service' "$hello" --ipv4=10.0.0.2/24
run bad_interface_name_says_so refuses 'name' "$hello" --net:service=a/b --ipv4=10.0.0.2/24
run interface_that_is_no_tap_says_so not_a_tap
run interface_in_use_says_so busy
run interface_in_use_says_so_once echo_busy
run interface_deleted_says_so_and_costs_nothing deleted "$hello"
run captured_interface_deleted_costs_nothing deleted "$hello" --capture="$dir/capture.pcapng"
run no_address_says_so refuses 'ipv4=' "$echo" --net:service=tap0 --no-ipv6
run two_answers_about_ipv6_say_so refuses '^echo-tap: --no-ipv6 and --ipv6: expected only one of them$' \
    "$echo" --net:service=tap0 --ipv4=10.0.0.2/24 --no-ipv6 --ipv6=fd00::2/64
run gateway_without_ipv6_says_so refuses '^echo-tap: --no-ipv6 and --ipv6-gateway: expected only one of them$' \
    "$echo" --net:service=tap0 --ipv4=10.0.0.2/24 --no-ipv6 --ipv6-gateway=fe80::1
run gateway_off_the_link_says_so refuses '^echo-tap: --ipv6-gateway: the gateway fd01::1 is no other host of the network' \
    "$echo" --net:service=tap0 --ipv6=fd00::2/64 --ipv6-gateway=fd01::1
run small_mtu_says_so small_mtu
run too_much_memory_says_so refuses 'memory' "$echo" --net:service=tap0 --ipv4=10.0.0.2/24 --memory=100000G
run port_without_connection_says_so refuses 'refused' "$MNET_DEBUG/examples/nc-tap" --net:service=tap0 --ipv4=10.0.0.2/24 10.0.0.1 9
run every_program_helps every_program_helps
run unknown_option_is_refused refuses '^echo-tap: --ipv4-gatway=10.0.0.1: unknown option; did you mean --ipv4-gateway=ADDRESS?$' \
    "$echo" --net:service=tap0 --ipv4=10.0.0.2/24 --ipv4-gatway=10.0.0.1
run unknown_argument_is_refused refuses '^01_hello-tap: more: unknown argument' "$hello" --net:service=tap0 --ipv4=10.0.0.2/24 more
run missing_words_are_told refuses '^usage: nc-tap ' "$MNET_DEBUG/examples/nc-tap" --net:service=tap0 --ipv4=10.0.0.2/24 10.0.0.1
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && [ "$(awk '{print $3}' /proc/self/uid_map)" -gt 1 ]; then
    run no_permission_says_so no_permission
else
    echo 'skip no_permission_says_so: needs a second user'
fi
run bad_prefix_says_so refuses 'ipv4' "$hello" --net:service=tap0 --ipv4=10.0.0.2/33
run bad_ipv6_prefix_says_so refuses '^01_hello-tap: --ipv6=fd00::2/129: expected an address of a host and the length of its network' "$hello" --net:service=tap0 --ipv6=fd00::2/129
run bad_address_says_so refuses 'ipv4' "$hello" --net:service=tap0 --ipv4=10.0.0.256/24
run bad_memory_says_so refuses 'memory' "$hello" --net:service=tap0 --ipv4=10.0.0.2/24 --memory=much
run capture_that_cannot_be_written_says_so refuses 'nowhere' "$hello" --net:service=tap0 --ipv4=10.0.0.2/24 \
    --capture=/nowhere/at/all
