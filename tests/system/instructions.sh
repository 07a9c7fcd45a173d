#!/bin/bash
# Small messages and short connections stay as cheap as they are: instructions of both ends together
# for a unit of bench_memory, against tests/snapshots/instructions.txt. Nobody measures time here:
# callgrind counts, and a busy machine makes no difference. The start of the program is left out: it
# is in one round as in two.
#
# The table is for one compiler. More than 3 % above it fails. If a change is worth its
# instructions, or saves some, write the new figures into it.
set -u
cd "$(dirname "$0")/../.." || exit 1
: "${MNET_RELEASE:?}"
program=$MNET_RELEASE/bench/bench_memory
table=tests/snapshots/instructions.txt
if ! command -v valgrind >/dev/null; then
    echo 'skip instructions: there is no valgrind'
    exit 0
fi
compiler=$(sed -n 's/^compiler //p' $table)
if [ ! -x "$program" ] || ! grep -qaF "$compiler" "$program"; then
    echo "skip instructions: there is no bench_memory by $compiler"
    exit 0
fi
counts=$(mktemp)
trap 'rm -f "$counts"' EXIT

# count FIGURE ROUNDS - instructions of the whole program.
count()
{
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$counts" "$program" "$1" "$2" \
        >/dev/null || exit 1
    awk '/Collected/ { print $NF }' "$counts"
}

# guard FIGURE UNITS INSTRUCTIONS - UNITS in a round.
guard()
{
    one=$(count "$1" 1) two=$(count "$1" 2)
    now=$(((two - one) / $2))
    if [ $((now * 100)) -gt $(($3 * 103)) ]; then
        echo "not ok instructions of $1: $now, more than 3 % above the $3 of $table"
    elif [ $((now * 100)) -lt $(($3 * 97)) ]; then
        echo "ok instructions of $1: $now, more than 3 % below the $3 of $table, which wants new figures"
    else
        echo "ok instructions of $1: $now"
    fi
}

sed '/^compiler\|^#/d' $table | while read -r figure units instructions; do
    guard "$figure" "$units" "$instructions"
done
