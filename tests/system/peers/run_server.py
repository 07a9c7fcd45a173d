#!/usr/bin/env python3
"""run_server.py PORT - the other host of run_sockets.py, over both families, on Linux.

On PORT it sends back what it gets, by TCP and UDP. PORT + 1 is closed. On PORT + 2 it resets a
connection after its first byte. On PORT + 3 it says "bye" and ends its direction. On PORT + 4 it
reads a line "PORT WHAT" and connects to that port of its client; then it sends back what it gets
there. If WHAT is "report", it says to the client what became of the attempt, and if it is "reset",
it resets the connection and says so.
"""
import errno
import socket
import struct
import sys
import threading

PORT = int(sys.argv[1])


def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.close()


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def reset(sock):
    sock.recv(1)
    abort(sock)


def sink(sock):
    sock.sendall(b'bye')
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65536):
        pass
    sock.close()


def callback(sock):
    port, what = sock.makefile().readline().split()
    try:
        back = socket.create_connection((sock.getpeername()[0], int(port)), timeout=5)
        back.settimeout(None)
    except OSError as error:
        sock.sendall(errno.errorcode.get(error.errno, str(error)).encode())
        return
    if what == 'reset':
        abort(back)
        sock.sendall(b'reset')
        return
    if what == 'report':
        sock.sendall(b'connected')
    echo(back)


def serve(port, answer):
    def answer_quietly(sock):
        try:
            answer(sock)
        except OSError:
            pass

    server = socket.create_server(('::', port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
    while True:
        sock, _ = server.accept()
        threading.Thread(target=answer_quietly, args=(sock,), daemon=True).start()


def datagram_server():
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(('::', PORT))
    return server


def echo_datagrams(server):
    while True:
        data, peer = server.recvfrom(65536)
        server.sendto(data, peer)


threading.stack_size(256 * 1024)
threading.Thread(target=echo_datagrams, args=(datagram_server(),), daemon=True).start()
for offset, answer in ((0, echo), (2, reset), (3, sink)):
    threading.Thread(target=serve, args=(PORT + offset, answer), daemon=True).start()
serve(PORT + 4, callback)
