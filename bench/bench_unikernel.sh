#!/bin/bash
# bench_unikernel - how small a unikernel is, and how soon it is there: the example echo on Solo5's
# spt and as a virtual machine on QEMU's microvm (by KVM with KVM=1, else emulated), beside the
# figures that the OCaml system whose counterpart mnet is had on spt: 3.14 MB, 13.7 ms, 114 ms and
# 16 MiB.
. "$(dirname "$0")/world.sh"
STARTS=40
CONNECTIONS=100
accelerator=(-accel tcg -cpu max)
[ -z "${KVM:-}" ] || accelerator=(-accel kvm -cpu host)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# figure NAME VALUE UNIT REFERENCE
figure()
{
    awk -v name="$1" -v value="$2" -v unit="$3" -v reference="$4" \
        'BEGIN { printf "%s %.2f %s %.2f %.3f\n", name, value, unit, reference, value / reference }'
}

# The least of the numbers in a column of a file, in milliseconds.
best()
{
    awk -v column="$1" '{ print $column / 1e6 }' "$2" | sort -g | head -n 1
}

# with_memory MIB - the command that runs echo on $port; its options follow it.
with_memory()
{
    case $port in
    spt) command=(solo5-spt "--mem=$1" --net:service=tap0 -- "$dir/echo" --solo5:quiet) ;;
    microvm)
        # shellcheck disable=SC2054 # the commas are QEMU's
        command=(qemu-system-x86_64 -M microvm "${accelerator[@]}" -m "$1" -nodefaults -no-user-config -display none
            -no-reboot -serial stdio -monitor none -netdev tap,id=n,ifname=tap0,script=no,downscript=no
            -global virtio-mmio.force-legacy=off -device virtio-net-device,netdev=n -device virtio-rng-device -kernel "$dir/echo" -append)
        ;;
    esac
}

# holds MIB - whether so much memory is enough for the connections.
holds()
{
    with_memory "$1"
    "${command[@]}" "--ipv4=$MNET/24" >"$dir/said" 2>&1 </dev/null &
    guest=$!
    for _ in $(seq 50); do
        ! grep -q listening "$dir/said" || break
        kill -0 $guest 2>/dev/null || break
        sleep 0.05
    done
    timeout 5 "$MNET_RELEASE/tests/linux_peer" parallel $MNET 9000 $CONNECTIONS >/dev/null 2>&1
    status=$?
    kill $guest 2>/dev/null
    wait $guest 2>/dev/null
    return $status
}

measure()
{
    port=$1
    strip -o "$dir/echo" "$2" 2>/dev/null || cp "$2" "$dir/echo"
    # A machine's image has no debugging information, and strip does not know its table of names.
    [ "$port" = spt ] || cp "$2" "$dir/echo"
    figure "${port}_echo_size" "$(stat -c %s "$dir/echo" | awk '{ print $1 / 1024 }')" KiB 3066
    with_memory 32
    options=--ipv4=$MNET/24
    [ "$port" = spt ] || options="$options --console-time"
    for _ in $(seq $STARTS); do
        ip neigh flush dev tap0
        "$MNET_RELEASE/bench/unikernel_start" $MNET 9000 "${command[@]}" "$options" || exit 1
    done >"$dir/starts"
    if [ "$port" = spt ]; then
        figure spt_exec_to_listening "$(best 1 "$dir/starts")" ms 13.7
    else
        figure "${port}_entry_to_listening" "$(best 4 "$dir/starts")" ms 13.7
    fi
    figure "${port}_listening_to_first_connection" "$(best 2 "$dir/starts")" ms 100.3
    least=3
    until holds $least || [ $least = 64 ]; do
        least=$((least + 1))
    done
    figure "${port}_memory_for_100_connections" $least MiB 16
}

if ! command -v solo5-spt >/dev/null; then
    echo 'bench_unikernel: spt skipped: there is no solo5-spt on PATH' >&2
elif [ ! -x "$MNET_RELEASE/examples/echo-spt" ]; then
    echo 'bench_unikernel: spt skipped: it was built without the toolchain of Solo5' >&2
else
    measure spt "$MNET_RELEASE/examples/echo-spt"
fi
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'bench_unikernel: microvm skipped: there is no qemu-system-x86_64' >&2
else
    measure microvm "$MNET_RELEASE/examples/echo-virtio"
fi
