#!/bin/bash
# IPv6 on one link, as the tools of Linux see it: ndisc6, rdisc6, pings of every size to the
# link-local address, and hosts that have the addresses that mnet makes for itself.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_world.sh
. "$(dirname "$0")/lib_world.sh"
PATH=$PATH:/usr/sbin
needs ndisc6 rdisc6 radvd tshark
enter_namespaces "$@"
SIX=2001:db8:1::2

# A host beside mnet, which knows its global and its link-local address, $local.
meet()
{
    add_host peer near br0 2001:db8:1::9/64 fe80::9/64
    start_host "--ipv6=$SIX/64"
    await has fe80: preferred
    local=$(own fe80:)
}

# ndisc6 asks for the link address (RFC 4861 7.2.4); from a global address, too, and one of another
# network.
solicited()
{
    meet
    at peer ip addr add 2001:db8:7::9/64 dev near
    for address in $SIX "$local"; do
        for source in fe80::9 2001:db8:1::9 2001:db8:7::9; do
            at peer ndisc6 -1 -q -s $source "$address" near | expect $MAC
        done
    done
    ! at peer ndisc6 -1 -q -r 1 2001:db8:1::3 near || fail 'it answers for another address'
}

# A host is no router, and has no answer for rdisc6 (RFC 4861 6.2.6).
no_router()
{
    meet
    for target in ff02::2 "$local"; do
        ! at peer rdisc6 -1 -r 2 "$target" near >"$dir/answer" || fail "an answer: $(head -n 1 "$dir/answer")"
    done
    await captured "icmpv6.type == 133 && ipv6.dst == $local"
    ! captured "eth.src == $MAC && icmpv6.type == 134" || fail 'an advertisement'
}

# Whole and in fragments, to 64 KiB: each size around the boundaries of fragments, which carry 1448
# bytes each, and many between.
pings()
{
    meet
    sizes=$(seq 0 97 65000)
    for boundary in $(seq 1448 1448 65160); do
        sizes+=" $((boundary - 9)) $((boundary - 8)) $((boundary - 7)) $((boundary - 4)) $boundary"
    done
    for size in $sizes 65486 65487; do
        at peer ping -6 -c 1 -W 2 -q -s "$size" "$local%near" >/dev/null || fail "no answer to a ping of $size bytes"
    done
    note "$(echo "$sizes" | wc -w) sizes"
}

# RFC 7217 6: of each address that another host has, the next one is made, three times. Then the
# prefix is given up.
taken()
{
    add_host router near br0 fe80::1/64 2001:db8:1::1/64
    add_host peer near br0
    advertise router 'prefix 2001:db8:1::/64 { };'
    for number in 1 2 3 4; do
        start_host --ipv6=auto --secret=always
        await has 2001:db8:1: preferred
        address=$(own 2001:db8:1:)
        ! at peer ip addr show dev near | grep -q "$address" || fail "$address belongs to another host"
        [ "$(grep -c 'ipv6 2001:.*: another station has this address' "$dir/mnet.err")" = $((number - 1)) ] ||
            fail "after $((number - 1)) duplicates it says $(grep -c 'another station' "$dir/mnet.err")"
        at router ping -c 1 -W 2 -q "$address" || fail "no answer of $address"
        stop_host
        at peer ip addr add "$address/64" dev near
    done
    start_host --ipv6=auto --secret=always
    await grep -q 'ipv6 2001:.*: duplicate, and not used' "$dir/mnet.err"
    ! has 2001:db8:1: preferred || fail 'a fifth address'
    has fe80: preferred || fail 'no link-local address'
}

beside ndisc6_has_answers solicited
beside rdisc6_has_none no_router
beside pings_of_many_sizes_to_the_link_local_address pings
beside addresses_of_other_hosts_are_replaced taken
join
