#!/bin/bash
# IPv6 routers: Linux with radvd. Their prefixes, lifetimes and preferences; a network that is
# renumbered, and a router that dies, under open connections.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_world.sh
. "$(dirname "$0")/lib_world.sh"
PATH=$PATH:/usr/sbin
needs radvd tshark
enter_namespaces "$@"

# A prefix with short lifetimes: prefix NETWORK VALID PREFERRED.
prefix()
{
    echo "prefix $1 { AdvValidLifetime $2; AdvPreferredLifetime $3; };"
}

# The world of most tests: the server far away, and one or two routers on the way.
add_far_server()
{
    add_switch br1
    add_server
    add_router r1 1 2001:db8:1::1/64 2001:db8:2::1/64
    route_back 1
}

# route_back NUMBER - the server's way to the link, by this router.
route_back()
{
    at server ip -6 route replace 2001:db8:1::/64 via "2001:db8:f::$1"
    at server ip -6 route replace 2001:db8:2::/64 via "2001:db8:f::$1"
}

# forwarded NAME [near] - packets that a router has forwarded from the link, or back to it.
forwarded()
{
    at "$1" awk '$1 == "Ip6OutForwDatagrams" { print $2 }' "/proc/net/dev_snmp6/${2:-far}"
}

# forwards NAME COMMAND... - whether the command makes this router forward more than the other one.
forwards()
{
    one=$(forwarded r1) two=$(forwarded r2)
    "${@:2}"
    one=$(($(forwarded r1) - one)) two=$(($(forwarded r2) - two))
    case $1 in
    r1) [ $one -gt $two ] ;;
    r2) [ $two -gt $one ] ;;
    esac || fail "r1 forwarded $one packets, r2 $two"
}

# connects FROM - a new connection to the server comes from an address that begins so.
connects()
{
    answer=$(ask connect 2001:db8:f::9 7)
    [[ $answer == connected*" from $1"* ]] || fail "not from $1: $answer"
}

# RFC 4862 5.5.3: an address for each prefix that says so, and none for the others, whose hosts are
# neighbours all the same. Each destination is reached from the address that suits it (RFC 6724).
several_prefixes()
{
    add_far_server
    at r1 ip addr add 2001:db8:3::1/64 dev near
    at r1 ip addr add fd00:1::1/64 dev near
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)" "$(prefix 2001:db8:2::/64 600 300)" "$(prefix fd00:1::/64 600 300)" \
        'prefix 2001:db8:3::/64 { AdvAutonomous off; };'
    at r1 "$MNET_DEBUG/tests/linux_peer" serve &
    start_host --ipv6=auto
    for network in 2001:db8:1: 2001:db8:2: fd00:1: fe80:; do
        await has $network preferred
    done
    ! has 2001:db8:3: preferred || fail 'an address of a prefix that is not for addresses'
    for network in 2001:db8:1: 2001:db8:2:; do
        at server ping -c 2 -i 0.1 -W 2 -q "$(own $network)" || fail "no answer of $network"
    done
    ask connect fd00:1::1 7 | grep -q 'from fd00:1:' || fail 'another address than the local one to a local host'
    connects 2001:db8:
    talks 1 far
    echo hello | at r1 timeout 10 nc -N "$(own fd00:1:)" 7 | expect hello
}

# On a link that is advertised (RFC 5942), without an address in it, a host is a neighbour.
prefix_on_the_link()
{
    add_far_server
    at r1 ip addr add 2001:db8:3::1/64 dev near
    add_host host near br0 2001:db8:3::9/64
    at host ip -6 route add default via fe80::1 dev near
    at host "$MNET_DEBUG/tests/linux_peer" serve &
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)" 'prefix 2001:db8:3::/64 { AdvAutonomous off; };'
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    before=$(forwarded r1 near)
    ask connect 2001:db8:3::9 7 | grep -q 'from 2001:db8:1:' || fail 'no connection to a neighbour'
    await captured "icmpv6.nd.ns.target_address == 2001:db8:3::9 && eth.src == $MAC"
    [ "$(forwarded r1 near)" -gt "$before" ] || fail 'the answer did not come by the router'
}

# A Router Lifetime of 0 ends the default route only (RFC 4861 6.3.4): neighbours are still there.
# A preferred lifetime of 0 deprecates the address.
lifetimes_become_zero()
{
    add_far_server
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)"
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    connects 2001:db8:1:
    talks 0 before
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)" 'AdvDefaultLifetime 0;'
    await grep -q 'fe80::1 is no router any more' "$dir/mnet.err"
    ask datagram 2001:db8:f::9 7 100 | expect 'datagram: destination unreachable'
    ask datagram 2001:db8:1::1 7 100 | expect sent
    has 2001:db8:1: preferred || fail 'the address went with the router'
    advertise r1 "$(prefix 2001:db8:1::/64 600 0)"
    await has 2001:db8:1: deprecated
    await says_sent 2001:db8:f::9
    talks 0 after
}

