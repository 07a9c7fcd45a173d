#!/bin/bash
# An address from dnsmasq over TAP: got, used, given back; and what happens without a server.
# waits: for leases to be renewed and to end, and for servers that do not answer.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
if ! command -v dnsmasq >/dev/null; then
    echo 'skip dhcp: there is no dnsmasq'
    exit 0
fi
enter_namespaces "$@"
site=$dir/site
mkdir "$site"
bytes 3000000 dhcp >"$site/large.bin"

# serve ARGUMENT... - dnsmasq for 10.0.0.50 to 10.0.0.60 (or $range), with the old leases $leases,
# and further options.
serve()
{
    printf '%s' "${leases:-}" >"$dir/leases"
    empty "$dir/dnsmasq.log"
    dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=tap0 --bind-interfaces --log-dhcp --log-facility=- \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --dhcp-leasefile="$dir/leases" --no-ping \
        --dhcp-range="${range:-10.0.0.50,10.0.0.60}",255.255.255.0,2m "$@" >"$dir/dnsmasq.log" 2>&1 &
    dnsmasq=$!
    await grep -q 'IP range' "$dir/dnsmasq.log"
}

end_server()
{
    kill $dnsmasq
    wait $dnsmasq
}

# The address that the server has given away.
address()
{
    awk '{ print $3 }' "$dir/leases"
}

has_lease()
{
    [ -n "$(address)" ]
}

# lease PROGRAM ARGUMENT... - starts it with --dhcp, until it has an address: $leased.
lease()
{
    empty "$dir/mnet.out" "$dir/mnet.err"
    "$1" --net:service=tap0 --dhcp --log=info --capture="$dir/dhcp.pcapng" "${@:2}" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await grep -q '^dhcp: ' "$dir/mnet.err"
    await has_lease # the file is written anew with each change
    leased=$(address)
    grep -q "^dhcp: $leased/24 from $LINUX for 120 s, router $LINUX" "$dir/mnet.err" ||
        fail "it says: $(head -n 1 "$dir/mnet.err"); the server says $leased"
}

serves_at_its_address()
{
    serve
    lease "$MNET_DEBUG/examples/httpd-tap" "$site"
    grep -q "serving http://$leased/" "$dir/mnet.out" || fail "it said: $(cat "$dir/mnet.out")"
    timeout 60 curl -sS --max-time 50 "http://$leased/large.bin" -o "$dir/got" || fail "curl ended with status $?"
    cmp "$dir/got" "$site/large.bin" || fail 'it is not the file'
    stop
    await grep -q "DHCPRELEASE(tap0) $leased" "$dir/dnsmasq.log"
    [ -z "$(address)" ] || fail 'the server still has the lease'
    end_server
}

# A server that insists on everything, and broadcasts.
takes_what_the_server_says()
{
    serve --dhcp-broadcast --dhcp-option=26,1300 --dhcp-option=15,example.org --dhcp-option=6,10.0.0.7 \
        --dhcp-option=121,192.0.2.0/24,10.0.0.1,0.0.0.0/0,10.0.0.1
    empty "$dir/mnet.out" "$dir/mnet.err"
    "$MNET_DEBUG/examples/httpd-tap" --net:service=tap0 --dhcp "$site" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await grep -q serving "$dir/mnet.out"
    ip addr add 192.0.2.9/32 dev lo
    timeout 30 curl -sS --max-time 20 --interface 192.0.2.9 "http://$(address)/large.bin" -o "$dir/got" ||
        fail "curl ended with status $?"
    cmp "$dir/got" "$site/large.bin" || fail 'it is not the file'
    stop
    end_server
}

# Somebody else, here Linux itself, has the address that the server gives: after ten seconds another
# one is taken.
declines_an_address_in_use()
{
    ip addr add 10.0.0.50/32 dev lo
    serve --dhcp-sequential-ip
    empty "$dir/mnet.out" "$dir/mnet.err"
    "$MNET_DEBUG/examples/01_hello-tap" --net:service=tap0 --dhcp --log=info >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await grep -q 'DHCPDECLINE(tap0) 10.0.0.50' "$dir/dnsmasq.log"
    sleep 5
    await grep -q '^dhcp: 10.0.0.51/24' "$dir/mnet.err"
    grep -q 'address conflict' "$dir/mnet.err" || fail 'it does not say why'
    ping -c 1 -W 2 -q 10.0.0.51 || fail 'no answer to ping'
    stop
    end_server
    ip addr del 10.0.0.50/32 dev lo
}

# A server with leases of 120 s, which are renewed after 4 s and rebound after 7.
serve_hastily()
{
    serve --dhcp-option=option:T1,4 --dhcp-option=option:T2,7
}

# acknowledged COUNT - whether the server has acknowledged so often.
acknowledged()
{
    [ "$(grep -c 'DHCPACK(tap0)' "$dir/dnsmasq.log")" -ge "$1" ]
}

