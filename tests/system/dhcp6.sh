#!/bin/bash
# DHCPv6 servers on the link: dnsmasq, and Kea beside radvd. Addresses are got, renewed, declined
# and given back; a server of names is told of without an address.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/lib_world.sh
. "$(dirname "$0")/lib_world.sh"
PATH=$PATH:/usr/sbin
needs dnsmasq kea-dhcp6 radvd tshark
enter_namespaces "$@"

# A router, which the servers run on.
add_gateway()
{
    add_host gateway near br0 fe80::1/64 2001:db8:1::1/64
    at gateway sysctl -qw net.ipv6.conf.all.forwarding=1
}

# serve ARGUMENT... - dnsmasq on the gateway.
serve()
{
    empty "$dir/dnsmasq.log" "$dir/leases"
    at gateway dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=near --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --dhcp-leasefile="$dir/leases" \
        --log-facility=- --log-dhcp "$@" >"$dir/dnsmasq.log" 2>&1 &
    await grep -q 'DHCPv6' "$dir/dnsmasq.log"
}

# leased ADDRESS - whether dnsmasq has it in its list.
leased()
{
    grep -q " $1 " "$dir/leases"
}

# message TYPE [FILTER] - whether mnet has sent a message of DHCPv6.
message()
{
    captured "eth.src == $MAC && dhcpv6.msgtype == $1 ${2:+&& $2}"
}

# The flag M (RFC 4861 4.2) makes mnet ask; the end of the program gives the address back.
used_and_given_back()
{
    add_gateway
    serve --enable-ra --dhcp-range=2001:db8:1::50,2001:db8:1::5f,64,2m
    start_host --ipv6=auto
    await has 2001:db8:1::5 preferred
    address=$(own 2001:db8:1::5)
    leased "$address" || fail "dnsmasq has no lease of $address"
    grep -q "^dhcpv6: $address for 1[12][0-9] s" "$dir/mnet.err" || fail 'the log does not tell of it'
    at gateway ping -c 3 -i 0.1 -W 2 -q "$address" || fail 'no answer to ping'
    echo hello | at gateway timeout 10 nc -N "$address" 7 | expect hello
    stop_host
    await grep -q "DHCPRELEASE(near)" "$dir/dnsmasq.log"
    await message 8 "dhcpv6.iaaddr.ip == $address"
    ! leased "$address" || fail 'dnsmasq still has the lease'
}

# Another host has the address that the server means for this one (RFC 8415 18.2.8).
declined()
{
    add_gateway
    add_host squatter near br0 2001:db8:1::42/64
    serve --enable-ra --dhcp-range=2001:db8:1::50,2001:db8:1::5f,64,2m --dhcp-host=id:00:03:00:01:$MAC,[2001:db8:1::42]
    start_host --ipv6=auto
    await has 2001:db8:1::5 preferred
    await message 9 'dhcpv6.iaaddr.ip == 2001:db8:1::42'
    grep -q 'DHCPDECLINE(near)' "$dir/dnsmasq.log" || fail 'dnsmasq knows nothing of it'
    ! has 2001:db8:1::42 '' || fail 'the address of another host is still there'
    at gateway ping -c 3 -i 0.1 -W 2 -q "$(own 2001:db8:1::5)" || fail 'no answer of the other address'
}

# The flag O: an address by the prefix, all else by DHCPv6. radvd says nothing of servers of names.
names_without_address()
{
    add_gateway
    serve --dhcp-range=2001:db8:1::,static --dhcp-option=option6:dns-server,[2001:db8:1::1] \
        --dhcp-option=option6:domain-search,lab.example --dhcp-option=option6:ntp-server,[2001:db8:1::7b] --host-record=host.lab.example,2001:db8:1::77
    advertise gateway 'AdvOtherConfigFlag on; prefix 2001:db8:1::/64 { };'
    start_host --ipv6=auto
    await has 2001:db8:1: preferred
    await message 11
    ask resolve host.lab.example | expect 2001:db8:1::77
    ask resolve host | expect 2001:db8:1::77
    ask times | expect 2001:db8:1::7b
    await captured "eth.src == $MAC && ipv6.dst == 2001:db8:1::1 && dns"
    ! message 1 || fail 'it asked for an address'
}

