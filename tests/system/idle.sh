#!/bin/bash
# Virtual machines that have nothing to do: they halt, and they wake in time.
# alone: it measures how late a machine wakes, and the processor time that it takes.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'skip idle: there is no qemu-system-x86_64'
    exit 0
fi
enter_namespaces "$@"

# A machine that has nothing to do halts: two seconds of sleep cost less than a second of processor
# time, with start and end.
halts()
{
    machine_command faults
    TIMEFORMAT='%U %S'
    { time "${command[@]}" wait </dev/null >"$dir/out"; } 2>"$dir/times" || fail "it ended with status $?"
    grep -q '^slept, [0-9]\{1,2\} ms late' "$dir/out" || fail "it said: $(cat "$dir/out")"
    awk '{ exit !($1 + $2 < 1) }' "$dir/times" || fail "seconds of processor time: $(cat "$dir/times")"
}

for MACHINE in ${MACHINES:-microvm modern q35}; do
    run ${MACHINE}_halts_while_it_waits halts
done
