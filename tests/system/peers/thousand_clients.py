"""thousand_clients HOST COUNT - so many clients are connected at once. Each asks for a page that
counts its visits, so all answers differ."""
import re
import socket
import sys

VISIT = re.compile(rb'1\.00 au, 1 moons, visit ([0-9]+)\n$')


def visit(client):
    answer = b''
    while not VISIT.search(answer):
        answer += client.recv(1000) or sys.exit('a connection was closed early')
    return int(VISIT.search(answer)[1])


def main():
    host, count = sys.argv[1], int(sys.argv[2])
    clients = [socket.create_connection((host, 80), timeout=60) for _ in range(count)]
    for client in clients:
        client.sendall(b'GET /Earth HTTP/1.1\r\n\r\n')
    visits = {visit(client) for client in clients}
    if visits != set(range(1, count + 1)):
        sys.exit(f'{len(visits)} different answers')


main()
