#!/usr/bin/env python3
"""run_sockets.py FAMILY SERVER NOBODY PORT [TEST...] - uses sockets in many ways, and prints what
it sees.

FAMILY is 4 or 6. SERVER is the address of the other host, where run_server.py listens on PORT and
on the next ones. NOBODY is an address that does not answer. The lines are the same on every stack
that is right.
"""
import errno
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

FAMILY = socket.AF_INET if sys.argv[1] == '4' else socket.AF_INET6
SERVER = sys.argv[2]
NOBODY = sys.argv[3]
PORT = int(sys.argv[4])
ECHO, CLOSED, RESET, SINK, CALLBACK = PORT, PORT + 1, PORT + 2, PORT + 3, PORT + 4


def name(error):
    return errno.errorcode.get(error, str(error)) if error else '0'


def attempt(function, *arguments):
    """The result of a call, or the name of its error."""
    try:
        return function(*arguments)
    except TimeoutError as error:
        return name(error.errno) if error.errno else 'timeout'
    except OSError as error:
        return name(error.errno)


def events(sock, wanted=select.POLLIN | select.POLLOUT | select.POLLRDHUP, wait=0):
    poller = select.poll()
    poller.register(sock, wanted)
    found = poller.poll(wait)
    bits = found[0][1] if found else 0
    names = [('IN', select.POLLIN), ('OUT', select.POLLOUT), ('RDHUP', select.POLLRDHUP), ('HUP', select.POLLHUP),
             ('ERR', select.POLLERR)]
    return '+'.join(text for text, bit in names if bits & bit) or 'none'


def fresh():
    return socket.socket(FAMILY, socket.SOCK_STREAM)


def connected(port=ECHO):
    sock = fresh()
    sock.connect((SERVER, port))
    return sock


def read_all(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b''.join(parts)


def say(*words):
    print(test_name + ':', *words)
    sys.stdout.flush()


# ---- Connecting ----

def connect_blocking():
    sock = connected()
    say(sock.getpeername()[:2] == (SERVER, ECHO), sock.getsockname()[1] != 0)
    sock.sendall(b'hello')
    say(sock.recv(100), sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    say('again', attempt(sock.connect, (SERVER, ECHO)))


def connect_refused():
    sock = fresh()
    say(attempt(sock.connect, (SERVER, CLOSED)))
    say('peer', attempt(sock.getpeername))
    say('then', attempt(sock.connect, (SERVER, ECHO)))


def connect_nonblocking():
    sock = fresh()
    sock.setblocking(False)
    say(name(sock.connect_ex((SERVER, ECHO))), events(sock, select.POLLOUT, 3000))
    say(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), events(sock))
    say('again', name(sock.connect_ex((SERVER, ECHO))), name(sock.connect_ex((SERVER, ECHO))))
    say(attempt(sock.recv, 10))


def connect_nonblocking_refused():
    sock = fresh()
    sock.setblocking(False)
    say(name(sock.connect_ex((SERVER, CLOSED))), events(sock, select.POLLOUT, 3000))
    say(name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), attempt(sock.getpeername))
    say(name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


def connect_progress():
    sock = fresh()
    sock.setblocking(False)
    say(name(sock.connect_ex((NOBODY, ECHO))), events(sock, wait=100), name(sock.connect_ex((NOBODY, ECHO))))
    poller = select.epoll()
    poller.register(sock, select.EPOLLOUT)
    say('epoll', poller.poll(0.1))


def connect_with_send_buffer():
    """The size that a program gives the send buffer, before it connects and meanwhile."""
    def size_of(sock):
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)

    for server in (NOBODY, SERVER):
        sock = fresh()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 30000)
        sock.connect_ex((server, ECHO))
        say(size_of(sock), events(sock, select.POLLOUT, 3000 if server == SERVER else 0))
        say(size_of(sock))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)
        say(size_of(sock), events(sock, select.POLLOUT))


def connect_timeout():
    sock = fresh()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('qq', 0, 200000))
    start = time.monotonic()
    say(attempt(sock.connect, (NOBODY, ECHO)), 0.15 < time.monotonic() - start < 1)


def connect_bound():
    sock = fresh()
    sock.bind(('', 0))
    sock.connect((SERVER, ECHO))
    sock.sendall(b'bound')
    say(sock.recv(10), sock.getsockname()[1] != 0)


def connect_wrong():
    sock = fresh()
    say(attempt(sock.bind, ('192.0.2.7' if FAMILY == socket.AF_INET else '2001:db8::7', 0)))
    say(attempt(sock.getpeername), attempt(sock.accept))


# ---- Data ----

