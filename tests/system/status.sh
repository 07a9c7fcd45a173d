#!/bin/bash
# mnet-ss asks a running process, and a machine, for their connections.
# waits: for programs to start, and for the next view of mnet-ss.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
ss=$MNET_DEBUG/tools/mnet-ss
socket=$dir/status

# connect_three - three connections to the echo server, each with a byte that came back.
connect_three()
{
    for i in 1 2 3; do
        { echo hello && sleep 30; } | nc $MNET 9000 >"$dir/client.$i" &
        await grep -q hello "$dir/client.$i"
    done
}

shows_connections()
{
    start "$MNET_DEBUG/examples/echo-tap" --status="$socket"
    "$ss" -a "$socket" >"$dir/idle" || fail 'it shows nothing'
    grep -q '^LISTEN  *0  *[0-9]*  *0\.0\.0\.0:9000  *\*$\|^LISTEN .*\[*::\]*:9000 .*\*$' "$dir/idle" || fail "$(cat "$dir/idle")"
    connect_three
    "$ss" "$socket" >"$dir/three" || fail 'it shows nothing'
    [ "$(grep -c "^ESTABLISHED  *0  *0  *$MNET:9000  *$LINUX:" "$dir/three")" = 3 ] || fail "$(cat "$dir/three")"
    ! grep -q LISTEN "$dir/three" || fail 'a listener is shown that nobody asked for'
    "$ss" -l "$socket" >"$dir/listening" || fail 'it shows nothing'
    ! grep -q ESTABLISHED "$dir/listening" || fail 'a connection is shown that nobody asked for'
    "$ss" -i "$socket" | grep -q 'cubic rtt:[0-9.]*/[0-9.]* ms .* mss:1448 pmtu:1500 cwnd:[0-9]* ' || fail "$("$ss" -i "$socket")"
    [ "$(stat -c %a "$socket")" = 600 ] || fail "others may ask: $(stat -c %a "$socket")"
    stop
    [ ! -e "$socket" ] || fail 'the socket has stayed'
}

again_and_again()
{
    start "$MNET_DEBUG/examples/echo-tap" --status="$socket"
    timeout 2 "$ss" -w "$socket" >"$dir/watched"
    [ "$(grep -c ^State "$dir/watched")" -ge 2 ] || fail "$(cat "$dir/watched")"
    stop
}

# Those who ask for nothing, or for something else, keep nobody out.
silent_and_wrong_clients()
{
    start "$MNET_DEBUG/examples/echo-tap" --status="$socket"
    sleep 20 | nc -U "$socket" >/dev/null &
    silent=$!
    head -c 100000 /dev/zero | nc -NU "$socket" >"$dir/wrong"
    [ ! -s "$dir/wrong" ] || fail 'a wrong question has an answer'
    "$ss" -a "$socket" | grep -q LISTEN || fail 'it does not answer'
    kill $silent
    echo hello | timeout 5 nc -N $MNET 9000 | grep -q hello || fail 'it does not serve'
    stop
}

# The socket of a process that was killed is taken over, that of one that runs is not.
socket_is_taken_over()
{
    start "$MNET_DEBUG/examples/echo-tap" --status="$socket"
    timeout 5 "$MNET_DEBUG/examples/01_hello-tap" --net:service=lo --status="$socket" 2>"$dir/second"
    [ $? = 1 ] || fail 'a second process has the same socket'
    [ "$(cat "$dir/second")" = "--status=$socket: Address already in use" ] || fail "$(cat "$dir/second")"
    kill -9 $mnet
    wait $mnet
    start "$MNET_DEBUG/examples/echo-tap" --status="$socket"
    "$ss" -a "$socket" | grep -q LISTEN || fail 'it does not answer'
    stop
    echo precious >"$dir/file"
    timeout 5 "$MNET_DEBUG/examples/01_hello-tap" --net:service=lo --status="$dir/file" 2>"$dir/second"
    [ "$(cat "$dir/file")" = precious ] || fail 'a file is gone'
}

machine_on_its_console()
{
    MACHINE=microvm machine_command echo
    for i in "${!command[@]}"; do
        [[ ${command[i]} != stdio,* ]] || command[i]="socket,id=console,path=$socket,server=on,wait=off"
    done
    "${command[@]}" "--ipv4=$MNET/24 --status=console" >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    connect_three
    "$ss" -a "$socket" >"$dir/three" || fail 'it shows nothing'
    [ "$(grep -c "^ESTABLISHED .*$MNET:9000 .*$LINUX:" "$dir/three")" = 3 ] || fail "$(cat "$dir/three")"
    grep -q ^LISTEN "$dir/three" || fail 'it shows no listener'
    kill $mnet
    wait $mnet
}

# says TEXT ARGUMENT... - mnet-ss ends with status 1 and this line.
says()
{
    "$ss" "${@:2}" >"$dir/out" 2>&1
    [ $? = 1 ] || fail "status $?"
    [ "$(cat "$dir/out")" = "$1" ] || fail "it said: $(cat "$dir/out")"
}

wrong_words()
{
    says 'mnet-ss: SOCKET: expected the file of --status=FILE; see --help'
    says "mnet-ss: $dir/none: No such file or directory" "$dir/none"
    says 'mnet-ss: -x: there is no such option; see --help' -x "$socket"
    says 'mnet-ss: --watch=x: expected seconds, 0.05 to 86400' --watch=x "$socket"
    says 'mnet-ss: b: expected only one socket' a b
}

run connections_of_a_process_are_shown shows_connections
run connections_are_shown_again_and_again again_and_again
run silent_and_wrong_clients_keep_nobody_out silent_and_wrong_clients
run socket_of_a_killed_process_is_taken_over socket_is_taken_over
if command -v qemu-system-x86_64 >/dev/null && [ -x "$MNET_RELEASE/examples/echo-virtio" ]; then
    run connections_of_a_machine_are_shown machine_on_its_console
else
    echo 'skip connections_of_a_machine_are_shown: there is no QEMU, or no image'
fi
run wrong_words_are_told wrong_words
