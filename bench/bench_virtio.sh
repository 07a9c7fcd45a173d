#!/bin/bash
# bench_virtio - how often a virtual machine (QEMU's microvm, emulated) notifies its host, and is
# interrupted, for a round trip of 64 bytes and for a megabyte each way. The reference is one for
# each frame: for a round trip 1 and 1, for a megabyte in segments of 64 KiB 16.
. "$(dirname "$0")/world.sh"
linux_peer=$MNET_RELEASE/tests/linux_peer
if ! command -v qemu-system-x86_64 >/dev/null || [ ! -x "$MNET_RELEASE/tests/unikernel_peer-virtio" ]; then
    echo 'bench_virtio: there is no qemu-system-x86_64, or no machine in this build' >&2
    exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# measure NAME UNITS REFERENCE COMMAND PORT AMOUNT - UNITS are in the amount.
measure()
{
    mkfifo "$dir/console"
    qemu-system-x86_64 -M microvm -accel tcg -cpu max -m 64 -nodefaults -no-user-config -display none -no-reboot \
        -serial stdio -monitor none -netdev tap,id=n,ifname=tap0,script=no,downscript=no \
        -device virtio-net-device,netdev=n -device virtio-rng-device -kernel "$MNET_RELEASE/tests/unikernel_peer-virtio" \
        -append "--ipv4=$MNET/24 serve 100000000" <"$dir/console" >"$dir/said" 2>/dev/null &
    machine=$!
    exec 3>"$dir/console"
    await ping -c 1 -W 1 $MNET
    "$linux_peer" "$4" $MNET "$5" "$6" >/dev/null || exit 1
    printf '\003' >&3
    exec 3>&-
    wait $machine
    rm "$dir/console"
    for kind in notifications interrupts; do
        sed -n "s/^mnet_device_${kind}_total \([0-9]*\).*/\1/p" "$dir/said" |
            awk -v name="virtio_${kind}_$1" -v units="$2" -v reference="$3" \
                '{ printf "%s %.2f %s %d %.2f\n", name, $1 / units, "each", reference, $1 / units / reference }'
    done
}

measure round_trip 1000 1 round 7 1000
measure megabyte_in 100 16 send 9 100000000
measure megabyte_out 100 16 receive 19 100000000
