# The part that all system tests share; sourced, not run. Linux is 10.0.0.1 on one end of tap0, mnet
# 10.0.0.2 on the other, in namespaces of their own. They end with the script, and all that it has
# started with them.

LINUX=10.0.0.1
MNET=10.0.0.2

# Runs the script again inside the namespaces (a user namespace, too, if it is not run as root). If
# there can be none, the whole script is one skipped test.
enter_namespaces()
{
    : "${MNET_DEBUG:?} ${MNET_RELEASE:?}"
    if [ -z "${MNET_INSIDE:-}" ]; then
        for user in '' '--user --map-root-user'; do
            enter="unshare --net --pid --fork --kill-child --mount --mount-proc $user"
            if why=$($enter ip tuntap add dev tap0 mode tap 2>&1); then
                # shellcheck disable=SC2086 # words
                MNET_INSIDE=1 exec $enter "$0" "$@"
            fi
        done
        echo "skip $(basename "$0" .sh): no TAP interface can be made here ($(echo "$why" | tail -n 1))"
        exit 0
    fi
    dir=$(mktemp -d)
    # A command in the background is a copy of this shell for a moment, and must leave the folder
    # there.
    trap '[ "$BASHPID" != $$ ] || rm -rf "$dir"' EXIT
    trap 'exit 1' INT TERM
    ip link set lo up
    make_tap
}

# make_tap ARGUMENT... - for ip tuntap.
make_tap()
{
    ip tuntap add dev tap0 mode tap "$@"
    # IPv6 is of no use here, and its packets would only be noise in captures.
    sysctl -qw net.ipv6.conf.tap0.disable_ipv6=1 2>/dev/null
    ip addr add $LINUX/24 dev tap0
    ip link set tap0 up
}

# start PROGRAM ARGUMENT... - an application of $MNET_DEBUG or $MNET_RELEASE, in the background,
# until it answers ping.
start()
{
    # shellcheck disable=SC2086 # words
    "$1" --net:service=tap0 --ipv4=$MNET/24 ${OPTIONS:-} "${@:2}" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
}

# Ends it as Ctrl-C would; it must end in order.
stop()
{
    kill -INT "$mnet" 2>/dev/null
    wait "$mnet" || fail "mnet ended with status $?: $(head -n 1 "$dir/mnet.err")"
}

# refuses TEXT PROGRAM ARGUMENT... - it ends with status 1 after a single line on the error output,
# which contains TEXT in whatever case.
refuses()
{
    timeout 10 "${@:2}" >"$dir/out" 2>"$dir/err"
    status=$?
    [ $status = 1 ] || fail "status $status"
    grep -qi -e "$1" "$dir/err" || fail "it said: $(cat "$dir/err")"
    [ "$(wc -l <"$dir/err")" = 1 ] || fail "not one line: $(cat "$dir/err")"
}

# await COMMAND... - until it succeeds; ${PATIENCE:-10} seconds at most.
await()
{
    for _ in $(seq $((${PATIENCE:-10} * 10))); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    fail "waited in vain for: $*"
}

# empty FILE... - before a command in the background writes to them: a test that waits for its words
# must not find those of an earlier command.
empty()
{
    for file in "$@"; do
        : >"$file"
    done
}

# complete FILE SIZE - the file has so many bytes. Linux' nc that listens stops sending when its
# peer has finished: whoever exchanges bytes with it awaits all before it finishes.
complete()
{
    [ "$(stat -c %s "$1")" = "$2" ]
}

# dump FILE - captures all that crosses tap0, until end_dump.
dump()
{
    empty "$dir/dumpcap.err"
    dumpcap -q -i tap0 -w "$1" 2>"$dir/dumpcap.err" &
    dumpcap=$!
    await grep -q File: "$dir/dumpcap.err"
}

end_dump()
{
    sleep 1 # frames may still be under way
    kill -INT $dumpcap
    wait $dumpcap
}

# fail WHY - notes why the running test has failed. With $FATAL it ends the (sub)shell, too.
fail()
{
    echo "$*" | head -n 1 >>"$dir/why"
    [ -z "${FATAL:-}" ] || exit 1
    return 1
}

# note TEXT - a figure that the running test has measured, which is printed with its result.
note()
{
    echo "$*" >>"$dir/note"
}

# run NAME FUNCTION ARGUMENT... - one test: it has failed if the function's status says so, or
# something in it called `fail`. With DEMO set, only tests whose names have these words.
run()
{
    case $1 in
    *"${DEMO:-}"*) ;;
    *) return ;;
    esac
    rm -f "$dir/why" "$dir/note"
    if "${@:2}" >"$dir/output" 2>&1 && [ ! -f "$dir/why" ]; then
        echo "ok $1$(sed 's/^/: /;q' "$dir/note" 2>/dev/null)"
    else
        echo "not ok $1: $(head -n 1 "$dir/why" 2>/dev/null || tail -n 1 "$dir/output" 2>/dev/null)"
        sed 's/^/    /' "$dir/output" "$dir/mnet.err" "$dir/mnet.out" 2>/dev/null | head -n 60
    fi
}

