#!/bin/bash
# bench_tap - mnet against the Linux kernel over TAP, beside the kernel against itself over a veth
# pair: the same Linux program on one end, the same work, in turns in the same run. Prints `name
# value unit reference ratio`, the medians of seven turns, and of the ratio also the least and the
# greatest: for bulk each way, round trips of 64 bytes, and short connections; then for bulk without
# offloads of either side. The system calls of a round trip have no reference.
. "$(dirname "$0")/world.sh"
linux_peer=$MNET_RELEASE/tests/linux_peer
mnet_peer=$MNET_RELEASE/tests/mnet_peer
BYTES=1073741824
SOURCE_BYTES=1073741824
ROUNDS=10000
SESSIONS=2000
TURNS=7

# serve OPTION... - mnet's end, until `end`.
serve()
{
    "$mnet_peer" --net:service=tap0 --ipv4=$MNET/24 "$@" serve >/dev/null &
    mnet=$!
    await ping -c 1 -W 1 $MNET
}

end()
{
    kill -INT $mnet
    wait $mnet
}

# ns COMMAND ADDRESS PORT AMOUNT - nanoseconds.
ns()
{
    "$linux_peer" "$@" | sed 's/.*, \([0-9]*\) ns/\1/'
}

# figure NAME UNIT SCALE COMMAND PORT AMOUNT - SCALE is an awk expression of n, the nanoseconds.
figure()
{
    for _ in $(seq $TURNS); do
        echo "$(ns "$4" $MNET "$5" "$6") $(ns "$4" $VETH "$5" "$6")"
    done | awk -v name="$1" -v unit="$2" -v amount="$6" "
        function value(n) { return $3 }
        { ours[NR] = value(\$1); reference[NR] = value(\$2); ratio[NR] = ours[NR] / reference[NR] }
        function sort(a, n,  i, j, t) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
        }
        END {
            sort(ours, NR); sort(reference, NR); sort(ratio, NR); m = int((NR + 1) / 2)
            printf \"%s %.2f %s %.2f %.2f (%.2f to %.2f)\\n\", name, ours[m], unit, reference[m], ratio[m], ratio[1], ratio[NR]
        }"
}

# calls - of mnet for a round trip, as strace counts them.
calls()
{
    command -v strace >/dev/null || return
    strace -f -c -o "$counts" "$mnet_peer" --net:service=tap0 --ipv4=$MNET/24 serve >/dev/null &
    strace=$!
    await ping -c 1 -W 1 $MNET
    "$linux_peer" round $MNET 7 1000 >/dev/null
    kill -INT "$(cat /proc/$strace/task/$strace/children)"
    wait $strace
    awk '/io_uring_enter|ppoll|readv|writev/ { n += $4 } END { printf "tap_round_trip_calls %.2f calls 0 0\n", n / 1000 }' "$counts"
}

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
$inside "$linux_peer" serve &
await "$linux_peer" round $VETH 7 1
serve
figure tap_bulk_to_mnet Gbit/s 'amount * 8 / n' push 10 $BYTES
figure tap_bulk_from_mnet Gbit/s 'amount * 8 / n' pull 20 $SOURCE_BYTES
figure tap_round_trip us 'n / amount / 1000' round 7 $ROUNDS
figure tap_sessions 1/s 'amount * 1e9 / n' sessions 7 $SESSIONS
end
calls
python3 tests/system/peers/plain_interface.py veth0
$inside python3 tests/system/peers/plain_interface.py veth1
serve --no-checksum-offload --no-segmentation-offload
figure tap_bulk_to_mnet_plain Gbit/s 'amount * 8 / n' push 10 $BYTES
figure tap_bulk_from_mnet_plain Gbit/s 'amount * 8 / n' pull 20 $SOURCE_BYTES
end
