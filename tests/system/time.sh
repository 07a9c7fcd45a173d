#!/bin/bash
# The time of day: each port tells the time that it begins with.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"

# near TEXT - the text has a line "time: DATE UTC", and it is now, within 5 s.
near()
{
    told=$(grep -o 'time: .* UTC' "$1" | sed 's/^time: //')
    [ -n "$told" ] || fail "there is no time: $(cat "$1")"
    away=$(($(date +%s) - $(date -d "$told" +%s)))
    [ "${away#-}" -le 5 ] || fail "it is $away s away"
}

process_has_the_time_of_its_host()
{
    start "$MNET_RELEASE/examples/01_hello-tap" --log=info
    near "$dir/mnet.err"
    stop
}

# machine_has_the_time MACHINE - by the clock of its battery.
machine_has_the_time()
{
    MACHINE=$1 boot 01_hello --log=info
    near "$dir/mnet.out"
    end
}

machine_without_clock_says_so()
{
    MACHINE=plain boot 01_hello --log=info
    end
    grep -q 'time: not known' "$dir/mnet.out" || fail "it says: $(grep time: "$dir/mnet.out")"
}

run process_has_the_time_of_its_host process_has_the_time_of_its_host
if command -v qemu-system-x86_64 >/dev/null; then
    run microvm_has_the_time_of_its_battery machine_has_the_time microvm
    run pc_has_the_time_of_its_battery machine_has_the_time q35
    run machine_without_a_clock_says_so machine_without_clock_says_so
else
    echo 'skip microvm_has_the_time_of_its_battery: there is no qemu-system-x86_64'
fi