# Kea on the gateway, with an address for 12 s, to be renewed after 3.
serve_kea()
{
    cat >"$dir/kea.json" <<JSON
{ "Dhcp6": {
    "interfaces-config": { "interfaces": [ "near" ] },
    "lease-database": { "type": "memfile", "persist": false },
    "server-id": { "type": "LL", "persist": false },
    "renew-timer": 3, "rebind-timer": 8, "preferred-lifetime": 10, "valid-lifetime": 12,
    "subnet6": [ { "subnet": "2001:db8:1::/64", "interface": "near",
        "pools": [ { "pool": "2001:db8:1::50 - 2001:db8:1::5f" } ] } ],
    "loggers": [ { "name": "kea-dhcp6", "severity": "DEBUG", "debuglevel": 50, "output_options": [ { "output": "stdout" } ] } ]
} }
JSON
    empty "$dir/kea.log"
    KEA_PIDFILE_DIR=$dir KEA_LOCKFILE_DIR=$dir at gateway kea-dhcp6 -c "$dir/kea.json" >"$dir/kea.log" 2>&1 &
    await grep -q DHCP6_STARTED "$dir/kea.log"
}

# renewed COUNT - whether Kea has renewed so often.
renewed()
{
    [ "$(grep -c DHCP6_LEASE_RENEW "$dir/kea.log")" -ge "$1" ]
}

# Renewed at T1 over and over, beyond the first valid lifetime, under an open connection.
renewed_by_kea()
{
    add_gateway
    at gateway "$MNET_DEBUG/tests/linux_peer" serve &
    serve_kea
    advertise gateway 'AdvManagedFlag on;'
    start_host --ipv6=auto
    await has 2001:db8:1::5 preferred
    address=$(own 2001:db8:1::5)
    ask connect 2001:db8:1::1 7 | expect "connected 0 from $address"
    PATIENCE=20 await renewed 5
    ask say 0 later | expect 'heard later'
    has "$address" preferred || fail 'the address is preferred no more'
    stop_host
    await grep -q DHCP6_RELEASE_NA "$dir/kea.log"
    await message 8 "dhcpv6.iaaddr.ip == $address"
    ! message 6 || fail 'it was rebound'
}

# With --dhcp where nobody has an address of IPv4: with that of DHCPv6 the stack is up after 10 s.
without_ipv4()
{
    add_gateway
    serve --enable-ra --dhcp-range=2001:db8:1::50,2001:db8:1::5f,64,2m
    PATIENCE=20 milliseconds start_host --dhcp
    note "up after $took ms"
    [ $took -gt 9000 ] || fail 'it did not wait for the other server'
    grep -q 'dhcp: no server gave an address so far, only IPv6 has one' "$dir/mnet.err" || fail 'it does not say so'
    echo hello | at gateway timeout 10 nc -N "$(own 2001:db8:1::5)" 7 | expect hello
}

# And where there are no routers either, who would tell of DHCPv6.
without_routers()
{
    add_gateway
    serve --dhcp-range=2001:db8:1::50,2001:db8:1::5f,64,2m
    PATIENCE=30 milliseconds start_host --dhcp
    note "up after $took ms"
    has 2001:db8:1::5 preferred || fail 'no address of DHCPv6'
}

beside address_of_dnsmasq_is_used_and_given_back used_and_given_back
beside address_of_another_host_is_declined declined
beside names_are_known_without_an_address names_without_address
beside address_of_kea_is_renewed_and_given_back renewed_by_kea
beside network_without_ipv4_is_enough_for_dhcp without_ipv4
beside network_without_ipv4_and_routers_is_enough_for_dhcp without_routers
join
