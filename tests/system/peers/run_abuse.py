#!/usr/bin/env python3
"""run_abuse.py SERVER PORT [TEST...] - does to mnet-run what a program with bugs, or a hostile one,
does. Each test ends with a line `NAME: fine`, or says what was wrong.

It runs as the first program of mnet-run, which is its parent. run_server.py is on SERVER.
"""
import ctypes
import errno
import gc
import mmap
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

SERVER = sys.argv[1]
PORT = int(sys.argv[2])
RESET, SINK, CALLBACK = PORT + 2, PORT + 3, PORT + 4
SUPERVISOR = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)


def expect(what, condition):
    if not condition:
        raise AssertionError(what)


def supervisor_descriptors():
    return len(os.listdir(f'/proc/{SUPERVISOR}/fd'))


def connected(port=PORT):
    return socket.create_connection((SERVER, port), timeout=10)


def works():
    """Another program's connection goes on."""
    with connected() as sock:
        sock.sendall(b'still here')
        expect('echo', sock.recv(100) == b'still here')


def listener():
    return socket.create_server(('0.0.0.0', 0), backlog=64)


def ask_back(port):
    sock = connected(CALLBACK)
    sock.sendall(f'{port} echo\n'.encode())
    return sock


def child(function):
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(0)
    return pid


def settled(before):
    """All that the tests opened is closed in mnet-run, too."""
    for _ in range(100):
        if supervisor_descriptors() <= before:
            return True
        time.sleep(0.05)
    return False


