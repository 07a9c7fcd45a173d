#!/bin/bash
# Programs of Linux on mnet (tools/mnet-run), with the Linux kernel as the other host.
# shellcheck disable=SC2317 # functions are called by `run`
. "$(dirname "$0")/lib.sh"
enter_namespaces "$@"

LINUX6=fd00::1
MNET6=fd00::2
PORT=7000
peers=$(dirname "$0")/peers
if [ ! -x "$MNET_DEBUG/tools/mnet-run" ]; then
    echo 'skip mnet_run: mnet-run is not built (it needs libseccomp-dev)'
    exit 0
fi

# In namespaces of a user there may be no user notification, which containers often forbid.
if ! "$MNET_DEBUG/tools/mnet-run" --net:service=tap0 --ipv4=$MNET/24 --no-ipv6 -- true 2>"$dir/mnet.err"; then
    echo "skip mnet_run: system calls cannot be answered here ($(tail -n 1 "$dir/mnet.err"))"
    exit 0
fi

sysctl -qw net.ipv6.conf.tap0.disable_ipv6=0 2>/dev/null
ip addr add $LINUX6/64 dev tap0 nodad
# On Linux packets to 10.9.0.0/24 and fd09::/64 are swallowed: nobody holds the other end.
ip tuntap add dev nobody mode tap
ip addr add 10.9.0.1/24 dev nobody
ip addr add fd09::1/64 dev nobody nodad
ip link set nobody up

exec 3>&1 # for demonstrations

# mnet_run PROGRAM ARGUMENT... - on mnet, with the build $BUILD and the options $OPTIONS.
mnet_run()
{
    mnet_run_in_background "$@"
    wait $mnet
}

mnet_run_in_background()
{
    if [ -n "${DEMO+set}" ]; then
        echo "    mnet-run ${OPTIONS:-} -- $*" | head -n 1 >&3
    fi
    # shellcheck disable=SC2086 # words
    "${BUILD:-$MNET_RELEASE}/tools/mnet-run" --net:service=tap0 --ipv4=$MNET/24 ${OPTIONS:---no-ipv6} -- "$@" <&0 &
    mnet=$!
}

# serve PROGRAM ARGUMENT... - a server, in the background, until its port $LISTENS accepts.
serve()
{
    mnet_run_in_background "$@" >"$dir/mnet.out" 2>"$dir/mnet.err"
    await nc -z -w 1 $MNET "$LISTENS"
}

# end_server SIGNAL STATUS - of the program, passed on by mnet-run.
end_server()
{
    kill "-$1" $mnet
    wait $mnet
    status=$?
    [ $status = "$2" ] || fail "mnet-run ended with status $status: $(tail -n 1 "$dir/mnet.err")"
}

# has PROGRAM TEST - whether it is there; otherwise the test is skipped.
has()
{
    command -v "$1" >/dev/null || {
        echo "skip $2: there is no $1"
        return 1
    }
}

# ---- Sockets, call by call ----

# The same program, on Linux and on mnet, sees the same.
sockets()
{
    family=$1
    [ "$family" = 4 ] && server=$LINUX silent=10.9.0.77 quiet=10.0.0.77 || server=$LINUX6 silent=fd09::77 quiet=fd00::77
    "$peers/run_sockets.py" "$family" $server $silent $PORT >"$dir/linux.txt" 2>&1
    BUILD=$MNET_DEBUG OPTIONS=--ipv6=$MNET6/64 mnet_run "$peers/run_sockets.py" "$family" $server $quiet $PORT \
        >"$dir/mnet.txt" 2>"$dir/mnet.err" || fail "mnet-run ended with status $?"
    [ "$(grep -c : "$dir/linux.txt")" -gt 50 ] || fail 'the program did not run on Linux'
    ! grep 'failed with' "$dir/linux.txt" || fail 'the program has failed on Linux'
    diff "$dir/linux.txt" "$dir/mnet.txt" || fail "$(diff "$dir/linux.txt" "$dir/mnet.txt" | sed -n 2,3p | tr '\n' ' ')"
}