def echo_large():
    sock = connected()
    data = os.urandom(3000000)
    sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
    sender.start()
    say(read_all(sock) == data)
    sender.join()


def half_close_writing():
    sock = connected()
    sock.sendall(b'question')
    sock.shutdown(socket.SHUT_WR)
    say(read_all(sock), attempt(sock.send, b'x'))


def half_close_reading():
    """The peer sends and closes. Writing goes on until it says that it is gone."""
    sock = connected(SINK)
    say(read_all(sock), events(sock))
    sock.sendall(b'late')
    sock.close()


def peer_resets():
    sock = connected(RESET)
    sock.sendall(b'x')
    say(events(sock, select.POLLIN, 3000))
    say(attempt(sock.recv, 10), attempt(sock.recv, 10), attempt(sock.send, b'x'))


def peer_resets_so_error():
    sock = connected(RESET)
    sock.sendall(b'x')
    events(sock, select.POLLIN, 3000)
    say(name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), attempt(sock.getpeername))
    say(name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), attempt(sock.recv, 10))


def errors_are_told_once():
    """By whatever call comes first."""
    for first in ('read', 'SO_ERROR', 'peek'):
        sock = connected(RESET)
        sock.sendall(b'x')
        events(sock, select.POLLIN, 3000)
        tell = {'read': lambda: attempt(sock.recv, 10), 'peek': lambda: attempt(sock.recv, 10, socket.MSG_PEEK),
                'SO_ERROR': lambda: name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))}
        order = [first] + [other for other in tell if other != first]
        say(order, [tell[other]() for other in order])
    sock = datagrams()
    sock.connect((SERVER, CLOSED))
    sock.send(b'x')
    events(sock, select.POLLIN, 3000)
    say(attempt(sock.recvfrom, 10), name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


def peek_and_waitall():
    sock = connected()
    sock.sendall(b'abcdef')
    say(sock.recv(3, socket.MSG_PEEK), sock.recv(6, socket.MSG_WAITALL), attempt(sock.recv, 1, socket.MSG_DONTWAIT))


def sendfile_and_splice():
    sock = connected()
    with open(sys.argv[0], 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        sent = os.sendfile(sock.fileno(), file.fileno(), 0, size)
        sock.shutdown(socket.SHUT_WR)
        reader, writer = os.pipe()
        got = b''
        while count := os.splice(sock.fileno(), writer, 65536):
            got += os.read(reader, count)
        file.seek(0)
        say(sent == size, got == file.read())


def options():
    sock = fresh()
    for level, option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.IPPROTO_TCP, socket.TCP_CORK),
                          (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                          (socket.SOL_SOCKET, socket.SO_REUSEADDR), (socket.SOL_SOCKET, socket.SO_REUSEPORT)):
        before = sock.getsockopt(level, option)
        sock.setsockopt(level, option, 1)
        say(before, sock.getsockopt(level, option))
    for option, value in ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 4),
                          (socket.TCP_USER_TIMEOUT, 9000)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
        say(sock.getsockopt(socket.IPPROTO_TCP, option))
    say(sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == FAMILY,
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL), sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    say(struct.unpack('ii', sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)))
    say(attempt(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 0))
    say(attempt(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_NODELAY, b'x'))


def tcp_info():
    sock = connected()
    sock.sendall(b'x')
    sock.recv(1)
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    fields = struct.unpack('BBBBBBBB24I', info)
    say('state', fields[0], 'mss', 500 < fields[10] < 65536, 'rtt', fields[23] > 0)
    say(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) > 500)


# ---- Listening ----

def ask_back(port, what='echo'):
    """The server connects to us, and does as it is told."""
    sock = connected(CALLBACK)
    sock.sendall(f'{port} {what}\n'.encode())
    return sock


def listener(port=0, backlog=8, **settings):
    sock = fresh()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.get('reuse_port'):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(('', port))
    sock.listen(backlog)
    return sock


def bound_ports():
    """A port that bind has chosen is the socket's from then on, and free after its end."""
    first, second = fresh(), fresh()
    first.bind(('', 0))
    second.bind(('', 0))
    ports = [sock.getsockname()[1] for sock in (first, second)]
    say(0 not in ports, ports[0] != ports[1], attempt(fresh().bind, ('', ports[0])))
    first.listen()
    say(first.getsockname()[1] == ports[0], attempt(second.bind, ('', 0)))
    second.connect((SERVER, ECHO))
    second.sendall(b'x')
    say(second.recv(1), second.getsockname()[1] == ports[1])
    first.close()
    again = fresh()
    say(attempt(again.bind, ('', ports[0])), attempt(again.listen))
    again.close()


