# The part of tests with switches, routers and further hosts that they share; sourced after lib.sh,
# not run.
#
# Each test has a world of its own (`beside`), so that all of a script run at the same time: most of
# their time is spent waiting. In it mnet is on tap0, a port of the switch br0. Other hosts are
# network namespaces. All that crosses tap0 is captured, and nothing that mnet sent may be wrong.

MAC=02:00:00:00:00:02
FREE='--no-checksum-offload --no-segmentation-offload' # so that captures have whole checksums

# beside NAME FUNCTION ARGUMENT... - one test, in a world of its own, beside the others: the script
# runs once more for it. `join` waits for all, and prints their results.
beside()
{
    if [ "${MNET_BESIDE:-}" = "$1" ]; then
        run "$1" in_world "${@:2}"
    elif [ -z "${MNET_BESIDE:-}" ]; then
        besides=$((besides + 1))
        MNET_INSIDE='' MNET_BESIDE=$1 "$0" >"$dir/beside.$besides" 2>&1 &
    fi
}
besides=0

join()
{
    [ -z "${MNET_BESIDE:-}" ] || return 0
    wait
    for number in $(seq "$besides"); do
        cat "$dir/beside.$number"
    done
}

# needs COMMAND... - ends the script with one skipped test if a command is missing.
needs()
{
    for command in "$@"; do
        if ! command -v "$command" >/dev/null; then
            echo "skip $(basename "$0" .sh): there is no $command"
            exit 0
        fi
    done
}

# in_world FUNCTION ARGUMENT... - makes the world, captures, and looks at the capture in the end.
in_world()
{
    mount -t tmpfs tmpfs /run # where namespaces get names
    ip addr flush dev tap0
    add_switch br0
    ip link set tap0 master br0
    dump "$dir/world.pcapng"
    (
        trap '' PIPE
        FATAL=1 # the first failure ends the test
        "$@" && stop_host
    ) || fail "status $?"
    end_dump
    inspect
    [ -z "${KEEP:-}" ] || cp "$dir/world.pcapng" "$KEEP.pcapng"
}

# Looks at all frames that mnet sent. Lost segments and a reset are as they should be if a router is
# dead, and so are two MACs of one address if it changes.
inspect()
{
    complaint="_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 ||
        udp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 ||
        (_ws.expert.severity >= 6291456 && !tcp.analysis.flags && !tcp.flags.reset && !arp.duplicate-address-detected)"
    tshark -r "$dir/world.pcapng" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
        -o udp.check_checksum:TRUE -Y "eth.src == $MAC && ($complaint)" >"$dir/bad" 2>/dev/null
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
    [ "$(tshark -r "$dir/world.pcapng" -Y "eth.src == $MAC" 2>/dev/null | wc -l)" -gt 3 ] ||
        fail 'nothing was captured'
}

# captured FILTER - whether a frame that matches is in the capture. That is written with a delay, so
# this is for `await`.
captured()
{
    tshark -r "$dir/world.pcapng" -Y "$1" 2>/dev/null | grep -q .
}

# add_switch NAME ARGUMENT... - for ip link.
add_switch()
{
    ip link add "$1" type bridge mcast_snooping 0 "${@:2}"
    sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
    ip link set "$1" up
}

# at NAME COMMAND... - runs a command on a host.
at()
{
    ip netns exec "$@"
}

# add_host NAME INTERFACE SWITCH ADDRESS... - a host with one interface; its addresses work at once.
add_host()
{
    ip netns add "$1"
    at "$1" ip link set lo up
    at "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
    plug "$@"
}

# plug NAME INTERFACE SWITCH ADDRESS... - another interface of a host.
plug()
{
    ip link add "$1-$2" type veth peer name "$2" netns "$1"
    ip link set "$1-$2" master "$3" up
    at "$1" ip link set "$2" up
    for address in "${@:4}"; do
        at "$1" ip addr add "$address" dev "$2"
    done
}

# add_router NAME NUMBER ADDRESS... - between the link and the switch br1, where it is
# 2001:db8:f::NUMBER; on the link it is fe80::NUMBER and has the ADDRESSes.
add_router()
{
    add_host "$1" near br0 "fe80::$2/64" "${@:3}"
    plug "$1" far br1 "2001:db8:f::$2/64"
    at "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
}

# add_server - a host on br1, 2001:db8:f::9, with echo and other services.
add_server()
{
    add_host server far br1 2001:db8:f::9/64
    at server "$MNET_DEBUG/tests/linux_peer" serve &
}

# advertise NAME LINE... - radvd on a router, with these lines for its link; again to change them.
advertise()
{
    {
        echo 'interface near { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;'
        printf '%s\n' "${@:2}"
        echo '};'
    } >"$dir/$1.conf"
    if [ -e "$dir/$1.pid" ]; then
        kill -HUP "$(cat "$dir/$1.pid")"
    else
        at "$1" radvd -n -C "$dir/$1.conf" -p "$dir/$1.pid" -m stderr 2>"$dir/$1.log" &
        await test -s "$dir/$1.pid"
    fi
}

# start_host OPTION... - mnet_host, which does what it is told by `ask`.
start_host()
{
    rm -f "$dir/console"
    mkfifo "$dir/console"
    empty "$dir/mnet.out" "$dir/mnet.err"
    # shellcheck disable=SC2086 # words
    "$MNET_DEBUG/tests/mnet_host" --net:service=tap0,mac=$MAC $FREE --log=info "$@" \
        <"$dir/console" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    exec 3>"$dir/console"
    await grep -q ready "$dir/mnet.out"
}

# start_peer ARGUMENT... - mnet_peer, with options and what it is to do.
start_peer()
{
    empty "$dir/mnet.out" "$dir/mnet.err"
    # shellcheck disable=SC2086 # words
    "$MNET_DEBUG/tests/mnet_peer" --net:service=tap0,mac=$MAC $FREE "$@" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await grep -q serving "$dir/mnet.out"
}

# Ends either of them.
stop_host()
{
    [ -n "${mnet:-}" ] || return 0
    exec 3>&-
    stop
    mnet=
}

# ask WORD... - gives the host a command, and prints its answer.
ask()
{
    before=$(wc -l <"$dir/mnet.out")
    echo "$*" >&3
    for _ in $(seq 1200); do
        [ "$(wc -l <"$dir/mnet.out")" -le "$before" ] || break
        sleep 0.05
    done
    tail -n +$((before + 1)) "$dir/mnet.out" | head -n 1
}

# talks NUMBER WORD - the connection of the host goes on.
talks()
{
    ask say "$1" "$2" | expect "heard $2"
}

# has ADDRESS STATE - whether the host has an address that matches, in that state.
has()
{
    ask addresses | grep -Eq "\b$1[0-9a-f:]*(%1)? $2"
}

# own PREFIX - the host's address that begins so.
own()
{
    ask addresses | grep -o "\b$1[0-9a-f:]*" | head -n 1
}

# milliseconds COMMAND... - runs it, and notes how long it took in $took.
milliseconds()
{
    begun=$(date +%s%N)
    "$@"
    status=$?
    took=$((($(date +%s%N) - begun) / 1000000))
    return $status
}