# ---- Programs with bugs, and hostile ones ----

abuse()
{
    BUILD=$MNET_DEBUG mnet_run "$peers/run_abuse.py" $LINUX $PORT "$1" >"$dir/output.txt" 2>"$dir/mnet.err" ||
        fail "mnet-run ended with status $?"
    expect "$1: fine" <"$dir/output.txt"
    ! grep Sanitizer "$dir/mnet.err" || fail 'a sanitizer complains'
}

# What is refused is named, once, however often the program tries; one that tries all numbers gets a
# few lines, and takes no room from others.
refusals_are_named()
{
    BUILD=$MNET_DEBUG mnet_run python3 -c '
import ctypes, socket
IP, IPV6, TCP, UDP, NETLINK = 0, 41, 6, 17, 16
def attempt(call, *arguments):
    try:
        call(*arguments)
        print("nothing is refused")
    except OSError:
        pass
tcp, udp, tcp6 = socket.socket(), socket.socket(type=socket.SOCK_DGRAM), socket.socket(socket.AF_INET6)
for turn in range(3):
    attempt(tcp.setsockopt, TCP, 23, 1)
    attempt(tcp.getsockopt, TCP, 23, 100)
    attempt(tcp.setsockopt, IP, 15, 1)
    attempt(tcp6.setsockopt, IPV6, 62, 1)
    attempt(udp.setsockopt, UDP, 103, 1)
    attempt(tcp.setsockopt, 999, 5, 1)
for number in range(1000, 6000):
    attempt(tcp.setsockopt, TCP, number, 1)
for protocol in range(100, 256):
    attempt(socket.socket, socket.AF_INET, socket.SOCK_SEQPACKET, protocol)
attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
attempt(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 1)
with socket.socket(NETLINK, socket.SOCK_RAW, 0) as links:
    links.send(bytes([20, 0, 0, 0, 26, 0, 1, 0]) + bytes(12))
    links.recv(1000)
' >"$dir/output.txt" 2>"$dir/mnet.err" || fail "mnet-run ended with status $?"
    [ ! -s "$dir/output.txt" ] || fail "$(head -n 1 "$dir/output.txt")"
    for text in 'setsockopt(IPPROTO_TCP, TCP_FASTOPEN)' 'getsockopt(IPPROTO_TCP, TCP_FASTOPEN)' \
        'setsockopt(IPPROTO_IP, IP_FREEBIND)' 'setsockopt(IPPROTO_IPV6, IPV6_DONTFRAG)' \
        'setsockopt(IPPROTO_UDP, UDP_SEGMENT)' 'setsockopt(999, 5)' 'setsockopt(IPPROTO_TCP, 1000)' \
        'socket(AF_INET, SOCK_SEQPACKET, 100)' 'socket with SOCK_RAW' 'netlink message RTM_GETROUTE'; do
        [ "$(grep -cF "mnet-run: $text is refused (E" "$dir/mnet.err")" = 1 ] || fail "not one line about $text"
    done
    [ "$(wc -l <"$dir/mnet.err")" -lt 40 ] || fail "$(wc -l <"$dir/mnet.err") lines"
    [ "$(grep -c 'of this kind are left out' "$dir/mnet.err")" = 2 ] || fail 'it does not say that there is more'
}

# ---- Programs ----

python_server()
{
    bytes 50000000 1 >"$dir/large"
    BUILD=$MNET_DEBUG LISTENS=8000 serve python3 -m http.server --directory "$dir" 8000
    curl -s -m 60 -o "$dir/got" http://$MNET:8000/large
    cmp "$dir/large" "$dir/got" || fail 'the file is not the same'
    end_server TERM 143
}

curl_fetches()
{
    bytes 5000000 2 >"$dir/large"
    python3 -m http.server --directory "$dir" 8001 >/dev/null 2>&1 &
    server=$!
    await nc -z $LINUX 8001
    mnet_run curl -s -m 30 -o "$dir/got" http://$LINUX:8001/large || fail "curl ended with status $?"
    cmp "$dir/large" "$dir/got" || fail 'the file is not the same'
    mnet_run curl -s -m 30 http://$LINUX:8002/ && fail 'a closed port answered'
    [ $? = 7 ] || fail 'curl does not say that the connection was refused'
    kill $server
}

netcat_both_ways()
{
    bytes 3000000 3 >"$dir/there"
    bytes 2000000 4 >"$dir/back"
    nc -l -N $LINUX 8003 <"$dir/back" >"$dir/got_there" &
    server=$!
    await sh -c "ss -Hltn 'sport = :8003' | grep -q LISTEN"
    : >"$dir/got_back"
    { cat "$dir/there" && PATIENCE=60 await complete "$dir/got_back" 2000000; } |
        mnet_run nc -N $LINUX 8003 >"$dir/got_back"
    wait $server
    cmp "$dir/there" "$dir/got_there" || fail 'bytes sent differ'
    cmp "$dir/back" "$dir/got_back" || fail 'bytes received differ'
}

# Linux is in TIME-WAIT, with the same ends, as often as a program begins anew. Its answer to a SYN
# below the old window is reset, and the next SYN, a second later, connects.
ends_in_time_wait()
{
    for _ in $(seq 8); do
        mnet_run python3 -c "
import socket
sock = socket.create_connection(('$LINUX', $((PORT + 3))), timeout=4, source_address=('0.0.0.0', 5555))
assert sock.recv(10) == b'bye' and sock.recv(10) == b''
" 2>"$dir/output.txt" || fail "$(tail -n 1 "$dir/output.txt")"
        ss -Htn state time-wait "dport = :5555" | grep -q 5555 || fail 'Linux is not in TIME-WAIT'
    done
}

# The resolver of the C library asks by UDP, at the address that resolv.conf has: in mnet's own
# loopback network there is no server, so the one of --dns takes its place.
names()
{
    dnsmasq --no-hosts --no-resolv --no-daemon --listen-address=$LINUX --bind-interfaces --address=/a.test/10.0.0.1 \
        >/dev/null 2>&1 &
    dns=$!
    await sh -c "ss -lun | grep -q '$LINUX:53 '"
    for server in $LINUX 127.0.0.53; do
        echo "nameserver $server" >"$dir/resolv.conf"
        mount --bind "$dir/resolv.conf" /etc/resolv.conf || fail 'cannot set resolv.conf'
        OPTIONS="--no-ipv6 --dns=$LINUX" mnet_run getent ahostsv4 a.test >"$dir/names.txt"
        umount /etc/resolv.conf
        grep -q '^10.0.0.1 ' "$dir/names.txt" || fail "no answer of $server"
    done
    kill $dns
}

# What the program is told of interfaces is of mnet.
interfaces()
{
    OPTIONS=--ipv6=$MNET6/64 mnet_run hostname -I >"$dir/addresses.txt"
    tr ' ' '\n' <"$dir/addresses.txt" | grep -q "^$MNET6\$" || fail "not the addresses of mnet: $(cat "$dir/addresses.txt")"
    grep -q "^$MNET " "$dir/addresses.txt" || fail "not the address of mnet: $(cat "$dir/addresses.txt")"
    mnet_run python3 -c 'import socket; print(*socket.if_nameindex())' | expect "(1, 'lo') (2, 'mnet0')"
    mnet_run python3 -c "$(
        cat <<'END'
import fcntl, socket, struct
def ask(number):
    return fcntl.ioctl(socket.socket(), number, struct.pack('256s', b'mnet0'))
print(socket.inet_ntoa(ask(0x8915)[20:24]), socket.inet_ntoa(ask(0x891b)[20:24]), struct.unpack('i', ask(0x8921)[16:20])[0])
END
    )" | expect $MNET 255.255.255.0 1500
}