def accept_blocking():
    server = listener()
    ask_back(server.getsockname()[1])
    sock, peer = server.accept()
    sock.sendall(b'hi')
    say(sock.recv(10), peer[0] == SERVER, sock.getpeername() == peer, sock.getsockname()[1] == server.getsockname()[1])
    say(server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), attempt(server.getpeername))


def accept_nonblocking():
    server = listener()
    server.setblocking(False)
    say(attempt(server.accept), events(server, select.POLLIN))
    ask_back(server.getsockname()[1])
    say(events(server, select.POLLIN, 3000))
    sock, _ = server.accept()
    say(events(server, select.POLLIN), attempt(server.accept), sock.getblocking())
    ask_back(server.getsockname()[1])
    say(events(server, select.POLLIN, 3000))


def accept_inherits():
    server = listener()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    ask_back(server.getsockname()[1])
    sock, _ = server.accept()
    say(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))


def accept_in_children():
    """A listener that processes inherit, and the parent closes."""
    server = listener()
    port = server.getsockname()[1]
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            sock, _ = server.accept()
            sock.sendall(b'child')
            os._exit(0 if sock.recv(10) == b'child' else 1)
        children.append(pid)
    server.close()
    clients = [ask_back(port) for _ in children]
    say(sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children), len(clients))


def accept_interrupted():
    server = listener()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError(errno.EINTR, 'alarm')))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    say(attempt(server.accept))
    ask_back(server.getsockname()[1])
    say(server.accept()[0] is not None)


def accept_times_out():
    server = listener()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('qq', 0, 200000))
    say(attempt(server.accept))


def accept_reset():
    """Connections that are reset before accept are accepted, and reading tells it."""
    server = listener()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('qq', 3, 0))
    say(ask_back(server.getsockname()[1], 'reset').recv(5))
    time.sleep(.05)
    say(events(server, select.POLLIN, 0))
    sock, _ = server.accept()
    say(attempt(sock.recv, 10), attempt(sock.recv, 10), events(server, select.POLLIN, 0))


def closed_listener():
    server = listener()
    port = server.getsockname()[1]
    server.close()
    client = ask_back(port, 'report')
    say(client.recv(100))
    again = listener(port)
    ask_back(port)
    say(again.accept()[0] is not None)


def listeners_share_a_port():
    first = listener(reuse_port=True)
    port = first.getsockname()[1]
    second = listener(port, reuse_port=True)
    clients = [ask_back(port) for _ in range(8)]
    got = []
    while len(got) < 8:
        for server in select.select([first, second], [], [], 3)[0]:
            got.append(server.accept()[0])
    say(len(got), len(clients))
    for sock in (first, second):  # what select says of one does not depend on the other
        sock.setblocking(False)
    for _ in range(10):
        clients = [ask_back(port) for _ in range(4)]
        time.sleep(.02)
        got = []
        while len(got) < 4:
            for server in select.select([first, second], [], [], 3)[0]:
                got.append(server.accept()[0])
    second.setblocking(True)
    say(len(got))
    first.close()
    client = ask_back(port)
    say(second.accept()[0] is not None, client is not None)
    for _ in range(20):  # the connection may be meant for the one that is closed
        listener(port, reuse_port=True).close()
        client = ask_back(port)
        say(second.accept()[0] is not None, client is not None)


def port_in_use():
    server = listener()
    sock = fresh()
    say(attempt(lambda: (sock.bind(server.getsockname()), sock.listen(1))))


def port_free_again():
    """The port of a socket that was closed can be had by the next call, each of many times."""
    port = listener().getsockname()[1]
    for _ in range(200):
        listener(port).close()
    sock = datagrams()
    sock.bind(('', 0))
    port = sock.getsockname()[1]
    for _ in range(200):
        sock.close()
        sock = datagrams()
        sock.bind(('', port))
    say('always')


def descriptor_passed():
    server = listener()
    ask_back(server.getsockname()[1])
    sock, _ = server.accept()
    left, right = socket.socketpair()
    if os.fork() == 0:
        _, descriptors, _, _ = socket.recv_fds(right, 1, 1)
        passed = socket.socket(fileno=descriptors[0])
        passed.sendall(b'passed')
        os._exit(0)
    socket.send_fds(left, [b'x'], [sock.fileno()])
    os.wait()
    duplicate = sock.dup()
    sock.close()
    say(duplicate.recv(10), duplicate.getpeername()[0] == SERVER)


