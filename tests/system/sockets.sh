#!/bin/bash
# Descriptors compared with Linux: the same sequences of calls over both, result by result.
# waits: for the timeouts of its calls.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"

# same FIRST COUNT - plays these sequences over both. The text of each call's result must be equal.
same()
{
    "$MNET_DEBUG/tests/socket_calls_linux" "$1" "$2" >"$dir/linux" || fail "Linux: status $?"
    "$MNET_DEBUG/tests/socket_calls_mnet" "$1" "$2" >"$dir/mnet" 2>"$dir/mnet.err" ||
        fail "mnet: status $?: $(head -n 1 "$dir/mnet.err")"
    calls=$(grep -c ' = ' "$dir/linux")
    [ "$calls" -gt $(($2 * 40)) ] || fail "only $calls calls"
    diff "$dir/linux" "$dir/mnet" >"$dir/diff" || {
        line=$(sed -n '1s/[^0-9].*//p' "$dir/diff")
        fail "$(head -n "$line" "$dir/linux" | grep sequence | tail -n 1), line $line: $(sed -n 2p "$dir/diff") | $(grep -m 1 '^>' "$dir/diff")"
    }
    note "$calls calls in $2 sequences"
}

run same_results_as_linux same 0 1250
run same_results_as_linux_again same 1250 1250