# Three of a hundred frames are lost, and a round trip takes 100 ms.
bad_link()
{
    bytes 200000 7 >"$dir/large"
    python3 -m http.server --directory "$dir" 8008 >/dev/null 2>&1 &
    server=$!
    await nc -z $LINUX 8008
    empty "$dir/stats.txt"
    begun=$(date +%s%N)
    OPTIONS="--no-ipv6 --loss=3% --delay=50ms --stats --capture=$dir/bad.pcapng" mnet_run curl -s -m 60 -o "$dir/got" \
        http://$LINUX:8008/large 2>"$dir/stats.txt" || fail "curl ended with status $?"
    took=$((($(date +%s%N) - begun) / 1000000))
    cmp "$dir/large" "$dir/got" || fail 'the file is not the same'
    [ $took -ge 300 ] || fail "three round trips of 100 ms took only $took ms"
    grep -q 'calls answered' "$dir/stats.txt" || fail 'no line of --stats'
    OPTIONS='--no-ipv6 --rate=8M' mnet_run curl -s -m 60 -o "$dir/got" -w '%{speed_download}' http://$LINUX:8008/large \
        >"$dir/speed.txt"
    [ "$(cat "$dir/speed.txt")" -le 1100000 ] || fail "$(cat "$dir/speed.txt") bytes a second at 8 Mbit/s"
    for wrong in --loss=3 --loss=101% --delay=5 --delay=-1s --rate=fast --rate=0; do
        OPTIONS=$wrong mnet_run true 2>"$dir/mnet.err" && fail "$wrong is no mistake"
        [ "$(wc -l <"$dir/mnet.err")" = 1 ] || fail "not one line about $wrong"
    done
    kill $server
    note "$took ms"
}

