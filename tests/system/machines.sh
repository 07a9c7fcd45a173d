#!/bin/bash
# Machines of all kinds, as QEMU can make them: sizes of memory, loaders' command lines, consoles,
# processors, devices.
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

# memory_of MIB... - a machine of each of these sizes gets an address, so it has a network. Memory
# that it does not use is not taken from the host, which need not have so much.
memory_of()
{
    for size in "$@"; do
        NETDEV=user,id=n MEM=$size OBJECT=memory-backend-ram,id=ram,size=${size}M,reserve=off \
            MORE='-machine memory-backend=ram' machine_command 01_hello
        empty "$dir/out"
        timeout 20 "${command[@]}" --dhcp </dev/null >"$dir/out" 2>&1 &
        mnet=$!
        await grep -q 'hello, I am 10.0.2.15' "$dir/out" || fail "$size MiB: $(head -n 1 "$dir/out")"
        kill $mnet
        wait $mnet
    done
    true # QEMU's own status
}

# memory_serves MIB - bytes come and go if the memory of the stack lies above 4 GiB.
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

# ---- The command line ----

# greets COMMAND-LINE - a machine whose loader wrote this has an address.
greets()
{
    NETDEV=user,id=n machine_command 01_hello
    empty "$dir/out"
    timeout 20 "${command[@]}" "$1" </dev/null >"$dir/out" 2>&1 &
    mnet=$!
    await grep -q 'hello, I am 10.0.2.15' "$dir/out" || fail "$(head -n 1 "$dir/out")"
    kill $mnet
    wait $mnet
    true # QEMU's own status
}

# one_line TEXT ARGUMENT... - the program echo ends with status 1, and says TEXT (a pattern) in one
# line.
one_line()
{
    machine_command echo
    timeout 30 "${command[@]}" "${*:2}" </dev/null >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = 1 ] || fail "status $status"
    grep -q -e "$1" "$dir/out" || fail "it said: $(head -n 1 "$dir/out")"
    [ "$(grep -vc '^exit status' "$dir/out")" = 1 ] || fail 'it said more than a line'
}

MACHINE=microvm
run firecracker_words_are_skipped greets 'console=ttyS0 reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux --dhcp pci=off'
run boot_loader_words_are_skipped greets 'BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet --dhcp'
run words_before_two_dashes_are_skipped greets 'some=thing else -- --dhcp'
run option_before_two_dashes_says_so one_line 'echo-virtio: --dhcp: what stands before -- ' ro --dhcp -- more
run word_of_nobody_says_so one_line nonsense console=ttyS0 nonsense

# ---- The console ----

# control_c COUNT PROGRAM ARGUMENT... - ends it in order behind so many characters that the program
# has not read, typed $BEFORE seconds after it was switched on.
control_c()
{
    machine_command "$2"
    timeout 8 "${command[@]}" "--ipv4=$MNET/24 ${*:3}" >"$dir/out" 2>&1 < <(
        sleep "${BEFORE:-1}"
        head -c "$1" /dev/zero | tr '\0' x
        sleep "${BETWEEN:-0.5}"
        printf '\003'
        sleep 2 # its input has no end meanwhile
    ) || fail "status $?"
}

# Nobody reads the console, on which the program says more and more: connections are served, and the
# console tells how much was lost.
unread_console()
{
    machine_command unikernel_peer
    rm -f "$dir/console" "$dir/unread"
    mkfifo "$dir/console" "$dir/unread"
    "${command[@]}" "--ipv4=$MNET/24 talk 0" <"$dir/console" >"$dir/unread" 2>"$dir/mnet.err" &
    mnet=$!
    exec 3>"$dir/console" 4<"$dir/unread"
    await ping -c 1 -W 1 -q $MNET
    sleep 2 # the pipe fills
    ping -c 20 -i 0.05 -W 1 -q $MNET || fail 'pings were lost'
    timeout 10 "$MNET_RELEASE/tests/linux_peer" half-close $MNET 7 100000 || fail 'no echo'
    timeout 1 cat <&4 >"$dir/read"
    printf '\003' >&3
    cat <&4 >>"$dir/read" # to its end
    wait "$mnet" || fail "the machine ended with status $?"
    exec 3>&- 4<&-
    grep -q '^.[0-9]* characters were lost here.' "$dir/read" || fail 'nothing was lost'
}

