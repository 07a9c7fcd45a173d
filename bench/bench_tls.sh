#!/bin/bash
# bench_tls - TLS by mnet-tls over TAP, beside the same OpenSSL on kernel sockets over a veth pair:
# the same client, the same work, in turns. Prints `name value unit reference ratio` for full
# handshakes, of four clients at a time, and for bulk to a client.
. "$(dirname "$0")/world.sh"
tls_linux=$MNET_RELEASE/bench/tls_linux
tls_mnet=$MNET_RELEASE/bench/tls_mnet
HANDSHAKES=1000
MEGABYTES=512

if [ ! -x "$tls_mnet" ]; then
    echo 'bench_tls: it was built without OpenSSL' >&2
    exit 0
fi
dir=$(mktemp -d)
trap '[ "$BASHPID" != $$ ] || rm -rf "$dir"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=host.example -days 2 -keyout "$dir/key" \
    -out "$dir/certificate" 2>/dev/null || exit 1
"$tls_mnet" --net:service=tap0 --ipv4=$MNET/24 "$dir/certificate" "$dir/key" >/dev/null &
$inside "$tls_linux" serve "$dir/certificate" "$dir/key" &
await "$tls_linux" handshakes $MNET 4
await "$tls_linux" handshakes $VETH 4

# figure NAME UNIT SCALE COMMAND AMOUNT - the best of five each, in turns. SCALE is an awk
# expression of n, the nanoseconds.
figure()
{
    for _ in 1 2 3 4 5; do
        "$tls_linux" "$4" $MNET "$5" >>"$dir/$1.ours" || exit 1
        "$tls_linux" "$4" $VETH "$5" >>"$dir/$1.reference" || exit 1
    done
    ours=$(sort -n "$dir/$1.ours" | head -n 1)
    reference=$(sort -n "$dir/$1.reference" | head -n 1)
    awk -v name="$1" -v unit="$2" -v ours="$ours" -v reference="$reference" -v amount="$5" "
        function value(n) { return $3 }
        BEGIN { printf \"%s %.2f %s %.2f %.2f\\n\", name, value(ours), unit, value(reference), value(ours) / value(reference) }"
}

figure tls_handshakes 1/s 'amount * 1e9 / n' handshakes $HANDSHAKES
figure tls_bulk MB/s 'amount * 1048576 * 1000 / n' bulk $MEGABYTES