# mnet-run is told of each process that ends without a parent. No signal may come between a call and
# its answer.
orphans_end()
{
    mnet_run python3 -c '
import os, socket, threading
def make_orphan():
    if os.fork() == 0:
        os.fork()
        os._exit(0)
    os.wait()
ended = threading.Event()
def make_orphans():
    while not ended.is_set():
        make_orphan()
threading.Thread(target=make_orphans).start()
try:
    for _ in range(3000):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.close()
finally:
    ended.set()
' 2>"$dir/why_not" || fail "$(tail -n 1 "$dir/why_not")"
}

# A program that ends at once has written more than the window of a slow peer takes. mnet-run lends
# the bytes to its connections, and none must be mixed up.
rest_is_delivered()
{
    python3 -c '
import hashlib, socket, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50000)
listener.bind(("", 8009))
listener.listen()
peer, sum, got = listener.accept()[0], hashlib.sha256(), 0
while data := peer.recv(50000):
    sum.update(data)
    got += len(data)
    time.sleep(0.004)
print(got, sum.hexdigest())
' >"$dir/got" &
    reader=$!
    await sh -c 'ss -lnt | grep -q :8009'
    mnet_run python3 -c "
import hashlib, os, random, socket
data = random.Random(1).randbytes(3000000)
socket.create_connection(('$LINUX', 8009)).sendall(data)
print(len(data), hashlib.sha256(data).hexdigest(), flush=True)
os._exit(5)" >"$dir/sent"
    status=$?
    wait $reader
    cmp -s "$dir/sent" "$dir/got" || fail "sent $(cat "$dir/sent"), got $(cat "$dir/got")"
    [ $status = 5 ] || fail "status $status"
}

# If a program has written and closed before mnet-run looks, its last bytes and the FIN are one
# segment.
end_rides_along()
{
    OPTIONS="--no-ipv6 --capture=$dir/end.pcapng" LISTENS=8012 serve python3 -c '
import os, signal, socket
listener, runner = socket.create_server(("", 8012)), os.getppid()
while True:
    peer = listener.accept()[0].detach()
    os.kill(runner, signal.SIGSTOP)
    while open(f"/proc/{runner}/stat").read().split()[2] != "T":
        pass
    os.write(peer, b"page")
    os.close(peer)
    os.kill(runner, signal.SIGCONT)'
    for _ in 1 2 3; do
        [ "$(nc -d -w 5 $MNET 8012)" = page ] || fail 'another page came'
    done
    end_server TERM 143
    ends=$(tshark -r "$dir/end.pcapng" -Y "ip.src == $MNET && tcp.flags.fin == 1 && tcp.len == 4" 2>/dev/null | wc -l)
    [ "$ends" -ge 3 ] || fail "of 3 FINs $ends were in the same segment"
}

