#!/bin/bash
# Connections in every condition against the Linux kernel: many, half-closed, reset, stopped.
# waits: for peers that have stopped, and for closed windows to be probed.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"

# with_server BUILD ARGUMENT... - a command of linux_peer while mnet serves, which must still serve
# others afterwards.
with_server()
{
    start "$1/tests/mnet_peer" serve
    "$1/tests/linux_peer" "${@:2}" || fail "linux_peer ${*:2} failed"
    "$1/tests/linux_peer" round $MNET 7 10 || fail 'nobody is served afterwards'
    stop
}

# The server is taken down with connections open: they must be told.
down_tells_peers()
{
    start "$MNET_DEBUG/tests/mnet_peer" serve
    timeout 20 nc $MNET 7 <"$dir/fifo" >/dev/null &
    client=$!
    exec 3>"$dir/fifo"
    await established
    stop
    await test ! -d /proc/$client
    exec 3>&-
}

established()
{
    ss -Htn state established "dport = :7" | grep -q $MNET
}

# One connection after the other: ports and TIME-WAIT must not run out.
one_after_another()
{
    start "$MNET_RELEASE/tests/mnet_peer" serve
    for _ in 1 2 3 4 5 6 7 8; do
        "$MNET_RELEASE/tests/linux_peer" parallel $MNET 7 500 || fail 'a round of 500 failed'
    done
    stop
}

mkfifo "$dir/fifo"
ulimit -n "$(ulimit -Hn)" 2>/dev/null
run parallel_100_connections_debug with_server "$MNET_DEBUG" parallel $MNET 7 100
run parallel_1000_connections with_server "$MNET_RELEASE" parallel $MNET 7 1000
run eight_times_500_connections one_after_another
run half_close_reads_on with_server "$MNET_DEBUG" half-close $MNET 7 10000000
run reset_ends_only_its_connection with_server "$MNET_DEBUG" reset $MNET 7 200
run reset_while_receiving with_server "$MNET_DEBUG" reset $MNET 9 200
run reset_while_sending with_server "$MNET_DEBUG" reset $MNET 19 50
run stopped_reader_gets_all_in_the_end with_server "$MNET_RELEASE" stopped $MNET 19 6000
run sender_that_does_not_read_is_received with_server "$MNET_DEBUG" greedy $MNET 21 20000000
run abort_with_a_closed_window_is_noticed with_server "$MNET_DEBUG" aborted $MNET 22 8000
run round_trips_of_64_bytes with_server "$MNET_DEBUG" round $MNET 7 2000
run down_tells_peers down_tells_peers
