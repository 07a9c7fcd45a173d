#!/bin/bash
# Virtual machines with nothing in them but mnet, against the Linux kernel: QEMU's microvm with the
# two forms of its transport and its q35, all emulated, on a TAP interface.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'skip qemu: there is no qemu-system-x86_64'
    exit 0
fi
enter_namespaces "$@"
linux_peer=$MNET_RELEASE/tests/linux_peer
trap '' PIPE # a console may be gone

# ends STATUS TEXT PROGRAM ARGUMENT... - it ends by itself with this status, and has said TEXT (a
# pattern).
ends()
{
    machine_command "$3"
    timeout 30 "${command[@]}" "${*:4}" </dev/null >"$dir/out" 2>"$dir/err"
    status=$?
    cat "$dir/out" "$dir/err"
    [ $status = "$1" ] || fail "status $status"
    grep -q -e "$2" "$dir/out" || fail "it said: $(head -n 1 "$dir/out")"
}

# one_line STATUS TEXT PROGRAM ARGUMENT... - the same, and nothing else but its status.
one_line()
{
    ends "$@"
    [ "$(grep -vc '^exit status' "$dir/out")" = 1 ] || fail 'it said more than a line'
}

# reports TEXT FUNCTION ARGUMENT - the program `faults` ends with a report that contains TEXT, its
# registers, and the function in its backtrace.
reports()
{
    ends 255 "$1" faults "$3"
    grep -q '^rip [0-9a-f]\{16\}  rsp' "$dir/out" || fail 'it shows no registers'
    grep -q "^  [0-9a-f]* $2[.a-z]*+0x" "$dir/out" || fail "$2 is not in the backtrace"
}

# transfer BYTES ARGUMENT... - to the machine, from it, and both ways at once.
transfer()
{
    boot unikernel_peer "${@:2}" serve "$1"
    timeout 100 "$linux_peer" send $MNET 9 "$1" || fail 'Linux to mnet failed'
    timeout 100 "$linux_peer" receive $MNET 19 "$1" || fail 'mnet to Linux failed'
    timeout 100 "$linux_peer" half-close $MNET 7 "$1" || fail 'both at once failed'
    nc -z $MNET 1
    wait "$mnet" || fail "it ended with status $?"
    exec 3>&-
    tail -n 1 "$dir/mnet.out" | tr -d '\r' | expect '4 connections'
}

# parallel COUNT
parallel()
{
    boot unikernel_peer serve 0
    timeout 60 "$linux_peer" parallel $MNET 7 "$1" || fail 'connections failed'
    end
}

# The kernel receives nothing malformed and no wrong checksum from the machine. To be seen,
# checksums must be complete: --no-checksum-offload.
capture()
{
    boot unikernel_peer "$@" serve 1000000
    dump "$dir/outside.pcapng"
    "$linux_peer" receive $MNET 19 1000000 || fail 'mnet to Linux failed'
    "$linux_peer" half-close $MNET 7 300000 || fail 'both at once failed'
    ping -c 2 -i 0.05 -s 20000 -q $MNET || fail 'large ping'
    end_dump
    end
    tshark -r "$dir/outside.pcapng" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE \
        -Y "ip.src == $MNET && (_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0)" \
        >"$dir/bad" 2>/dev/null
    [ ! -s "$dir/bad" ] || fail "$(wc -l <"$dir/bad") frames, first: $(head -n 1 "$dir/bad")"
    [ "$(tshark -r "$dir/outside.pcapng" -Y "ip.src == $MNET" 2>/dev/null | wc -l)" -gt 100 ] || fail 'nothing was captured'
}

# The whole machine, with the names of its functions, has less than 220 KiB.
echo_is_small()
{
    size=$(stat -c %s "$MNET_RELEASE/examples/echo-virtio")
    note "$size bytes; unpacked $(size -A "$MNET_RELEASE/examples/echo-virtio.linked" | awk '/^\.(text|rodata|data|bss)/ { print $1, $2 }' | xargs)"
    [ "$size" -lt 225280 ] || fail "$size bytes"
}

