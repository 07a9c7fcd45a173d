#!/bin/bash
# Connections by name, with dnsmasq as the DNS server over TAP: both families, the search list,
# names that do not exist, and a server that is not there.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
if ! command -v dnsmasq >/dev/null; then
    echo 'skip names: there is no dnsmasq'
    exit 0
fi
enter_namespaces "$@"
nc=$MNET_DEBUG/examples/nc-tap

serve()
{
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=tap0 --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --log-facility=- --log-queries \
        --local=/example/ --host-record=both.lab.example,$LINUX,fd00::1 --host-record=four.lab.example,$LINUX \
        --cname=alias.lab.example,both.lab.example >"$dir/dnsmasq.log" 2>&1 &
    dnsmasq=$!
    await grep -q 'started' "$dir/dnsmasq.log"
}

end_server()
{
    kill $dnsmasq
    wait $dnsmasq
}

# connect NAME ADDRESS - mnet gets a line by a connection to NAME, which comes from the family of
# ADDRESS.
connect()
{
    echo "hello by $1" | nc -l -N "$2" 5000 >/dev/null &
    server=$!
    await listening 5000
    sleep 30 | timeout 20 "$nc" --net:service=tap0 --ipv4=$MNET/24 --ipv6=fd00::2/64 --dns=$LINUX --search=lab.example \
        "$1" 5000 | head -n 1 | expect "hello by $1"
    kill $server 2>/dev/null
    wait $server
}

listening()
{
    ss -Hltn "sport = :$1" | grep -q LISTEN
}

# refuses NAME WHY OPTION...
refuses()
{
    timeout 20 "$nc" --net:service=tap0 --ipv4=$MNET/24 "${@:3}" "$1" 5000 </dev/null >"$dir/out" 2>&1 && fail 'it ended with status 0'
    grep -q "$2" "$dir/out" || fail "it says: $(tail -n 1 "$dir/out")"
}

name_that_does_not_exist()
{
    refuses gone.lab.example 'no such host name' --dns=$LINUX
}

server_that_is_not_there()
{
    refuses both.lab.example 'no DNS server answers' --dns=10.0.0.1
    refuses both.lab.example 'no DNS server answers'
}

if ! sysctl -qw net.ipv6.conf.tap0.disable_ipv6=0 2>/dev/null || ! ip -6 addr add fd00::1/64 dev tap0 nodad; then
    echo 'skip names: this kernel has no IPv6'
    exit 0
fi
serve
run name_of_both_families_connects_over_ipv6 connect both.lab.example fd00::1
run name_of_ipv4_alone_connects connect four.lab.example $LINUX
run short_name_is_searched_for connect four $LINUX
run alias_is_followed connect alias.lab.example fd00::1
run literal_connects connect $LINUX $LINUX
run name_that_does_not_exist_says_so name_that_does_not_exist
end_server
run server_that_is_not_there_says_so server_that_is_not_there
