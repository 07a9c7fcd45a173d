#!/bin/bash
# Groups behind a switch that listens to reports (RFC 4541): datagrams to a group come through while
# mnet is its member, of both families and of all versions of the protocols; and so do solicitations
# of neighbours, which go to groups, too.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_world.sh
. "$(dirname "$0")/lib_world.sh"
PATH=$PATH:/usr/sbin:/sbin
needs bridge nc tshark
enter_namespaces "$@"
SIX=2001:db8:1::2
SENDER=2001:db8:1::9

# snoop MLD IGMP - br0 passes datagrams to members alone, and asks for them every 2 s in these
# versions. Who does not answer for 5 s is no member any more. At first it passes all.
snoop()
{
    sysctl -qw net.ipv6.conf.br0.disable_ipv6=0 # it asks from a link-local address
    ip link set br0 type bridge mcast_snooping 1 mcast_mld_version "$1" mcast_igmp_version "$2" mcast_query_interval 200 \
        mcast_query_response_interval 100 mcast_startup_query_interval 100 mcast_membership_interval 500 \
        mcast_last_member_interval 50
    ip link set br0 type bridge mcast_querier 1
    add_host sender near br0 $SENDER/64 10.0.0.9/24
    at sender ip route add 224.0.0.0/4 dev near
    sleep 3
}

# multicast GROUP PORT - five datagrams to port 5000 of the group, from this port.
multicast()
{
    for number in 1 2 3 4 5; do
        echo $number
        sleep 0.1
    done | at sender timeout 10 nc -u -w 1 -p "$2" "$1" 5000
}

# passed PORT - how many of them have crossed tap0.
passed()
{
    tshark -r "$dir/world.pcapng" -Y "udp.srcport == $1" 2>/dev/null | wc -l
}

# member GROUP - whether the switch knows mnet as a member.
member()
{
    bridge mdb show dev br0 | grep -q "port tap0 grp $1 "
}

is_no_member()
{
    ! member "$1"
}

# group GROUP MLD IGMP JOINED LEFT - with the messages that tell of it.
group()
{
    snoop "$2" "$3"
    start_host --ipv4=$MNET/24 --ipv6=$SIX/64 --ipv6-gateway=$SENDER
    multicast "$1" 6001
    ask join "$1" 5000 | expect joined
    await member "$1"
    multicast "$1" 6002
    sleep 6
    member "$1" || fail 'it does not answer queries'
    multicast "$1" 6003
    ask count | expect '10 datagrams'
    ask leave "$1" 5000 | expect left
    milliseconds await is_no_member "$1"
    note "the switch forgot the group after $took ms"
    [ $took -lt 3000 ] || fail "it was a member for another $took ms"
    multicast "$1" 6004
    ask count | expect '10 datagrams'
    await captured "eth.src == $MAC && $5"
    captured "eth.src == $MAC && $4" || fail "no report as it should be: $4"
    for port in 6001:0 6002:5 6003:5 6004:0; do
        [ "$(passed ${port%:*})" = ${port#*:} ] || fail "of 5 datagrams from port ${port%:*} $(passed ${port%:*}) have passed"
    done
}

# The groups of solicitations (RFC 4861 7.2.1): without a report nobody would find the host.
neighbour()
{
    snoop 2 3
    start_host --ipv4=$MNET/24 --ipv6=$SIX/64 --ipv6-gateway=$SENDER
    await has $SIX preferred
    member ff02::1:ff00:2 || fail "the switch knows only $(bridge mdb show dev br0 | grep -c 'port tap0') groups"
    for _ in 1 2 3; do
        at sender ip neigh flush dev near
        at sender ping -c 1 -W 2 -q $SIX || fail 'not found'
        sleep 3
    done
    captured "icmpv6.type == 135 && ipv6.src == $SENDER && eth.dst == 33:33:ff:00:00:02" || fail 'nobody asked'
}

beside members_of_mld_2 group ff15::1234 2 3 \
    'icmpv6.type == 143 && icmpv6.mldr.mar.record_type == 4' 'icmpv6.type == 143 && icmpv6.mldr.mar.record_type == 3'
beside members_of_mld_1 group ff15::1234 1 2 'icmpv6.type == 131 && ipv6.dst == ff15::1234' 'icmpv6.type == 132'
beside members_of_igmp_3 group 239.1.2.3 2 3 'igmp.type == 0x22 && igmp.record_type == 4' 'igmp.record_type == 3'
beside members_of_igmp_2 group 239.1.2.3 1 2 'igmp.type == 0x16 && ip.dst == 239.1.2.3' 'igmp.type == 0x17'
beside neighbour_is_found_behind_the_switch neighbour
join