# If a program has closed, the rest does not wait for its FIN: the window of a peer may always be
# smaller than a segment.
end_of_small_windows()
{
    ip link set tap0 mtu 9000
    timeout 8 python3 -c '
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
listener.bind(("", 8013))
listener.listen()
peer, got = listener.accept()[0], 0
while data := peer.recv(50000):
    got += len(data)
print(got)' >"$dir/got" &
    reader=$!
    await sh -c 'ss -lnt | grep -q :8013'
    mnet_run python3 -c "import socket; socket.create_connection(('$LINUX', 8013)).sendall(bytes(300000))"
    ip link set tap0 mtu 1500
    wait $reader || fail 'it took more than 8 s'
    expect 300000 <"$dir/got"
}

# What a peer does not take holds up no reset (SO_LINGER with 0 s), and if the program has closed,
# it is kept for the user timeout and no longer.
slow_peer() # OPTION
{
    timeout 20 python3 -c '
import select, socket
peer, poller = socket.create_server(("", 8014)).accept()[0], select.poll()
poller.register(peer, 0)
print([event for _, event in poller.poll(3000)] == [select.POLLERR | select.POLLHUP])' >"$dir/got" &
    peer=$!
    await sh -c 'ss -lnt | grep -q :8014'
    mnet_run python3 -c "
import socket, struct, time
sock = socket.create_connection(('$LINUX', 8014))
sock.settimeout(0.2)
try:
    while True:
        sock.send(bytes(100000))
except TimeoutError:
    sock.setsockopt($1)
sock.close()
time.sleep(1.5)"
    wait $peer
    expect True <"$dir/got"
}

# Peers that take nothing make mnet-run hold what mnet has memory for, and not much more.
peers_that_take_nothing()
{
    python3 -c '
import socket, time
listener = socket.create_server(("", 8015), backlog=256)
time.sleep(60)' &
    peer=$!
    await sh -c 'ss -lnt | grep -q :8015'
    OPTIONS='--no-ipv6 --memory=8M' mnet_run python3 -c "
import os, socket
socks = [socket.create_connection(('$LINUX', 8015), timeout=10) for _ in range(200)]
for turn in range(20):
    for sock in socks:
        sock.setblocking(False)
        try:
            sock.send(bytes(50000))
        except BlockingIOError:
            pass
status = open(f'/proc/{os.getppid()}/status').read()
print(int(status.split('VmRSS:')[1].split()[0]) // 1024, flush=True)
os.kill(os.getppid(), 9)" >"$dir/got" 2>/dev/null
    kill $peer
    [ "$(cat "$dir/got")" -lt 32 ] || fail "mnet-run has $(cat "$dir/got") MiB"
    note "$(cat "$dir/got") MiB"
}

# With --no-delay TCP_NODELAY and TCP_CORK are no calls of mnet-run. All other options are, and so
# are these if the program leaves something in the upper half of an argument.
no_delay()
{
    empty "$dir/stats.txt"
    OPTIONS='--no-ipv6 --no-delay --stats' mnet_run python3 -c '
import ctypes, errno, platform, socket as s
socket = s.socket()
for _ in range(1000):
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, 0)
    socket.setsockopt(s.IPPROTO_TCP, s.TCP_CORK, 1)
assert socket.getsockopt(s.IPPROTO_TCP, s.TCP_NODELAY) == 1
assert socket.getsockopt(s.IPPROTO_TCP, s.TCP_CORK) == 0
for level, option, value in ((s.IPPROTO_TCP, s.TCP_KEEPIDLE, 77), (s.IPPROTO_IP, s.IP_TTL, 7), (s.SOL_SOCKET, s.SO_KEEPALIVE, 1)):
    socket.setsockopt(level, option, value)
    assert socket.getsockopt(level, option) == value, option
for option in (0, 99):
    try:
        socket.setsockopt(s.IPPROTO_TCP, option, 1)
        raise SystemExit("option %d is known" % option)
    except OSError as error:
        assert error.errno == errno.ENOPROTOOPT, error
if platform.machine() == "x86_64":
    SYS_setsockopt = 54
    call = ctypes.CDLL(None, use_errno=True).syscall
    level = ctypes.c_long((1 << 32) + s.IPPROTO_TCP)
    one = ctypes.c_int(1)
    assert call(SYS_setsockopt, socket.fileno(), level, ctypes.c_long(s.TCP_CORK), ctypes.byref(one), 4) == 0
    assert socket.getsockopt(s.IPPROTO_TCP, s.TCP_CORK) == 1
' 2>"$dir/stats.txt" || fail "$(tail -n 1 "$dir/stats.txt")"
    calls=$(sed -n 's/.* \([0-9]*\) calls answered.*/\1/p' "$dir/stats.txt")
    [ "$calls" -lt 100 ] || fail "$calls calls were answered"
    note "$calls calls"
}

