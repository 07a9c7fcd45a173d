#!/bin/bash
# A neighbour that is away for a while, and one that gets another MAC, under open connections of
# both families.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_world.sh
. "$(dirname "$0")/lib_world.sh"
needs nc tshark
enter_namespaces "$@"
SIX=2001:db8:1::2
PEER4=10.0.0.9
PEER6=2001:db8:1::9

# A neighbour with echo, and a connection to its address.
meet()
{
    add_host peer near br0 $PEER6/64 $PEER4/24
    at peer "$MNET_DEBUG/tests/linux_peer" serve &
    start_host --ipv4=$MNET/24 --ipv6=$SIX/64 --ipv6-gateway=$PEER6
    await has $SIX preferred
    ask connect "$1" 7 | grep -q '^connected 0' || fail 'no connection'
    talks 0 before
}

# Linux says nothing of it, and has nothing to send either. Frames to the old MAC go nowhere.
change_mac()
{
    sleep 1
    at peer ip link set near address 02:00:00:00:00:99
}

# bounded MOST WHAT - notes how long it took: milliseconds at most.
bounded()
{
    note "$2 after $took ms"
    [ "$took" -le "$1" ] || fail "$2 after $took ms only"
}

# away ADDRESS SECONDS MOST - the neighbour is out of the switch for so long, while mnet sends. The
# sender has backed off when it comes back, for as long as it was away at the most.
away()
{
    meet "$1"
    ip link set peer-near nomaster
    (
        sleep "$2"
        ip link set peer-near master br0
    ) &
    milliseconds talks 0 during
    took=$((took - $2 * 1000))
    bounded "$3" "away for $2 s, the connection went on"
    [ $took -gt 0 ] || fail 'the neighbour was not away'
    milliseconds talks 0 after
    [ $took -lt 1000 ] || fail "then an answer took $took ms"
}

# returns ADDRESS MOST - nobody is there for a new connection, until the neighbour comes back.
returns()
{
    meet "$1"
    ip link set peer-near nomaster
    sleep 1
    ask connect "$1" 7 | expect 'connect: destination unreachable'
    ip link set peer-near master br0
    sleep 1
    milliseconds ask connect "$1" 7 >"$dir/answer"
    grep -q '^connected' "$dir/answer" || fail "it said: $(cat "$dir/answer")"
    bounded "$2" 'back, a connection was there'
}

# mnet finds out by itself, from the retransmissions of its data.
finds_mac()
{
    meet "$1"
    change_mac
    milliseconds talks 0 after
    bounded "$2" 'the connection went on'
    milliseconds talks 0 again
    [ $took -lt 1000 ] || fail "then an answer took $took ms"
}

# The neighbour speaks first, to mnet's address.
hears_mac()
{
    meet "$2"
    coproc { timeout 40 ip netns exec peer nc "$1" 7; }
    answers before
    change_mac
    milliseconds answers after
    bounded 1500 'the connection went on'
    milliseconds talks 0 after
    [ $took -lt 1000 ] || fail "the other connection went on after $took ms"
}

# answers WORD - the echo of mnet to the neighbour's connection.
answers()
{
    echo "$1" >&"${COPROC[1]}"
    { read -r -t 20 line <&"${COPROC[0]}" && [ "$line" = "$1" ]; } || fail "no echo of '$1'"
}

beside neighbour_of_ipv4_is_away_and_back away $PEER4 10 12000
beside neighbour_of_ipv6_is_away_and_back away $PEER6 10 12000
beside connection_over_ipv4_to_one_who_is_back returns $PEER4 1000
beside connection_over_ipv6_to_one_who_is_back returns $PEER6 1000
beside mac_of_a_neighbour_of_ipv4_changes finds_mac $PEER4 9000
beside mac_of_a_neighbour_of_ipv6_changes finds_mac $PEER6 9000
beside neighbour_of_ipv4_speaks_from_another_mac hears_mac $MNET $PEER4
beside neighbour_of_ipv6_speaks_from_another_mac hears_mac $SIX $PEER6
join
