#!/bin/bash
# System calls of an echo server on TAP for a round trip of one client, as strace counts them: a
# wait that also sends the answer, and a read. If the kernel refuses the ring for that (ring.h), the
# answer is a call of its own.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
peer=$MNET_RELEASE/tests/linux_peer
ROUNDS=1000
if ! command -v strace >/dev/null; then
    echo 'skip system calls: there is no strace'
    exit 0
fi

# rounds_under STRACE_ARGUMENT... - starts the server, and its rounds.
rounds_under()
{
    strace -f -c -o "$dir/calls" "$@" "$MNET_RELEASE/tests/mnet_peer" --net:service=tap0 --ipv4=$MNET/24 serve \
        >"$dir/mnet.out" 2>"$dir/mnet.err" &
    strace=$!
    await ping -c 1 -W 1 -q $MNET
    "$peer" round $MNET 7 $ROUNDS >/dev/null || fail 'no round trips'
    read -r mnet <"/proc/$strace/task/$strace/children"
    kill -INT "$mnet"
    wait $strace || fail "mnet ended with status $?: $(head -n 1 "$dir/mnet.err")"
}

# calls_of NAME... - their number.
calls_of()
{
    awk -v names=" $* " 'index(names, " " $NF " ") { n += $4 } END { print n + 0 }' "$dir/calls"
}

# costs HUNDREDTHS CALL... - a round trip takes so many hundredths of a call at most: the handshake,
# a look now and then whether more has come, and the acknowledgements of a busy peer are the rest.
costs()
{
    calls=$(calls_of io_uring_enter ppoll readv writev write)
    note "$((calls * 100 / ROUNDS)) in 100 round trips"
    [ "$calls" -le $(($1 * ROUNDS / 100)) ] || fail "$calls calls for $ROUNDS round trips: $(cat "$dir/calls")"
}

with_ring()
{
    rounds_under
    if [ "$(calls_of io_uring_enter)" = 0 ]; then
        note 'this kernel refuses rings'
        return
    fi
    costs 230
    [ "$(calls_of ppoll)" -lt 10 ] || fail 'it waited without the ring'
}

without_ring()
{
    rounds_under -e inject=io_uring_setup:error=EPERM
    [ "$(calls_of io_uring_enter)" = 0 ] || fail 'there was a ring'
    costs 330
}

run 'system calls: two for a round trip' with_ring
run 'system calls: three if the kernel refuses a ring' without_ring