run control_c_behind_input_that_nobody_reads control_c 5000 echo
run control_c_behind_input_that_is_not_read_yet control_c 5000 nc -l 9000
BEFORE=0 BETWEEN=0 run control_c_while_it_starts control_c 300 echo
run control_c_ends_what_is_never_idle control_c 10 unikernel_peer spin
run unread_console_costs_output_only unread_console

# ---- Processors and devices ----

# machine_says TEXT - hello ends with status 1 and says TEXT (a pattern) in one line.
machine_says()
{
    NETDEV=user,id=n machine_command 01_hello
    timeout 20 "${command[@]}" --dhcp </dev/null >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = 1 ] || fail "status $status"
    grep -q -e "$1" "$dir/out" || fail "it said: $(head -n 1 "$dir/out")"
    [ "$(grep -vc '^exit status' "$dir/out")" = 1 ] || fail 'it said more than a line'
}

# The second of two network devices, by its address.
chosen_by_mac()
{
    MORE='-netdev user,id=other,net=10.9.0.0/24 -device virtio-net-pci,netdev=other,mac=02:00:00:00:00:aB,romfile=' \
        NETDEV=user,id=n machine_command 01_hello
    empty "$dir/out"
    timeout 20 "${command[@]}" "--dhcp --net:service=02:00:00:00:00:Ab" </dev/null >"$dir/out" 2>&1 &
    mnet=$!
    await grep -q 'hello, I am 10.9.0.15' "$dir/out" || fail "$(head -n 1 "$dir/out")"
    kill $mnet
    wait $mnet
    true # QEMU's own status
}

# Changes of the link are seen if one interrupt tells of everything.
link_by_one_message()
{
    NIC=vectors=1 boot echo
    for link in off on; do
        (echo "set_link n $link"; sleep 0.2) | timeout 5 nc -U -N "$dir/monitor" >/dev/null
        [ $link = on ] || ! ping -c 1 -W 1 -q $MNET || fail 'a ping was answered without a link'
    done
    await ping -c 1 -W 1 -q $MNET
    end
}

for cpu in max,-nx qemu32 pentium; do
    CPU=$cpu
    [ $cpu = max,-nx ] && text='mnet: the processor has no execute-disable (NX)' || text='mnet: the processor has no 64-bit mode'
    run "${cpu}_says_so" machine_says "$text"
done
CPU=
MACHINE=q35
CPU=qemu32 run qemu32_on_q35_says_so machine_says 'mnet: the processor has no 64-bit mode'
NIC=vectors=1 run one_message_is_enough echo_bytes 300000
run one_message_tells_of_the_link link_by_one_message
NIC=iommu_platform=on,disable-legacy=on run device_behind_an_iommu_is_used echo_bytes 300000
NIC=disable-modern=on run legacy_device_says_so machine_says 'service: the network device cannot be used: it has the legacy interface only'
NIC=host_mtu=575 run mtu_below_576_says_so machine_says 'service: the network device cannot be used: its MTU is below 576 bytes'
run device_is_chosen_by_its_address chosen_by_mac
CPU=qemu64 MACHINE=pc-bare MORE='-netdev user,id=n -device virtio-net-pci,netdev=n,romfile= -device virtio-rng-pci,max-bytes=8,period=300' \
    run slow_entropy_is_waited_for greets --dhcp
MACHINE=microvm
MORE='-device virtio-serial-device -device virtio-serial-device -device virtio-serial-device -device virtio-serial-device' \
    run devices_of_other_kinds_are_left_alone greets --dhcp
MACHINE=q35
NIC=addr=1e MORE=$(printf -- '-device virtio-serial-pci,addr=%x ' $(seq 3 20)) \
    run many_devices_of_other_kinds_are_left_alone greets --dhcp
MACHINE=pcie
run pcie_without_ports_serves echo_bytes 300000
CPU=qemu64 run pcie_without_ports_has_entropy_of_a_device greets --dhcp
