# What the scripts that boot programs of a C library as machines share; sourced, not run. They set
# `folder`, where images and the console's text are, and `accelerator`, arguments of QEMU.
machines=()
trap '[ ${#machines[@]} = 0 ] || kill "${machines[@]}" 2>/dev/null; wait' EXIT
trap 'exit 0' INT TERM

fail()
{
    echo "$(basename "$0"): $1" >&2
    [ ! -e "$folder/console" ] || cat "$folder/console" >&2
    exit 1
}

# boot IMAGE MIB HOST-PORT PORT TEXT WORD... - a machine in the background, with these words and the
# files of $folder/content.tar, until it says TEXT. QEMU's user-mode network forwards HOST-PORT of
# 127.0.0.1 to its PORT.
boot()
{
    : >"$folder/console"
    qemu-system-x86_64 "${accelerator[@]}" -M microvm -m "$2" -nodefaults -no-user-config -display none -no-reboot \
        -device isa-debug-exit -serial stdio -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$3-:$4" \
        -device virtio-net-device,netdev=n -kernel "$1" -initrd "$folder/content.tar" \
        -append "--dhcp ${*:6}" </dev/null >"$folder/console" 2>&1 &
    machines+=($!)
    for _ in $(seq 300); do
        ! grep -q "$5" "$folder/console" || return 0
        kill -0 "${machines[-1]}" 2>/dev/null || fail "$(basename "$1") ended"
        sleep 0.1
    done
    fail "$(basename "$1") does not listen"
}

# fetch TEXT ARGUMENT... - by curl, a page that contains TEXT.
fetch()
{
    page=$(curl -sS -m 20 "${@:2}") || fail "curl ${*:2}"
    echo "\$ curl ${*:2}"
    echo "$page"
    case $page in
    *"$1"*) ;;
    *) fail "the page has no '$1'" ;;
    esac
}

# On a terminal the machines serve until Ctrl-C.
serve()
{
    if [ -t 1 ]; then
        echo 'serving until Ctrl-C'
        wait
    fi
}