# An ordinary user, without a TAP interface.
through_passt()
{
    ip addr add 192.0.2.2/24 dev lo
    ip route add default via 10.0.0.254 dev tap0
    mkdir -p "$dir/www"
    bytes 5000000 6 >"$dir/www/page"
    chmod 755 "$dir" "$dir/www"
    python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" 8006 >/dev/null 2>&1 &
    server=$!
    await nc -z 127.0.0.1 8006
    user=(setpriv --reuid 65534 --regid 65534 --clear-groups "$MNET_RELEASE/tools/mnet-run" --dhcp --no-ipv6)
    # passt leads the router's address to the host's own.
    "${user[@]}" --net:service=passt -- curl -s -m 30 http://10.0.0.254:8006/page >"$dir/got" || fail "curl ended with status $?"
    cmp "$dir/www/page" "$dir/got" || fail 'the file is not the same'
    kill $server
    empty "$dir/served.txt"
    "${user[@]}" --net:service=passt,-t,8007 -- python3 -u -m http.server --directory "$dir/www" 8007 >"$dir/served.txt" 2>&1 &
    server=$!
    # passt accepts connections before the program does.
    await grep -q '^Serving' "$dir/served.txt"
    curl -s -m 30 -o "$dir/got" http://10.0.0.1:8007/page
    cmp "$dir/www/page" "$dir/got" || fail 'the file served is not the same'
    # passt may end before the program does.
    kill "$(pgrep -f '^passt --foreground')"
    sleep 0.5
    ! grep 'fails to receive' "$dir/served.txt" || fail 'the end of passt is taken for a failure'
    kill $server
    wait $server
    [ $? = 143 ] || fail 'it did not end with the program'
    "${user[@]}" --net:service=passt,--nonsense -- true 2>"$dir/mnet.err" && fail 'a wrong option of passt is no mistake'
    grep -q '^passt: ' "$dir/mnet.err" || fail 'no reason is given'
    ip route del default
}

nginx_conf()
{
    mkdir -p "$dir/www"
    bytes 20000 5 >"$dir/www/page"
    cat >"$dir/nginx.conf" <<END
worker_processes 2; daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log notice;
events { worker_connections 1000; }
http {
    access_log off; sendfile on; tcp_nopush on;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir; uwsgi_temp_path $dir; scgi_temp_path $dir;
    server { listen 8080; root $dir/www; }
}
END
    chmod 755 "$dir" "$dir/www"
}

