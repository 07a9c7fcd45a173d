#!/bin/sh
# Random schedules of segments, user calls and expiries, from seeds: two engines against each other,
# and one against an adversary. A seed that fails says how to see it again. `make model
# SEEDS=1000000` tries more.
set -u
cd "$(dirname "$0")/../.." || exit 1

# model NAME BUILD ARGUMENT...
model()
{
    name=$1 program=$2/tests/model
    shift 2
    if output=$("$program" "$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name: $(echo "$output" | tail -n 1)"
        echo "$output"
    fi
}

model '300 seeds under sanitizers' "$MNET_DEBUG" 1 300
model '3000 seeds' "$MNET_RELEASE" 1 3000
model '300 seeds over IPv6 under sanitizers' "$MNET_DEBUG" --ipv6 1 300
model '3000 seeds over IPv6' "$MNET_RELEASE" --ipv6 3001 3000
