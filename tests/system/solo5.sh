#!/bin/bash
# Unikernels on Solo5's tenders against the Linux kernel: on spt (a sandboxed process) everything;
# on hvt, whose guests some hosts run very slowly, the essentials; on virtio what needs a processor
# without a source of entropy.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
linux_peer=$MNET_RELEASE/tests/linux_peer
seed=$(openssl rand -hex 32)

# command_for PROGRAM - an example, or unikernel_peer, on $TENDER with ${MEM:-32} MiB; in the array
# `command`.
command_for()
{
    program=$MNET_RELEASE/examples/$1-$TENDER
    [ -x "$program" ] || program=$MNET_RELEASE/tests/$1-$TENDER
    command=("solo5-$TENDER" "--mem=${MEM:-32}" --net:service=tap0 -- "$program" --solo5:quiet)
}

# boot PROGRAM ARGUMENT... - in the background, until it answers ping.
boot()
{
    command_for "$1"
    "${command[@]}" --ipv4=$MNET/24 "${@:2}" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
}

# Ends a program that serves for ever. It must still be there.
end()
{
    kill "$mnet" 2>/dev/null || fail "it has ended: $(tail -n 1 "$dir/mnet.out")"
    wait "$mnet"
    true # the tender's own status
}

# exits STATUS ARGUMENT... - unikernel_peer ends with this status, and without a word.
exits()
{
    command_for unikernel_peer
    timeout 20 "${command[@]}" "${@:2}" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$1" ] || fail "status $status"
    [ ! -s "$dir/out" ] || fail "it said: $(cat "$dir/out")"
}

# ends STATUS TEXT PROGRAM ARGUMENT... - it ends by itself with this status; the first line on the
# console contains TEXT.
ends()
{
    command_for "$3"
    timeout 20 "${command[@]}" "${@:4}" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = "$1" ] || fail "status $status: $(cat "$dir/out" "$dir/err" | tail -n 1)"
    head -n 1 "$dir/out" | grep -q -e "$2" || fail "it said: $(cat "$dir/out")"
}

datagrams()
{
    boot udp_echo
    for size in 1 1472 20000; do
        timeout 5 "$linux_peer" datagram $MNET 9000 $size || fail "no datagram of $size bytes came back"
    done
    end
}

# The interface is left as it was by a program that had the kernel leave checksums and segments to
# it.
after_offloads()
{
    start "$MNET_RELEASE/examples/echo-tap"
    stop
    echo_bytes 100000
}

# httpd brings the project's pages along.
pages()
{
    boot httpd
    for page in index tcp unikernel; do
        curl -s -m 10 -o "$dir/page" "http://$MNET/$page.html" || fail "curl ended with status $?"
        cmp "$MNET_RELEASE/examples/site/$page.html" "$dir/page" || fail "$page.html is another one"
    done
    end
}

listening()
{
    ss -Hltn "sport = :$1" | grep -q LISTEN
}

client()
{
    printf 'HTTP/1.0 200 OK\r\n\r\nhello from Linux\n' | nc -l -N $LINUX 80 >"$dir/request" &
    server=$!
    await listening 80
    command_for 02_fetch
    timeout 20 "${command[@]}" --ipv4=$MNET/24 $LINUX >"$dir/answer" || fail "it ended with status $?"
    wait $server
    tail -n 1 "$dir/answer" | expect 'hello from Linux'
}

# transfer BYTES - both ways, one after the other and at once; then it is told to end.
transfer()
{
    boot unikernel_peer serve "$1"
    timeout 120 "$linux_peer" send $MNET 9 "$1" || fail 'Linux to mnet failed'
    timeout 120 "$linux_peer" receive $MNET 19 "$1" || fail 'mnet to Linux failed'
    timeout 120 "$linux_peer" half-close $MNET 7 "$1" || fail 'both at once failed'
    nc -z $MNET 1
    wait "$mnet" || fail "it ended with status $?"
    tail -n 1 "$dir/mnet.out" | expect '4 connections'
}

# parallel COUNT ARGUMENT...
parallel()
{
    boot unikernel_peer "${@:2}" serve 0
    timeout 60 "$linux_peer" parallel $MNET 7 "$1" || fail 'connections failed'
    end
}

mtu()
{
    ip link set tap0 mtu "$1"
    transfer 5000000
    ip link set tap0 mtu 1500
}

# Frames that nobody wants do not keep it awake: it sleeps for two seconds while they come.
sleeps_through_frames()
{
    command_for unikernel_peer
    ip neigh replace $MNET lladdr 02:00:00:00:00:99 dev tap0
    ping -c 15 -i 0.1 -W 1 -q $MNET >/dev/null &
    TIMEFORMAT='%U %S'
    { time "${command[@]}" sleep 2 >"$dir/out"; } 2>"$dir/times" || fail "it ended with status $?"
    wait
    ip neigh del $MNET dev tap0
    awk '{ exit !($1 + $2 < 0.5) }' "$dir/times" || fail "seconds of processor time: $(cat "$dir/times")"
}

# without_entropy ARGUMENTS TEXT - the last words of a guest in QEMU whose processor has neither
# RDSEED nor RDRAND.
without_entropy()
{
    timeout 60 qemu-system-x86_64 -cpu qemu64 -m 64 -nodefaults -machine acpi=off -display none -serial stdio -device isa-debug-exit \
        -netdev user,id=n2 -device virtio-net,netdev=n2,addr=0x2,bus=pci.0 \
        -kernel "$MNET_RELEASE/tests/unikernel_peer-solo5-virtio" -append "$1" >"$dir/out" 2>&1
    grep -q -e "$2" "$dir/out" || fail "it said: $(tail -n 1 "$dir/out")"
}

