#!/bin/bash
# bench_instructions - what IPv6 costs more than IPv4, in instructions of both ends together for a
# segment, a round trip or a connection of bench_memory. callgrind counts them, so a busy machine
# makes no difference. The start of the program is left out: it is in one round as in two.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${MNET_RELEASE:?}"
if ! command -v valgrind >/dev/null; then
    echo 'bench_instructions: there is no valgrind' >&2
    exit 0
fi
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT

# Long copies in a loop of vectors: valgrind counts an instruction for each byte of `rep movsb`.
vectors=glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_non_temporal_threshold=1000000000

# count FIGURE ROUNDS - instructions of the whole program.
count()
{
    GLIBC_TUNABLES=$vectors valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$counts" \
        "$MNET_RELEASE/bench/bench_memory" "$1" "$2" >/dev/null || exit 1
    awk '/Collected/ { print $NF }' "$counts"
}

# per FIGURE PIECES - instructions for one of the pieces of a round.
per()
{
    one=$(count "$1" 1) two=$(count "$1" 2)
    echo $(((two - one) / $2))
}

# compare FIGURE PIECES
compare()
{
    reference=$(per "$1" "$2")
    value=$(per "$1_ipv6" "$2")
    awk -v name="$1" -v value="$value" -v reference="$reference" \
        'BEGIN { printf "instructions_%s_ipv6 %d instructions %d %.3f\n", name, value, reference, value / reference }'
}

compare bulk $((128 * 1024 * 1024 / 1460))
compare bulk_zero_copy $((128 * 1024 * 1024 / 1460))
compare round_trip 10000
compare udp_round_trip 10000
compare sessions 1000