# expect WORDS... - reads standard input, which must be just that.
expect()
{
    got=$(cat)
    [ "$got" = "$*" ] || fail "expected '$*', got '$got'"
}

# Random bytes that compress to nothing and are the same every time: bytes COUNT SEED.
bytes()
{
    openssl enc -aes-128-ctr -nosalt -pass "pass:$2" -md sha256 </dev/zero 2>/dev/null | head -c "$1"
}

# machine_command PROGRAM - an example, or one of tests/, as a virtual machine on $MACHINE (microvm:
# with the legacy form of virtio-mmio; modern: with the other one; plain: with nothing but what
# Firecracker's machines have; q35; pc; pcie: a microvm without ports of PCI; NAME-bare: without
# devices) with ${MEM:-64} MiB, the processor ${CPU:-max}, the network ${NETDEV:-that of tap0} and a
# network device with the properties $NIC, the object $OBJECT, and the further arguments $MORE; in
# the array `command`, to which the options are to be added.
machine_command()
{
    program=$MNET_RELEASE/examples/$1-virtio
    [ -x "$program" ] || program=$MNET_RELEASE/tests/$1-virtio
    command=(qemu-system-x86_64 -accel tcg -cpu "${CPU:-max}" -m "${MEM:-64}" -nodefaults -no-user-config -display none -no-reboot
        -chardev stdio,id=console,signal=off -serial chardev:console)
    net=(-netdev "${NETDEV:-tap,id=n,ifname=tap0,script=no,downscript=no}")
    nic=netdev=n${NIC:+,$NIC}
    case $MACHINE in
    microvm) command+=(-M microvm "${net[@]}" -device virtio-net-device,"$nic") ;;
    plain) command+=(-M microvm,acpi=off,pic=off,rtc=off -global virtio-mmio.force-legacy=off "${net[@]}" -device virtio-net-device,"$nic") ;;
    modern) command+=(-M microvm,acpi=off -global virtio-mmio.force-legacy=off "${net[@]}" -device virtio-net-device,"$nic"
        -device virtio-rng-device) ;;
    q35 | pc) command+=(-M "$MACHINE" "${net[@]}" -device virtio-net-pci,"$nic",romfile= -device virtio-rng-pci) ;;
    pcie) command+=(-M microvm,pcie=on "${net[@]}" -device virtio-net-pci,"$nic",romfile= -device virtio-rng-pci) ;;
    *-bare) command+=(-M "${MACHINE%-bare}") ;;
    esac
    [ "$MACHINE" = plain ] || command+=(-device isa-debug-exit)
    # QEMU wants memory named before the machine has it.
    [ -z "${OBJECT:-}" ] || command+=(-object "$OBJECT")
    # shellcheck disable=SC2206 # words
    command+=(${MORE:-})
    command+=(-monitor "unix:$dir/monitor,server=on,wait=off" -kernel "$program" -append)
}

# switch_on PROGRAM ARGUMENT... - in the background; its console is file descriptor 3.
switch_on()
{
    machine_command "$1"
    rm -f "$dir/console"
    mkfifo "$dir/console"
    "${command[@]}" "${*:2}" <"$dir/console" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    exec 3>"$dir/console"
}

# boot PROGRAM ARGUMENT... - the same, until it answers ping.
boot()
{
    switch_on "$1" --ipv4=$MNET/24 "${@:2}"
    await ping -c 1 -W 1 -q $MNET
}

# Ctrl-C on the console ends the program in order, and the machine with it.
end()
{
    printf '\003' >&3
    exec 3>&-
    wait "$mnet" || fail "the machine ended with status $?: $(tail -n 1 "$dir/mnet.out")"
}

# Every port without an operating system must pass these, with `boot` and `end` of the script: those
# above are of virtual machines.

ping_sizes()
{
    boot 01_hello
    for size in 0 56 1472 1473 20000 65507; do
        ping -c 2 -i 0.05 -W 2 -q -s $size $MNET || fail "no answer to a ping of $size bytes"
    done
    end
    grep -q "hello, I am $MNET" "$dir/mnet.out" || fail 'it did not say hello'
}

# flap_link BYTES - the host's interface goes away under a transfer of unikernel_peer, and comes
# back.
flap_link()
{
    boot unikernel_peer serve "$1"
    timeout 60 "$linux_peer" receive $MNET 19 "$1" &
    receiver=$!
    for _ in 1 2 3; do
        sleep 0.1
        ip link set tap0 down
        sleep 0.1
        ip link set tap0 up
    done
    wait $receiver || fail 'the transfer failed'
    end
}

# echo_bytes BYTES
echo_bytes()
{
    bytes "$1" echo >"$dir/sent"
    boot echo
    timeout 60 nc -N $MNET 9000 <"$dir/sent" >"$dir/received" || fail "nc ended with status $?"
    cmp "$dir/sent" "$dir/received" || fail 'what came back is not what was sent'
    end
}