def loopback():
    server = listener()
    client = fresh()
    client.connect(('127.0.0.1' if FAMILY == socket.AF_INET else '::1', server.getsockname()[1]))
    sock, peer = server.accept()
    client.sendall(b'inside')
    say(sock.recv(10), peer == client.getsockname())


def mapped_addresses():
    server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.bind(('::', 0))
    server.listen(4)
    client = socket.create_connection(('127.0.0.1', server.getsockname()[1]))
    sock, peer = server.accept()
    say(peer[0], sock.getsockname()[0], client.getpeername()[0])


def many():
    """Hundreds at a time, most of them idle."""
    socks = [connected() for _ in range(400)]
    for sock in socks[::7]:
        sock.sendall(b'm')
    say(len(socks), sum(sock.recv(1) == b'm' for sock in socks[::7]))


# ---- Datagrams ----

LOOPBACK = '127.0.0.1' if FAMILY == socket.AF_INET else '::1'


def datagrams(timeout=5):
    sock = socket.socket(FAMILY, socket.SOCK_DGRAM)
    sock.settimeout(timeout)
    return sock


def pair():
    """Two bound sockets of this host."""
    socks = [datagrams(), datagrams()]
    for sock in socks:
        sock.bind((LOOPBACK, 0))
    return socks


def datagram_connected():
    sock = datagrams()
    sock.connect((SERVER, ECHO))
    sock.send(b'one')
    sock.send(b'two')
    say(sock.recv(10), sock.recv(10), sock.getpeername()[:2] == (SERVER, ECHO))
    local = sock.getsockname()
    say(local[0] not in ('0.0.0.0', '::'), local[1] != 0)
    sock.send(b'read')
    say(events(sock, select.POLLIN, 3000), os.read(sock.fileno(), 10))
    say(attempt(sock.recv, 10, socket.MSG_DONTWAIT), events(sock))


def datagram_with_addresses():
    sock = datagrams()
    sock.sendto(b'hello', (SERVER, ECHO))
    data, peer = sock.recvfrom(10)
    say(data, peer[:2] == (SERVER, ECHO))
    sock.sendmsg([b'in ', b'pieces'], [], 0, (SERVER, ECHO))
    data, control, flags, peer = sock.recvmsg(100)
    say(data, control, flags, peer[:2] == (SERVER, ECHO))