# Each request has a connection of its own. The workers are replaced twice meanwhile.
nginx_reloaded()
{
    nginx_conf
    OPTIONS="--no-ipv6 --capture=$dir/nginx.pcapng" LISTENS=8080 serve nginx -c "$dir/nginx.conf"
    wrk -t1 -c20 -d3 -H 'Connection: close' http://$MNET:8080/page >"$dir/wrk.txt" &
    for _ in 1 2; do
        sleep 1
        kill -HUP "$(cat "$dir/nginx.pid")"
    done
    wait $!
    end_server QUIT 0
    [ "$(grep -c 'gracefully shutting down' "$dir/nginx.log")" -ge 4 ] || fail 'the workers were not replaced'
    ! grep -E 'Socket errors|Non-2xx' "$dir/wrk.txt" || fail "$(grep -E 'Socket errors|Non-2xx' "$dir/wrk.txt")"
    requests=$(awk '/requests in/ {print $1}' "$dir/wrk.txt")
    [ "${requests:-0}" -gt 100 ] || fail "only ${requests:-no} requests"
    sent=$(tshark -r "$dir/nginx.pcapng" -Y "ip.src == $MNET && tcp.srcport == 8080 && tcp.flags.syn == 1" 2>/dev/null | wc -l)
    [ "$sent" -ge "$requests" ] || fail "the capture has $sent connections of $requests"
    note "$requests requests"
}

redis_saves()
{
    LISTENS=6379 serve redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --dir "$dir" --save '' --daemonize no
    redis-benchmark -h $MNET -q --csv -n 20000 -t set,get >"$dir/redis.csv" &
    redis-cli -h $MNET bgsave
    wait $! || fail 'redis-benchmark has failed'
    await grep -q 'Background saving terminated with success' "$dir/mnet.out"
    [ "$(wc -l <"$dir/redis.csv")" -ge 2 ] || fail 'redis-benchmark told no results'
    end_server TERM 0
}

iperf_tcp()
{
    iperf3 -s -1 -p 5201 >"$dir/iperf.txt" &
    server=$!
    await sh -c "ss -ltn | grep -q :5201"
    mnet_run iperf3 -c $LINUX -p 5201 -t 1 ${1:-} --json >"$dir/iperf.json" || fail "iperf3 ended with status $?"
    wait $server
    rate=$(sed -n 's/.*"bits_per_second":[^0-9]*\([0-9]*\)\..*/\1/p' "$dir/iperf.json" | tail -n 1)
    [ "${rate:-0}" -gt 1000000 ] || fail "iperf3 tells no rate"
    note "$((rate / 1000000)) Mbit/s"
}

# echoes PORT - what is sent there comes back, by 4 connections at once.
echoes()
{
    bytes 200000 "$1" >"$dir/sent"
    for i in 1 2 3 4; do
        timeout 20 nc -N $MNET "$1" <"$dir/sent" >"$dir/received.$i" &
        clients[i]=$!
    done
    wait "${clients[@]}"
    for i in 1 2 3 4; do
        cmp "$dir/sent" "$dir/received.$i" || fail "connection $i got something else"
    done
}

# A program that makes its system calls itself, without a C library.
go_server()
{
    cat >"$dir/echo.go" <<'END'
package main

import (
	"io"
	"net"
)

func main() {
	listener, err := net.Listen("tcp", ":8005")
	if err != nil {
		panic(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			io.Copy(client, client)
			client.Close()
		}()
	}
}
END
    CGO_ENABLED=0 GOCACHE="${GOCACHE:-$dir/go}" go build -o "$dir/echo_go" "$dir/echo.go" || fail 'go does not build it'
    LISTENS=8005 serve "$dir/echo_go"
    echoes 8005
    end_server TERM 143
}

