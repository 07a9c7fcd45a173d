#!/bin/bash
# Connections by name over TAP, with dnsmasq, unbound and knot as the DNS server: both families, the
# search list, names that do not exist, answers that need TCP. And a server that lies, and one that
# is not there.
# waits: for DNS servers that do not answer.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
enter_namespaces "$@"
nc=$MNET_DEBUG/examples/nc-tap
peers=$(cd "$(dirname "$0")/peers" && pwd)

# Addresses of Linux, so many that an answer with them needs TCP.
MANY=$(seq -f 10.0.0.%g 130 229)

mkfifo "$dir/silence"

serve_dnsmasq()
{
    dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --interface=tap0 --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --log-facility=- --log-queries \
        --local=/example/ --host-record=both.lab.example,$LINUX,fd00::1 --host-record=four.lab.example,$LINUX \
        --cname=alias.lab.example,both.lab.example >"$dir/dnsmasq.log" 2>&1 &
    server=$!
    await grep -q 'started' "$dir/dnsmasq.log"
}

serve_unbound()
{
    {
        echo "server: interface: $LINUX"
        printf '%s\n' 'do-daemonize: no' 'chroot: ""' 'username: ""' 'pidfile: ""' 'use-syslog: no' 'module-config: "iterator"' \
            'access-control: 10.0.0.0/24 allow' 'local-zone: lab.example static' 'num-threads: 1' \
            "local-data: 'both.lab.example A $LINUX'" 'local-data: "both.lab.example AAAA fd00::1"' \
            "local-data: 'four.lab.example A $LINUX'"
        for address in $MANY; do
            echo "local-data: 'many.lab.example A $address'"
        done
        echo 'remote-control: control-enable: no'
    } >"$dir/unbound.conf"
    unbound -c "$dir/unbound.conf" >"$dir/unbound.log" 2>&1 &
    server=$!
    await grep -q 'start of service' "$dir/unbound.log"
}

# Knot has no resolver: its answers are those of the zone's own server.
serve_knot()
{
    {
        printf '%s\n' '$ORIGIN lab.example.' '@ 60 SOA ns mail 1 3600 600 86400 60' '@ 60 NS ns' "ns 60 A $LINUX" \
            "both 60 A $LINUX" 'both 60 AAAA fd00::1' "four 60 A $LINUX" 'alias 60 CNAME both'
        for address in $MANY; do
            echo "many 60 A $address"
        done
    } >"$dir/lab.example.zone"
    printf '%s\n' 'server:' "    listen: $LINUX@53" "    rundir: $dir" 'database:' "    storage: $dir" 'log:' '  - target: stdout' \
        '    any: info' 'zone:' '  - domain: lab.example' "    file: $dir/lab.example.zone" >"$dir/knot.conf"
    knotd -c "$dir/knot.conf" >"$dir/knot.log" 2>&1 &
    server=$!
    await grep -q 'server started' "$dir/knot.log"
}

serve_lies()
{
    ip addr add 10.0.0.9/24 dev tap0
    python3 "$peers/dns_liar.py" $LINUX 10.0.0.9 >"$dir/liar.log" 2>&1 &
    server=$!
    await grep -q started "$dir/liar.log"
}

end_server()
{
    kill $server
    wait $server 2>/dev/null
    true
}

# connect NAME ADDRESS - mnet gets a line by a connection to NAME, which comes from the family of
# ADDRESS.
connect()
{
    echo "hello by $1" | nc -l -N "$2" 5000 >/dev/null &
    greeter=$!
    await listening 5000
    # It ends when it has the line: until then its input stays open.
    empty "$dir/got"
    # shellcheck disable=SC2094 # the pipe is opened for both, lest it ends
    "$nc" --net:service=tap0 --ipv4=$MNET/24 --ipv6=fd00::2/64 --dns=$LINUX --search=lab.example "$1" 5000 \
        <>"$dir/silence" >"$dir/got" 2>"$dir/err" &
    client=$!
    PATIENCE=20 await grep -q . "$dir/got" || cat "$dir/err"
    kill $client
    wait $client 2>/dev/null
    expect "hello by $1" <"$dir/got"
    kill $greeter 2>/dev/null
    wait $greeter 2>/dev/null
    true # it may have ended by itself before, or not
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
    refuses both.lab.example 'no DNS server is known or has an answer' --dns=10.0.0.1
    refuses both.lab.example 'no DNS server is known or has an answer'
}

if ! sysctl -qw net.ipv6.conf.tap0.disable_ipv6=0 2>/dev/null || ! ip -6 addr add fd00::1/64 dev tap0 nodad; then
    echo 'skip names: this kernel has no IPv6'
    exit 0
fi
ip route add local 10.0.0.128/25 dev lo
if command -v dnsmasq >/dev/null; then
    serve_dnsmasq
    run name_of_both_families_connects_over_ipv6 connect both.lab.example fd00::1
    run name_of_ipv4_alone_connects connect four.lab.example $LINUX
    run short_name_is_searched_for connect four $LINUX
    run alias_is_followed connect alias.lab.example fd00::1
    run literal_connects connect $LINUX $LINUX
    run name_that_does_not_exist_says_so name_that_does_not_exist
    end_server
fi
for program in unbound knot; do
    if command -v $program >/dev/null || command -v ${program}d >/dev/null; then
        serve_$program
        run name_of_both_families_by_$program connect both.lab.example fd00::1
        run name_of_ipv4_alone_by_$program connect four.lab.example $LINUX
        run name_of_many_addresses_by_$program connect many.lab.example 0.0.0.0
        run name_that_does_not_exist_by_$program name_that_does_not_exist
        end_server
    fi
done
serve_lies
for lie in wrong-id wrong-question no-question wrong-source loop counts short query flood case late pieces; do
    run "lies_are_not_believed_$lie" connect $lie.lab.example $LINUX
done
end_server
run server_that_is_not_there_says_so server_that_is_not_there
