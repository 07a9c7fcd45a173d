#!/bin/sh
# Random schedules of segments, user calls and expiries, from seeds: two engines against each other,
# and one against an adversary. A seed that fails says how to see it again. `make model
# SEEDS=1000000` tries more.
set -u
cd "$(dirname "$0")/../.." || exit 1

# model BUILD SEEDS NAME
model()
{
    if output=$("$1/tests/model" 1 "$2" 2>&1); then
        echo "ok $3"
    else
        echo "not ok $3: $(echo "$output" | tail -n 1)"
        echo "$output"
    fi
}

model "$MNET_DEBUG" 300 '300 seeds under sanitizers'
model "$MNET_RELEASE" 10000 '10000 seeds'