# Renewed by the server that gave it (RFC 2131 4.4.5, T1), rebound when that is away then (T2), and
# given up at once when a server says so (NAK).
renews_rebinds_and_obeys()
{
    serve_hastily
    lease "$MNET_DEBUG/examples/01_hello-tap"
    first=$leased
    await acknowledged 2
    leases=$(cat "$dir/leases")
    end_server
    sleep 4.7
    serve_hastily
    leases=
    await acknowledged 1
    [ "$(address)" = "$first" ] || fail "rebound as $(address), not as $first"
    ! grep -q 'is lost' "$dir/mnet.err" || fail "$(cat "$dir/mnet.err")"
    ping -c 1 -W 2 -q "$first" || fail 'no answer to ping'
    end_server
    range=10.0.0.70,10.0.0.80 serve --dhcp-authoritative
    await grep -q "DHCPNAK(tap0) $first" "$dir/dnsmasq.log"
    await grep -q "^dhcp: 10.0.0.[78][0-9]/24" "$dir/mnet.err"
    grep -q "dhcp: $first is lost" "$dir/mnet.err" || fail "it did not say that the address is lost: $(cat "$dir/mnet.err")"
    ! ping -c 1 -W 1 -q "$first" || fail 'the old address answers'
    stop
    end_server
    for to in $LINUX 255.255.255.255; do
        [ -n "$(tshark -r "$dir/dhcp.pcapng" -Y "dhcp.option.dhcp == 3 && dhcp.ip.client == $first && ip.dst == $to" 2>/dev/null)" ] ||
            fail "no request from $first to $to in the capture"
    done
}

# Nobody renews it, and after two minutes it is over.
expires()
{
    serve_hastily
    lease "$MNET_DEBUG/examples/01_hello-tap"
    end_server
    sleep 110
    ping -c 1 -W 1 -q "$leased" || fail 'the address is gone too early'
    sleep 5
    await grep -q "dhcp: $leased is lost" "$dir/mnet.err"
    ! ping -c 1 -W 1 -q "$leased" || fail 'the old address answers'
    stop
}

nothing_malformed()
{
    command -v tshark >/dev/null || return 0
    tshark -r "$dir/dhcp.pcapng" -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE \
        -Y '_ws.malformed || _ws.expert.severity == 0x800000 || udp.checksum.status == 0 || ip.checksum.status == 0' \
        >"$dir/bad" 2>/dev/null
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
    for type in 1 3 7; do
        [ -n "$(tshark -r "$dir/dhcp.pcapng" -Y "dhcp.option.dhcp == $type" 2>/dev/null)" ] ||
            fail "no message of type $type in the capture"
    done
}

no_server_gives_up()
{
    begun=$(date +%s)
    timeout 60 "$MNET_DEBUG/examples/01_hello-tap" --net:service=tap0 --dhcp >"$dir/out" 2>"$dir/err"
    status=$?
    took=$(($(date +%s) - begun))
    [ $status = 1 ] || fail "status $status"
    [ "$(wc -l <"$dir/err")" = 1 ] || fail "not one line: $(cat "$dir/err")"
    grep -q 'dhcp: no server' "$dir/err" || fail "it said: $(cat "$dir/err")"
    [ $took -le 40 ] || fail "it took $took s"
}

both_sources()
{
    timeout 10 "$MNET_DEBUG/examples/01_hello-tap" --net:service=tap0 --dhcp --ipv4=10.0.0.2/24 >"$dir/out" 2>"$dir/err"
    [ $? = 1 ] || fail 'it ended with another status than 1'
    [ "$(wc -l <"$dir/err")" = 1 ] || fail "not one line: $(cat "$dir/err")"
    grep -q -e '--dhcp' "$dir/err" || fail "it said: $(cat "$dir/err")"
}

# An interface that is down at first: the address is asked for when it comes up, not when the next
# message would have been due (at 4 and 12 s, more or less one).
link_comes_late()
{
    ip link set tap0 down
    serve
    empty "$dir/mnet.out" "$dir/mnet.err"
    "$MNET_DEBUG/examples/01_hello-tap" --net:service=tap0 --dhcp --log=info >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    sleep 6.5
    ! grep -q 'hello, I am' "$dir/mnet.out" || fail 'it has an address without a link'
    begun=$(date +%s%N)
    ip link set tap0 up
    await grep -q 'hello, I am' "$dir/mnet.out"
    took=$((($(date +%s%N) - begun) / 1000000))
    [ $took -lt 2000 ] || fail "an address came $took ms after the link"
    grep -q 'tap0: the link is up' "$dir/mnet.err" || fail "it says: $(cat "$dir/mnet.err")"
    stop
    end_server
}

# A link that goes and comes back under a transfer: the lease is asked about at once, and the
# transfer goes on.
link_comes_back()
{
    serve
    lease "$MNET_DEBUG/examples/httpd-tap" "$site"
    timeout 60 curl -sS --limit-rate 1M --max-time 50 "http://$leased/large.bin" -o "$dir/got" &
    transfer=$!
    sleep 1
    ip link set tap0 down
    await grep -q 'tap0: the link is down' "$dir/mnet.err"
    asked=$(grep -c "DHCPREQUEST(tap0) $leased" "$dir/dnsmasq.log")
    ip link set tap0 up
    await grep -q 'tap0: the link is up' "$dir/mnet.err"
    sleep 1
    [ "$(grep -c "DHCPREQUEST(tap0) $leased" "$dir/dnsmasq.log")" -gt "$asked" ] || fail 'the lease was not asked about'
    wait $transfer || fail "curl ended with status $?"
    cmp "$dir/got" "$site/large.bin" || fail 'it is not the file'
    stop
    end_server
}

run lease_is_got_used_and_given_back serves_at_its_address
run link_comes_late_and_an_address_with_it link_comes_late
run link_comes_back_and_the_lease_is_asked_about link_comes_back
run capture_of_it_is_clean nothing_malformed
run broadcast_answers_with_routes_are_taken takes_what_the_server_says
run address_in_use_is_declined declines_an_address_in_use
if command -v tshark >/dev/null; then
    run lease_is_renewed_rebound_and_refused renews_rebinds_and_obeys
else
    echo 'skip lease_is_renewed_rebound_and_refused: there is no tshark'
fi
[ -z "${MNET_SLOW:-}" ] || run lease_expires expires # two minutes
run no_server_ends_with_one_line no_server_gives_up
run address_and_dhcp_exclude_each_other both_sources