java_server()
{
    cat >"$dir/Echo.java" <<'END'
import java.net.*;

public class Echo {
    public static void main(String[] words) throws Exception {
        ServerSocket server = new ServerSocket(8006);
        for (;;) {
            Socket client = server.accept();
            new Thread(() -> {
                try (client) {
                    client.getInputStream().transferTo(client.getOutputStream());
                } catch (Exception e) {
                    e.printStackTrace();
                }
            }).start();
        }
    }
}
END
    LISTENS=8006 serve java "$dir/Echo.java"
    echoes 8006
    end_server TERM 143
}

node_server()
{
    cat >"$dir/server.js" <<'END'
require('http').createServer((request, response) => response.end('from node')).listen(8004);
END
    LISTENS=8004 serve node "$dir/server.js"
    curl -s -m 10 http://$MNET:8004/ | expect from node
    end_server TERM 143
}

# The program's status is mnet-run's.
status_of_the_program()
{
    mnet_run sh -c 'exit 7'
    [ $? = 7 ] || fail 'not the status of the program'
    mnet_run sh -c 'kill -9 $$'
    [ $? = 137 ] || fail 'not the signal of the program'
    mnet_run /nowhere/at/all 2>"$dir/mnet.err"
    [ $? = 127 ] || fail 'a program that is not there'
    grep -q 'No such file' "$dir/mnet.err" || fail 'no reason is given'
    "$MNET_RELEASE/tools/mnet-run" --net:service=tap0 --ipv4=$MNET/24 2>"$dir/mnet.err"
    [ $? = 1 ] || fail 'no program is no mistake'
}

# mnet-run ends with the last process of the program.
daemons_are_awaited()
{
    mnet_run_in_background sh -c 'nc -l 8005 >/dev/null & exit 3' 2>"$dir/mnet.err"
    sleep 1
    kill -0 $mnet 2>/dev/null || fail 'mnet-run did not wait for the process in the background'
    await sh -c "echo x | nc -N -w 1 $MNET 8005"
    wait $mnet
    [ $? = 3 ] || fail 'not the status of the first process'
}

"$peers/run_server.py" $PORT 2>"$dir/server.err" &
await nc -z $LINUX $((PORT + 4))

run 'sockets behave as those of Linux over IPv4' sockets 4
run 'sockets behave as those of Linux over IPv6' sockets 6
for test in sockets_without_end forks_without_end wild_pointers closed_while_reading killed_in_the_middle \
    stopped_in_the_middle interrupted_calls connections_come_and_go refused_by_name; do
    run "abuse: $(echo $test | tr _ ' ')" abuse $test
done
run 'what is refused is named' refusals_are_named
run 'the status of the program' status_of_the_program
run 'processes in the background are awaited' daemons_are_awaited
run 'python3 serves 50 MB' python_server
run 'curl' curl_fetches
run 'netcat in both directions' netcat_both_ways
run 'a peer that is in TIME-WAIT with the same ends' ends_in_time_wait
run 'names are resolved' names
run 'interfaces are those of mnet' interfaces
run 'a bad link' bad_link
run 'processes without parents end' orphans_end
run 'the rest is delivered after the end' rest_is_delivered
run 'the end rides along' end_rides_along
run 'the end, and small windows' end_of_small_windows
run 'a slow peer is reset' slow_peer "socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)"
run 'a slow peer is left' slow_peer 'socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 700'
run 'peers that take nothing' peers_that_take_nothing
run 'nothing is delayed' no_delay
has passt 'through passt' && run 'through passt' through_passt
has nginx 'nginx is reloaded' && has wrk 'nginx is reloaded' && run 'nginx is reloaded' nginx_reloaded
has redis-server 'redis saves in the background' && run 'redis saves in the background' redis_saves
has iperf3 'iperf3' && run 'iperf3 sends' iperf_tcp '' && run 'iperf3 receives' iperf_tcp -R &&
    run 'iperf3 sends datagrams' iperf_tcp '-u -b 200M' && run 'iperf3 receives datagrams' iperf_tcp '-u -R -b 200M'
has node 'Node serves' && run 'Node serves' node_server
has go 'Go serves' && run 'Go serves' go_server
has javac 'Java serves' && run 'Java serves' java_server
