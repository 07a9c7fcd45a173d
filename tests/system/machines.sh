#!/bin/bash
# Machines of all kinds, as QEMU can make them: sizes of memory, loaders' command lines, consoles, processors, devices.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'skip machines: there is no qemu-system-x86_64'
    exit 0
fi
enter_namespaces "$@"
trap '' PIPE # a console may be gone

# ---- Memory ----

# memory_of MIB... - with each of these sizes it gets an address, so has a network; what is not used is not taken of the
# host, which need not have so much.
memory_of()
{
    for size in "$@"; do
        NETDEV=user,id=n MEM=$size OBJECT=memory-backend-ram,id=ram,size=${size}M,reserve=off \
            MORE='-machine memory-backend=ram' machine_command 01_hello
        timeout 20 "${command[@]}" --dhcp </dev/null >"$dir/out" 2>&1 &
        mnet=$!
        await grep -q 'hello, I am 10.0.2.15' "$dir/out" || fail "$size MiB: $(head -n 1 "$dir/out")"
        kill $mnet
        wait $mnet
    done
    true # QEMU's own status
}

# memory_serves MIB - bytes come and go where the memory of the stack may lie above 4 GiB.
memory_serves()
{
    MEM=$1 OBJECT=memory-backend-ram,id=ram,size=$1M,reserve=off MORE='-machine memory-backend=ram' echo_bytes 300000
}

MACHINE=microvm
run microvm_starts_with_memory_of_any_size memory_of 4 4095 5000 8192 65536
run microvm_serves_from_memory_above_4_gib memory_serves 16384
MACHINE=q35
run q35_starts_with_memory_of_any_size memory_of 4 2047 3072 4096 5700 65536
run q35_serves_from_memory_above_4_gib memory_serves 16384
MACHINE=pc
run pc_starts_with_memory_of_any_size memory_of 100 3584 4096 6144 8192
