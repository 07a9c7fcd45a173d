#!/bin/bash
# bench_tap - mnet against the Linux kernel over TAP, beside the kernel against itself over a veth
# pair: the same Linux program on one end, the same work, in the same run. Prints `name value unit
# reference ratio` for bulk each way and for round trips of 64 bytes.
. "$(dirname "$0")/world.sh"
linux_peer=$MNET_RELEASE/tests/linux_peer
mnet_peer=$MNET_RELEASE/tests/mnet_peer
BYTES=4294967296
SOURCE_BYTES=1073741824
ROUNDS=20000

"$mnet_peer" --net:service=tap0 --ipv4=$MNET/24 serve >/dev/null &
$inside "$linux_peer" serve &
await ping -c 1 -W 1 $MNET
await "$linux_peer" round $VETH 7 1

# ns COMMAND ADDRESS PORT AMOUNT - the best of three, in nanoseconds.
ns()
{
    for _ in 1 2 3; do
        "$linux_peer" "$@" || exit 1
    done | sed 's/.*, \([0-9]*\) ns/\1/' | sort -n | head -n 1
}

# figure NAME UNIT SCALE COMMAND PORT AMOUNT - SCALE is an awk expression of n, the nanoseconds.
figure()
{
    ours=$(ns "$4" $MNET "$5" "$6")
    reference=$(ns "$4" $VETH "$5" "$6")
    awk -v name="$1" -v unit="$2" -v ours="$ours" -v reference="$reference" -v amount="$6" "
        function value(n) { return $3 }
        BEGIN { printf \"%s %.2f %s %.2f %.2f\\n\", name, value(ours), unit, value(reference), value(ours) / value(reference) }"
}

figure tap_bulk_to_mnet Gbit/s 'amount * 8 / n' push 10 $BYTES
figure tap_bulk_from_mnet Gbit/s 'amount * 8 / n' pull 20 $SOURCE_BYTES
figure tap_round_trip us 'n / amount / 1000' round 7 $ROUNDS
