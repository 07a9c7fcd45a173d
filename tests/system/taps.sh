#!/bin/bash
# TAP interfaces of all kinds, and the ways in which they change while a program uses one.
# waits: for interfaces to change, and for programs to notice.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
hello=$MNET_DEBUG/examples/01_hello-tap
echo=$MNET_DEBUG/examples/echo-tap

# remake_tap ARGUMENT... - another interface in place of tap0.
remake_tap()
{
    ip link del tap0 2>/dev/null
    make_tap "$@"
}

# echoes - the running program serves.
echoes()
{
    bytes 300000 taps >"$dir/sent"
    timeout 20 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
}

several_queues()
{
    remake_tap multi_queue
    start "$echo"
    echoes
    stop
    remake_tap
}

failed_four_times()
{
    [ "$(grep -c 'device tap0 fails' "$dir/mnet.err")" = 4 ]
}

# remade WHICH... - the interface is deleted and made again, each time of the next kind; the program
# and its stack go on.
remade()
{
    start "$@"
    for kind in '' multi_queue ''; do
        ip link del tap0
        sleep 0.2
        # shellcheck disable=SC2086 # none or one
        make_tap $kind
        await ping -c 1 -W 1 -q $MNET
    done
    echoes
    ip link del tap0 # it does not last
    await failed_four_times
    make_tap
    await ping -c 1 -W 1 -q $MNET
    stop
}

# The program has not even seen that there was none for a while.
remade_unseen()
{
    start "$echo"
    kill -STOP "$mnet"
    remake_tap
    kill -CONT "$mnet"
    await ping -c 1 -W 1 -q $MNET
    echoes
    stop
}

missing()
{
    refuses '^tap9: there is no such interface (new:tap9 would make one)$' "$hello" --net:service=tap9 --ipv4=10.0.1.2/24
    refuses '^tap0,foo=1: foo=1 is unknown; mac=ADDRESS may follow the name$' "$hello" --net:service=tap0,foo=1 --ipv4=10.0.1.2/24
    ! ip link show tap9 || fail 'it was made'
}

made()
{
    "$hello" --net:service="$1" --ipv4=10.0.1.2/24 >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ip link show "$2"
    stop
    ! ip link show "$2" || fail 'it is still there'
}

own_address()
{
    "$hello" --net:service=tap0,mac=02:00:00:00:0a:0B --ipv4=$MNET/24 >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    ip neigh show $MNET dev tap0 | grep -q 02:00:00:00:0a:0b || fail "$(ip neigh show $MNET)"
    stop
}

run interface_with_several_queues_serves several_queues
run interface_made_again_is_attached_again remade "$echo"
run captured_interface_made_again_is_attached_again remade "$echo" --capture="$dir/capture.pcapng"
run interface_made_again_without_checksum_offload remade "$echo" --no-checksum-offload
run interface_made_again_unseen_is_attached_again remade_unseen
run interface_that_is_missing_says_so missing
run new_interface_is_made made new:tap8 tap8
run new_interface_of_a_pattern_is_made made new:mnet%d mnet0
run address_is_chosen own_address
for address in 03:00:00:00:00:01 00:00:00:00:00:00 02:00:00:00:00 02:00:00:00:00:01:02 02-00-00-00-00-01 02:00:00:00:00:0g ''; do
    run "bad_address_${address}_says_so" refuses 'mac= wants' "$hello" --net:service=tap0,mac=$address --ipv4=$MNET/24
done