def sockets_without_end():
    """Until the process may have no more, and then in many processes until mnet-run has no more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    socks = []
    try:
        while True:
            socks.append(socket.socket())
    except OSError as error:
        expect('EMFILE', error.errno == errno.EMFILE)
    for sock in socks:
        sock.close()

    def take_all():
        kept = []
        try:
            while True:
                kept.append(socket.socket())
        except OSError:
            pass
        time.sleep(1)

    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    pids = [child(take_all) for _ in range(8)]
    time.sleep(0.5)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def forks_without_end():
    """Children that wait in accept, and are killed there."""
    server = listener()
    for _ in range(6):
        pids = [child(server.accept) for _ in range(50)]
        time.sleep(0.1)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    client = ask_back(server.getsockname()[1])
    server.settimeout(5)
    server.accept()[0].close()
    client.close()
    server.close()


def wild_pointers():
    """No address that leads nowhere does more than fail."""
    pages = mmap.mmap(-1, 8192, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    edge = ctypes.addressof(ctypes.c_char.from_buffer(pages)) + 4096
    expect('mprotect', libc.mprotect(ctypes.c_void_p(edge), 4096, 0) == 0)
    good = ctypes.create_string_buffer(256)
    size = ctypes.c_int(128)
    pointers = [0, 1, -1, edge, 1 << 46, 1 << 47, -4096, ctypes.addressof(good)]
    lengths = [0, 1, 2, 15, 16, 28, 128, 129, 4096, 1 << 20, 1 << 31, -1]
    calls = ['bind', 'connect', 'accept', 'getsockname', 'getpeername']
    dice = random.Random(1)
    server = listener()
    server.setblocking(False)
    flow = connected()
    for _ in range(4000):
        sock = dice.choice([server, flow, socket.socket()])
        sock.setblocking(False)
        name = dice.choice(calls)
        a = dice.choice(pointers)
        b = dice.choice(lengths) if name in ('bind', 'connect') else dice.choice(pointers + [ctypes.addressof(size)])
        size.value = dice.choice(lengths) & 0x7fffffff
        getattr(libc, name)(sock.fileno(), ctypes.c_void_p(a), ctypes.c_void_p(b))
    for _ in range(4000):
        level, option = dice.choice([0, 1, 6, 41, 999]), dice.randrange(64)
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            continue
        libc.getsockopt(flow.fileno(), level, option, ctypes.c_void_p(dice.choice(pointers)),
                        ctypes.c_void_p(dice.choice(pointers + [ctypes.addressof(size)])))
        libc.setsockopt(socket.socket().fileno(), level, option, ctypes.c_void_p(dice.choice(pointers)),
                        ctypes.c_int(dice.choice(lengths) & 0x7fffffff))
    libc.getsockname(flow.fileno(), ctypes.c_void_p(edge), ctypes.byref(size))
    sock = socket.socket()
    expect('EFAULT', libc.bind(sock.fileno(), ctypes.c_void_p(edge), 16) == -1 and ctypes.get_errno() == errno.EFAULT)


def closed_while_reading():
    """Other threads close the descriptors in which a thread waits."""
    for _ in range(20):
        server, flow = listener(), connected()
        threads = [threading.Thread(target=quiet, args=(call,)) for call in (server.accept, lambda: flow.recv(10))]
        for thread in threads:
            thread.start()
        time.sleep(0.01)
        flow.shutdown(socket.SHUT_RDWR)
        server.shutdown(socket.SHUT_RDWR)
        flow.close()
        server.close()
        for thread in threads:
            thread.join(5)
            expect('thread ends', not thread.is_alive())


def quiet(function):
    try:
        function()
    except OSError:
        pass


def killed_in_the_middle():
    """In connect, accept, a transfer, and between."""
    def transfer():
        sock = connected()
        threading.Thread(target=lambda: sock.sendall(bytes(50000000)), daemon=True).start()
        while sock.recv(65536):
            pass

    def connect_nowhere():
        socket.create_connection(('10.0.0.77', 1))

    def busy():
        while True:
            socket.socket().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    for delay in (0.02, 0.1, 0.3):
        pids = [child(function) for function in (transfer, transfer, connect_nowhere, listener().accept, busy)]
        time.sleep(delay)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def stopped_in_the_middle():
    """A stopped process takes nothing from the others."""
    def flood():
        sock = connected()
        sender = threading.Thread(target=lambda: sock.sendall(bytes(30000000)), daemon=True)
        sender.start()
        time.sleep(100)

    pids = [child(flood) for _ in range(3)]
    time.sleep(0.5)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for _ in range(20):
        works()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def interrupted_calls():
    """Signals at any time; calls are begun anew by the kernel."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    end = time.monotonic() + 2
    try:
        while time.monotonic() < end:
            works()
        server = listener()
        client = ask_back(server.getsockname()[1])
        server.accept()[0].close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    client.close()
    server.close()


def connections_come_and_go():
    """Resets and closes on both sides, thousands of them."""
    for turn in range(300):
        sock = connected(dict([(0, PORT), (1, RESET), (2, SINK)])[turn % 3])
        sock.sendall(b'x')
        if turn % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        if turn % 5:
            quiet(lambda: sock.recv(10))
        sock.close()


def refused_by_name():
    """The kinds of sockets that would reach the host's network."""
    for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_PACKET, socket.SOCK_RAW)):
        try:
            socket.socket(family, kind, 1)
            expect('refused', False)
        except OSError as error:
            expect('EPERM', error.errno == errno.EPERM)
    expect('io_uring', libc.syscall(425, 8, ctypes.create_string_buffer(120)) == -1 and ctypes.get_errno() == errno.EPERM)


TESTS = [sockets_without_end, forks_without_end, wild_pointers, closed_while_reading, killed_in_the_middle,
         stopped_in_the_middle, interrupted_calls, connections_come_and_go, refused_by_name]

works()
for test in TESTS:
    if sys.argv[3:] and test.__name__ not in sys.argv[3:]:
        continue
    before = supervisor_descriptors()
    try:
        test()
        works()
        gc.collect()
        expect(f'{supervisor_descriptors()} descriptors instead of {before}', settled(before))
        print(f'{test.__name__}: fine')
    except Exception as error:
        print(f'{test.__name__}: {type(error).__name__} {error}')
    sys.stdout.flush()