says_sent()
{
    ask datagram "$1" 7 100 | grep -q '^sent'
}

# Renumbering: what is open goes on from the deprecated address until that ends, what begins takes
# the new one.
renumbering()
{
    add_far_server
    advertise r1 "$(prefix 2001:db8:1::/64 12 10)"
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    connects 2001:db8:1:
    old=$(own 2001:db8:1:)
    advertise r1 "$(prefix 2001:db8:1::/64 12 0)" "$(prefix 2001:db8:2::/64 600 300)"
    await has 2001:db8:1: deprecated
    await has 2001:db8:2: preferred
    connects 2001:db8:2:
    talks 0 old
    talks 1 new
    coproc { timeout 40 ip netns exec server nc "$old" 7; }
    echo in >&"${COPROC[1]}"
    { read -r -t 5 line <&"${COPROC[0]}" && [ "$line" = in ]; } || fail 'the deprecated address takes no connection'
    advertise r1 "$(prefix 2001:db8:2::/64 600 300)"
    talks 0 still
    PATIENCE=15 milliseconds await ended "$old"
    note "the old address ended ${took} ms after its last advertisement, of 12 s"
    [ $took -gt 6000 ] || fail "the address ended after $took ms"
    ask say 0 gone | grep -q '^say: ' || fail 'the connection of the old address goes on'
    ! at server ping -c 1 -W 1 -q "$old" || fail 'the old address answers'
    talks 1 new
}

# ended ADDRESS - whether the host has it no more.
ended()
{
    ! ask addresses | grep -q "$1"
}

# Two routers advertise the same prefix. The one in use dies without a word.
router_dies()
{
    add_far_server
    add_router r2 2 2001:db8:1::2/64
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)" 'AdvDefaultPreference high;'
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    advertise r2 "$(prefix 2001:db8:1::/64 600 300)"
    await grep -q 'fe80::2 is a router' "$dir/mnet.err"
    connects 2001:db8:1:
    forwards r1 talks 0 before
    at r1 ip link set near down
    route_back 2
    forwards r2 milliseconds talks 0 after
    note "the connection went on after $took ms"
    [ $took -lt 9000 ] || fail "it took $took ms"
    milliseconds connects 2001:db8:1:
    [ $took -lt 1000 ] || fail "a new connection took $took ms"
    talks 0 again
}

# A router that ends in order says so, and the other one is used at once.
router_says_goodbye()
{
    add_far_server
    add_router r2 2 2001:db8:1::2/64
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)" 'AdvDefaultPreference high;'
    advertise r2 "$(prefix 2001:db8:1::/64 600 300)"
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    await grep -q 'fe80::2 is a router' "$dir/mnet.err"
    connects 2001:db8:1:
    forwards r1 talks 0 before
    kill "$(cat "$dir/r1.pid")"
    await grep -q 'fe80::1 is no router any more' "$dir/mnet.err"
    at r1 ip link set near down
    route_back 2
    forwards r2 milliseconds talks 0 after
    note "the connection went on after $took ms"
    [ $took -lt 1000 ] || fail "it took $took ms"
}

# Of two routers the one with the higher preference is taken (RFC 4191), a more specific route
# before both, and another preference counts at once.
preference()
{
    add_far_server
    add_router r2 2 2001:db8:1::2/64
    at server ip addr add 2001:db8:e::9/64 dev far
    for router in r1 r2; do
        at $router ip -6 route add 2001:db8:e::/64 dev far
    done
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)"
    advertise r2 "$(prefix 2001:db8:1::/64 600 300)" 'AdvDefaultPreference high;'
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    await grep -q 'fe80::1 is a router' "$dir/mnet.err"
    await grep -q 'fe80::2 is a router' "$dir/mnet.err"
    forwards r2 send_to 2001:db8:e::9
    advertise r1 "$(prefix 2001:db8:1::/64 600 300)" 'route 2001:db8:e::/64 { AdvRouteLifetime 600; };'
    await forwards_quietly r1 send_to 2001:db8:e::9
    forwards r2 send_to 2001:db8:f::9
    advertise r2 "$(prefix 2001:db8:1::/64 600 300)" 'AdvDefaultPreference low;'
    await forwards_quietly r1 send_to 2001:db8:f::9
}

send_to()
{
    for _ in 1 2 3; do
        ask datagram "$1" 7 100 | expect sent
    done
}

# The same as a question that `await` may ask often.
forwards_quietly()
{
    (FATAL=1 forwards "$@") && return 0
    rm -f "$dir/why"
    return 1
}

beside prefixes_make_an_address_each several_prefixes
beside prefix_on_the_link_has_neighbours prefix_on_the_link
beside lifetimes_that_become_zero_count lifetimes_become_zero
beside network_is_renumbered_under_connections renumbering
beside router_that_dies_is_replaced router_dies
beside router_that_says_goodbye_is_replaced_at_once router_says_goodbye
beside preference_chooses_the_router preference
join