def datagram_refused():
    sock = datagrams()
    sock.connect((SERVER, CLOSED))
    sock.send(b'x')
    say(events(sock, select.POLLIN, 3000) != 'none', attempt(sock.recvfrom, 10))
    sock.send(b'x')
    events(sock, select.POLLIN, 3000)
    say(name(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


def datagram_between_two():
    left, right = pair()
    left.sendto(b'', right.getsockname())
    left.sendto(b'second', right.getsockname())
    left.sendto(bytes(60000), right.getsockname())
    data, peer = right.recvfrom(10)
    say(data, peer == left.getsockname())
    say(right.recvfrom(10, socket.MSG_PEEK)[0], right.recvfrom(3)[0])
    data, _, flags, peer = right.recvmsg(100)
    say(len(data), flags == socket.MSG_TRUNC, peer == left.getsockname())
    say(attempt(left.sendto, bytes(70000), right.getsockname()))


def datagram_unread():
    """Nobody reads: sending goes on, and what finds no room is lost."""
    left, right = pair()
    left.settimeout(None)
    left.connect(right.getsockname())
    for _ in range(3):
        for _ in range(1000):
            left.send(bytes(9000))
        for _ in range(100):
            left.sendto(bytes(9000), right.getsockname())
    say(name(left.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), len(right.recv(100)))


def datagram_senders():
    """Some are read with addresses, and some without."""
    server = pair()[0]
    clients = [pair()[0] for _ in range(5)]
    for turn in range(4):
        for client in clients:
            client.sendto(f'{clients.index(client)} {turn}'.encode(), server.getsockname())
    right = 0
    for turn in range(20):
        if turn % 3 == 0:
            server.recv(10)
        else:
            data, peer = server.recvfrom(10)
            right += peer == clients[int(data.split()[0])].getsockname()
    say(right)


def datagram_awaited():
    left, right = pair()
    right.settimeout(None)
    got = []
    thread = threading.Thread(target=lambda: got.append(right.recvfrom(10)))
    thread.start()
    time.sleep(0.1)
    left.sendto(b'late', right.getsockname())
    thread.join(3)
    say(got[0][0], got[0][1] == left.getsockname())
    right.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('qq', 0, 100000))
    say(attempt(right.recvfrom, 10))


# Level, and option and control message, of the own address, the TTL and the traffic class.
PACKET, TTL, CLASS = ((0, 8, 8), (0, 12, 2), (0, 13, 1)) if FAMILY == socket.AF_INET else \
    ((41, 49, 50), (41, 51, 52), (41, 66, 67))


def datagram_control_messages():
    left, right = pair()
    for level, option, _ in (PACKET, TTL, CLASS):
        right.setsockopt(level, option, 1)
        say(right.getsockopt(level, option), left.getsockopt(level, option))
    there = right.getsockname()
    left.sendmsg([b'x'], [(TTL[0], TTL[2], struct.pack('i', 7)), (CLASS[0], CLASS[2], struct.pack('i', 0x40))], 0, there)
    say(right.recvmsg(100, 200)[:3])
    left.connect(there)
    left.sendmsg([b'x', b'y'], [(CLASS[0], CLASS[2], struct.pack('i', 0x21))])
    left.send(b'plain')
    say(right.recvmsg(100, 200, socket.MSG_PEEK)[:3], right.recvmsg(100, 40)[2], right.recvmsg(100, 200)[1][1:])
    left.send(b'plain')
    say(attempt(right.recvmsg, 100, 100, 0x2000), right.recvfrom(100)[0], attempt(left.sendmsg, [b'x'], [(TTL[0], TTL[2], struct.pack('i', 256))]),
        attempt(left.sendmsg, [b'x'], [(TTL[0], 99, struct.pack('i', 7))]))
    # The own address and the interface of an answer, and a question from that address.
    sock = datagrams()
    sock.setsockopt(PACKET[0], PACKET[1], 1)
    sock.sendto(b'question', (SERVER, ECHO))
    data, [(level, kind, info)], flags, _ = sock.recvmsg(100, 100)
    ipv4 = FAMILY == socket.AF_INET
    own, index = (info[4:8], info[:4]) if ipv4 else (info[:16], info[16:])
    with connected() as known:
        say(data, level, kind, flags, socket.inet_ntop(FAMILY, own) == known.getsockname()[0])
    say(socket.if_indextoname(struct.unpack('i', index)[0]) not in ('', 'lo'))
    sock.sendmsg([b'again'], [(level, kind, info)], 0, (SERVER, ECHO))
    say(sock.recvmsg(100, 100)[0])


def datagram_options():
    sock = datagrams()
    say(sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL))
    say(attempt(sock.listen, 1), attempt(sock.getpeername))
    sock.bind(('', 0))
    say(sock.getsockname()[1] != 0, attempt(datagrams().bind, ('', sock.getsockname()[1])))
    sock.connect((SERVER, ECHO))
    for option in (socket.TCP_CORK, socket.TCP_NODELAY):
        say(attempt(sock.setsockopt, socket.IPPROTO_TCP, option, 1), attempt(sock.getsockopt, socket.IPPROTO_TCP, option))


def datagram_ports_are_shared():
    socks = [datagrams() for _ in range(3)]
    for sock in socks[:2]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    socks[0].bind(('', 0))
    say([attempt(sock.bind, ('', socks[0].getsockname()[1])) for sock in socks[1:]])


def written_before_connect():
    """It reaches nobody. What send returns is not the same: it fails on Linux."""
    sock = fresh()
    attempt(sock.send, b'early')
    sock.connect((SERVER, ECHO))
    sock.sendall(b'late')
    sock.shutdown(socket.SHUT_WR)
    say(read_all(sock))
    sock = datagrams()
    attempt(sock.send, b'early')
    sock.connect((SERVER, ECHO))
    sock.send(b'late')
    say(sock.recv(10))


TESTS = [datagram_connected, datagram_with_addresses, datagram_refused, datagram_between_two, datagram_unread,
         datagram_senders, datagram_awaited, datagram_control_messages, datagram_options,
         datagram_ports_are_shared, written_before_connect,
         connect_blocking, connect_refused, connect_nonblocking, connect_nonblocking_refused, connect_progress,
         connect_with_send_buffer, connect_timeout, connect_bound, connect_wrong, echo_large, half_close_writing,
         half_close_reading, peer_resets, peer_resets_so_error, errors_are_told_once, peek_and_waitall,
         sendfile_and_splice, options, tcp_info, bound_ports, accept_blocking,
         accept_nonblocking, accept_inherits, accept_in_children, accept_interrupted, accept_times_out, accept_reset,
         closed_listener, listeners_share_a_port, port_in_use, port_free_again, descriptor_passed, loopback,
         mapped_addresses, many]

chosen = sys.argv[5:]
for test in TESTS:
    test_name = test.__name__
    if not chosen or test_name in chosen:
        try:
            test()
        except Exception as error:
            say('failed with', type(error).__name__, error)
