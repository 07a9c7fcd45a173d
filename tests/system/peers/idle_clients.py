#!/usr/bin/env python3
"""idle_clients.py ADDRESS COUNT SECONDS - HTTP connections that ask, are idle, and ask again.

Writes "idle" while they are idle, and "done" at the end. Fails if any of them is closed or reset
meanwhile.
"""
import socket
import sys
import time


def ask(client):
    """One request and its whole answer."""
    client.sendall(b'GET /file.txt HTTP/1.1\r\nHost: cores\r\n\r\n')
    answer = b''
    while not answer.endswith(b'text\n'):
        piece = client.recv(4096)
        if not piece:
            sys.exit('the server has closed a connection')
        answer += piece
    if not answer.startswith(b'HTTP/1.1 200 '):
        sys.exit('the answer is ' + repr(answer[:40]))


def main():
    address, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    clients = [socket.create_connection((address, 80), timeout=5) for _ in range(count)]
    for client in clients:
        ask(client)
    print('idle', flush=True)
    time.sleep(seconds)
    for client in clients:
        ask(client)
    print('done', flush=True)


main()