# Loaders ask for a PVH note with the entry, in a segment from 1 MiB on, at the same physical and
# virtual address; and for no alignment of segments, for the loader of Firecracker and Cloud
# Hypervisor wants that to be a multiple of 2 MiB.
image_suits_loaders()
{
    image=$MNET_RELEASE/examples/echo-virtio
    readelf -lW "$image" >"$dir/segments"
    awk '$1 == "LOAD" { n++; if ($3 != $4 || $3 < "0x0000000000100000" || $NF != "0") exit 1 } END { exit n != 2 }' "$dir/segments" ||
        fail "$(cat "$dir/segments")"
    entry=$(awk '$1 == "LOAD" && $5 != "0x000000" { print $3 }' "$dir/segments")
    readelf -hW "$image" | grep -q "Entry point address: *$(printf '%#x' "$entry")\$" || fail 'its entry is not in its segment'
    note=$(printf '%08x' "$entry" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4 \3 \2 \1/')
    readelf -nW "$image" | grep -q "Xen .*0x0*8.*0x0*12).*$note 00 00 00 00" || fail "its note does not say that it is entered at $entry"
}

# What the linker has made boots as it is, too, and calls itself mnet.
linked_program_boots()
{
    mkdir -p "$dir/examples"
    ln -sf "$MNET_RELEASE/examples/echo-virtio.linked" "$dir/examples/echo-virtio"
    MNET_RELEASE=$dir one_line 1 '^mnet: --nonsense: unknown option' echo --nonsense
}

# Without a device that takes an exit status, without ACPI: it is said, and the machine resets
# itself, which ends QEMU.
ends_by_reset()
{
    ends 0 'exit status 7' unikernel_peer exit 7
    machine_command unikernel_peer
    timeout 30 "${command[@]}" 'exit 0' </dev/null >"$dir/out" || fail "status $?"
    [ ! -s "$dir/out" ] || fail "it said: $(cat "$dir/out")"
}

# The address comes from QEMU's user-mode network.
dhcp()
{
    NETDEV=user,id=n machine_command 01_hello
    empty "$dir/out"
    timeout 20 "${command[@]}" --dhcp </dev/null >"$dir/out" 2>&1 &
    mnet=$!
    await grep -q 'hello, I am 10.0.2.15' "$dir/out"
    kill $mnet
    wait $mnet
    true # QEMU's own status
}

# Console input: what is typed goes to the client, and Ctrl-D is its end.
typing()
{
    machine_command nc
    (sleep 1; printf 'typed\r\004') | timeout 20 "${command[@]}" "--ipv4=$MNET/24 -l 9000" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    sleep 1
    timeout 10 nc $MNET 9000 </dev/null | expect typed
    wait "$mnet" || fail "the machine ended with status $?: $(tail -n 1 "$dir/mnet.out")"
}

for MACHINE in ${MACHINES:-microvm modern q35}; do
    run ${MACHINE}_unknown_option_says_so one_line 1 '^echo-virtio: --nonsense=1: unknown option' echo --nonsense=1
    run ${MACHINE}_answers_pings_of_all_sizes ping_sizes
    run ${MACHINE}_echoes echo_bytes 1000000
    run ${MACHINE}_transfers_both_ways transfer 50000000
    run ${MACHINE}_bad_prefix_says_so one_line 1 'echo-virtio: --ipv4=10.0.0.2/33: ' echo --ipv4=10.0.0.2/33
    run ${MACHINE}_status_is_that_of_the_program ends 7 'exit status 7' unikernel_peer exit 7
    run ${MACHINE}_null_pointer_is_reported reports 'page fault: write at 0000000000000000' mnet_main null-write
done
MACHINE=modern
run transfers_without_offloads transfer 5000000 --no-checksum-offload --no-segmentation-offload
run parallel_connections parallel 200
for MACHINE in microvm q35; do
    MEM=8 run ${MACHINE}_8_mib_hold_100_connections parallel 100
done
MACHINE=modern
run link_flap_is_survived flap_link 50000000
run typed_input_arrives typing
run address_comes_by_dhcp dhcp
run echo_is_small echo_is_small
run image_suits_loaders image_suits_loaders
run linked_program_boots linked_program_boots
run console_tells_the_time ends 0 '^\[ *[0-9]*\.[0-9]\{6\}\]   --help' echo --console-time --help
if command -v tshark >/dev/null; then
    run capture_has_no_fault capture --no-checksum-offload
else
    echo 'skip capture_has_no_fault: there is no tshark'
fi
MACHINE=plain
run plain_echoes echo_bytes 100000
run plain_ends_by_reset ends_by_reset
run plain_null_pointer_is_reported ends 0 'page fault: write at 0000000000000000' faults null-write
run plain_unknown_argument_says_so ends 0 '^echo-virtio: nonsense: unknown argument' echo nonsense
MACHINE=microvm
run stack_overflow_is_reported reports '^... task "digger" overflowed its stack of' descend stack-overflow
run null_call_is_reported reports 'page fault: execution at 0000000000000000 (a null pointer)' mnet_main null-call
run written_code_is_reported reports 'page fault: write at .* (not allowed there)' mnet_main code-write
run executed_data_is_reported reports 'page fault: execution at .* (not allowed there)' mnet_main data-execute
run invalid_instruction_is_reported reports 'exception 6: invalid instruction' mnet_main invalid-instruction
run failed_assertion_tells_its_line reports '^... mnet: an assertion failed, in line 77 of' mnet_main assertion
run failed_assertion_tells_a_line_of_three_digits reports '^... mnet: an assertion failed, in line 777 of' mnet_main assertion-of-a-long-file
run exhausted_tasks_say_so ends 1 'no memory after [1-9][0-9]* tasks: ' faults memory
run exhausted_memory_is_survived ends 0 '^[1-9][0-9]* tasks' unikernel_peer --ipv4=$MNET/24 exhaust
run capture_option_says_so one_line 1 'no files for --capture' echo --ipv4=$MNET/24 --capture=frames
run unknown_device_says_so one_line 1 'echo-virtio: service: "tap0" is neither the number nor the address' echo --ipv4=$MNET/24 --net:service=tap0
run wrong_command_line_says_so one_line 1 'a quote without an end' echo "'--ipv4"
run wrong_device_on_the_command_line_says_so one_line 1 'virtio_mmio.device must be' echo virtio_mmio.device=512@x:1
MEM=2 run too_little_memory_says_so one_line 1 'echo-virtio: too little memory' echo
# Of 2 MiB the firmware of q35 writes to the last 376 KiB, where the image ends.
MEM=3 MACHINE=q35 run too_little_memory_on_q35_says_so one_line 1 'echo-virtio: too little memory' echo
MEM=4 run little_memory_is_enough ends 0 --ipv4=ADDRESS echo --help
CPU=qemu64 MACHINE=microvm run no_entropy_says_so one_line 1 'echo-virtio: no entropy: ' echo --ipv4=$MNET/24
CPU=qemu64 MACHINE=q35-bare run no_entropy_on_q35_says_so one_line 1 'echo-virtio: no entropy: ' echo --ipv4=$MNET/24
CPU=qemu64 MACHINE=q35 run entropy_of_a_device_is_enough ends 7 'exit status 7' unikernel_peer exit 7
MACHINE=microvm-bare run no_network_device_says_so one_line 1 'no virtio network device' echo --ipv4=$MNET/24
MACHINE=q35-bare run no_network_device_on_pci_says_so one_line 1 'no virtio network device' echo --ipv4=$MNET/24
MACHINE=microvm,pit=off,acpi=off-bare run no_clock_says_so one_line 1 'no clock: ' echo --ipv4=$MNET/24
