#!/bin/bash
# gdb as docs/debugging.md promises it: tasks of a Linux process and of a virtual machine.
set -u
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"
script=$(dirname "$0")/../../tools/gdb/mnet.py

# tells_of_tasks GDB-ARGUMENT... - a server with one client: two tasks, where they wait, and how
# they came there.
tells_of_tasks()
{
    gdb -batch -nx "$@" -x "$script" -ex 'mnet tasks' -ex 'mnet bt 1' -ex 'mnet bt 2' >"$dir/gdb" 2>&1
    grep -q '^ *0 main: waiting in mnet_tcp_accept, for ever$' "$dir/gdb" || fail "the first task: $(cat "$dir/gdb")"
    grep -q '^ *1   main: waiting in mnet_tcp_read, for ever$' "$dir/gdb" || fail "the client's task: $(cat "$dir/gdb")"
    grep -q '^#.* in echo (' "$dir/gdb" || fail 'the backtrace misses the function of the program'
    grep -q 'there is no task 2' "$dir/gdb" || fail 'a task that does not exist'
}

# with_client COMMAND... - while a client is connected, which is served before and after.
with_client()
{
    exec 4<>/dev/tcp/$MNET/9000
    echo one >&4
    read -r -t 10 -u 4 answer
    "$@"
    echo two >&4
    read -r -t 10 -u 4 answer
    echo "$answer" | expect two
    exec 4>&-
}

process()
{
    start "$MNET_RELEASE/examples/echo-tap"
    with_client tells_of_tasks -p "$mnet"
    stop
}

machine()
{
    MACHINE=microvm
    machine_command echo
    "${command[@]}" "--ipv4=$MNET/24" -gdb "unix:$dir/gdb.socket,server=on,wait=off" </dev/null >"$dir/mnet.out" 2>"$dir/mnet.err" &
    mnet=$!
    await ping -c 1 -W 1 -q $MNET
    with_client tells_of_tasks "$MNET_RELEASE/examples/echo-virtio.linked" -ex "target remote $dir/gdb.socket"
    kill "$mnet"
}

if ! command -v gdb >/dev/null; then
    echo 'skip gdb_tells_of_tasks: there is no gdb'
    exit 0
fi
run gdb_tells_of_the_tasks_of_a_process process
if [ -x "$MNET_RELEASE/examples/echo-virtio.linked" ]; then
    run gdb_tells_of_the_tasks_of_a_machine machine
else
    echo 'skip gdb_tells_of_the_tasks_of_a_machine: there is no machine'
fi