# Without a network device the tender does not even start the guest.
no_network_device()
{
    timeout 20 "solo5-$TENDER" --mem=32 -- "$MNET_RELEASE/examples/echo-$TENDER" --ipv4=$MNET/24 >"$dir/out" 2>&1
    status=$?
    [ $status = 1 ] || fail "status $status"
    grep -q "service" "$dir/out" || fail "it said: $(cat "$dir/out")"
}

help()
{
    command_for 01_hello
    "${command[@]}" --help >"$dir/out" || fail "status $?"
    grep -q -e '--ipv4=ADDRESS/LENGTH' "$dir/out" || fail 'it says nothing about options'
}

# missing TENDER - the reason why its guests cannot be run here, or nothing if they can.
missing()
{
    if ! command -v "solo5-$1" >/dev/null; then
        echo "there is no solo5-$1 on PATH"
    elif [ ! -x "$MNET_RELEASE/examples/echo-$1" ]; then
        echo 'it was built without the toolchain of Solo5'
    elif [ "$1" = hvt ] && ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
        echo '/dev/kvm is not there, or not for us'
    fi
}

on_spt()
{
    run spt_answers_pings_of_all_sizes ping_sizes
    run spt_echoes echo_bytes 3000000
    run spt_echoes_datagrams datagrams
    run spt_echoes_after_an_application_with_offloads after_offloads
    run spt_client_fetches client
    run spt_client_refused_says_so ends 1 refused 02_fetch --ipv4=$MNET/24 $LINUX
    if [ -x "$MNET_RELEASE/examples/httpd-spt" ]; then
        run spt_serves_pages pages
    else
        echo 'skip spt_serves_pages: it was built without llhttp'
    fi
    run spt_transfers_both_ways transfer 50000000
    run spt_mtu_9000_transfers_both_ways mtu 9000
    run spt_mtu_576_transfers_both_ways mtu 576
    MEM=64 run spt_parallel_connections parallel 150
    MEM=8 run spt_8_mib_hold_100_connections parallel 100
    run spt_link_flap_is_survived flap_link 200000000
    run spt_sleeps_through_frames sleeps_through_frames
    run spt_status_is_that_of_the_program exits 7 exit 7
    run spt_help_is_no_error help
    run spt_bad_prefix_says_so ends 1 'mnet: --ipv4=10.0.0.2/33: ' 01_hello --ipv4=10.0.0.2/33
    run spt_bad_memory_says_so ends 1 'mnet: --memory=much: ' 01_hello --ipv4=$MNET/24 --memory=much
    run spt_unknown_option_says_so ends 1 '^mnet: --nonsense=1: unknown option' echo --nonsense=1
    run spt_no_network_device_says_so no_network_device
    run spt_option_of_the_tender_says_so ends 1 'tender' 01_hello --ipv4=$MNET/24 --net:service=tap0
    run spt_capture_says_so ends 1 'no files' 01_hello --ipv4=$MNET/24 --capture=frames
    run spt_bad_seed_says_so ends 1 'mnet: --entropy= wants 64 hexadecimal digits' unikernel_peer --entropy="${seed}0" exit 0
    run spt_seed_is_taken exits 3 --entropy="$seed" exit 3
    MEM=2 run spt_too_little_memory_says_so ends 1 'mnet: too little memory' 01_hello --ipv4=$MNET/24
    run spt_exhausted_memory_is_survived ends 0 '^[1-9][0-9]* tasks$' unikernel_peer --ipv4=$MNET/24 exhaust
    run spt_stack_overflow_is_reported ends 255 'task "bottomless" overflowed its stack of 65536 bytes' unikernel_peer overflow
    run spt_null_pointer_ends_it exits 139 null
}

on_hvt()
{
    run hvt_echoes echo_bytes 20000
    run hvt_transfers_both_ways transfer 100000
    run hvt_status_is_that_of_the_program exits 7 exit 7
    run hvt_bad_prefix_says_so ends 1 'mnet: --ipv4=10.0.0.2/33: ' 01_hello --ipv4=10.0.0.2/33
    run hvt_unknown_option_says_so ends 1 '^mnet: --nonsense=1: unknown option' echo --nonsense=1
    MEM=4 run hvt_too_little_memory_says_so ends 1 'mnet: too little memory' 01_hello --ipv4=$MNET/24
    run hvt_no_network_device_says_so no_network_device
    run hvt_stack_overflow_is_reported ends 255 'task "bottomless" overflowed its stack of 65536 bytes' unikernel_peer overflow
}

for TENDER in spt hvt; do
    why=$(missing $TENDER)
    if [ -z "$why" ]; then
        on_$TENDER
    else
        echo "skip $TENDER: $why"
    fi
done
if ! [ -x "$MNET_RELEASE/tests/unikernel_peer-solo5-virtio" ]; then
    echo 'skip no_entropy_says_so: it was built without the toolchain of Solo5'
elif ! command -v qemu-system-x86_64 >/dev/null; then
    echo 'skip no_entropy_says_so: there is no qemu-system-x86_64'
else
    run no_entropy_says_so without_entropy '--solo5:quiet exit 3' 'mnet: no entropy: .* --entropy=HEX'
    run seed_instead_of_entropy_is_taken without_entropy "--entropy=$seed exit 3" 'solo5_exit(3)'
fi
