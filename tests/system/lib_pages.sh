# The part of tests with httpd that the scripts of several ports share; sourced after lib.sh, not
# run. Whatever the port, and wherever its addresses come from, the page is the same.

# give_addresses INTERFACE COMMAND... - dnsmasq on an interface of Linux, which is 10.0.0.1 and
# 2001:db8::1 there, with the COMMAND in front: it gives addresses by DHCP, by DHCPv6, and by
# advertisements of its prefix.
give_addresses()
{
    empty "$dir/dnsmasq.log" "$dir/leases"
    "${@:2}" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --port=0 --interface="$1" --bind-interfaces \
        --user="$(id -un)" --group="$(id -gn)" --pid-file="$dir/dnsmasq.pid" --dhcp-leasefile="$dir/leases" \
        --log-facility=- --no-ping --enable-ra --dhcp-range=10.0.0.50,10.0.0.60,2m \
        --dhcp-range=2001:db8::50,2001:db8::5f,slaac,64,2m >"$dir/dnsmasq.log" 2>&1 &
    await grep -q 'router advertisement on' "$dir/dnsmasq.log"
}

# told PATTERN... - whether httpd has printed an address that matches each of them.
told()
{
    for pattern in "$@"; do
        tr -d '\r' <"$dir/mnet.out" | grep -aq "^serving http://$pattern/\$" || return 1
    done
}

# same_pages INTERFACE PATTERNS COMMAND... - httpd prints just the addresses that match the words of
# PATTERNS, as soon as they can be used, and at each of them a client has the same page: curl on the
# interface of Linux, with the COMMAND in front.
same_pages()
{
    # shellcheck disable=SC2086 # words
    await told $2
    tr -d '\r' <"$dir/mnet.out" | sed -n 's/^serving //p' >"$dir/urls"
    [ "$(wc -l <"$dir/urls")" = "$(wc -w <<<"$2")" ] || fail "it said: $(tr '\n' ' ' <"$dir/urls")"
    head -n 1 "$dir/urls" | grep -q 'http://10' || fail 'the first address is not that of IPv4'
    rm -f "$dir/page"
    while read -r url; do
        case $url in *'[fe80:'*) url=${url/]/%25$1]} ;; esac
        "${@:3}" curl -gfs --max-time 10 "$url" -o "$dir/got" || fail "$url: curl ended with status $?"
        [ -e "$dir/page" ] || cp "$dir/got" "$dir/page"
        cmp "$dir/page" "$dir/got" || fail "$url: the page is another one"
    done <"$dir/urls"
    [ -s "$dir/page" ] || fail 'there is no page'
}

# Patterns of the addresses of a configuration, and of those by DHCP, DHCPv6 and SLAAC.
# shellcheck disable=SC2034 # of the scripts
STATIC="$MNET \[fe80:.*\] \[2001:db8::2\]"
# shellcheck disable=SC2034 # of the scripts
GIVEN='10\.0\.0\.[56][0-9] \[fe80:.*\] \[2001:db8::5[0-9a-f]\] \[2001:db8::[0-9a-f]*:.*\]'
