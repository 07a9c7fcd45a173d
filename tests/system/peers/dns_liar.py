#!/usr/bin/env python3
"""dns_liar ADDRESS OTHER - a DNS server at ADDRESS that tells lies, in datagrams and over TCP.

The first label of a name says how: before the true answer there come answers that no client may
believe, or it comes late, or in pieces. Each name has the address ADDRESS, and lies say LIE. OTHER
is a further address of this host.
"""
import selectors
import socket
import struct
import sys
import time

LIE = '10.0.0.77'
A, AAAA, SOA = 1, 28, 6
RESPONSE = 0x8180
TRUNCATED = 0x0200


def question_of(query):
    """(name as it came, type, the bytes of the question)."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    kind, = struct.unpack('!H', query[at + 1:at + 3])
    return labels, kind, query[12:at + 5]


def message(query, question, records=(), flags=RESPONSE, counts=None):
    identifier = query[:2]
    return identifier + struct.pack('!5H', flags, *(counts or (1, len(records), 0, 0))) + question + b''.join(records)


def record(kind, address, name=b'\xc0\x0c'):
    data = socket.inet_aton(address)
    return name + struct.pack('!HHIH', kind, 1, 60, len(data)) + data


def changed(query):
    return bytes([query[0] ^ 0xff]) + query[1:]


def other_case(question):
    return bytes(byte ^ 0x20 if chr(byte).isalpha() else byte for byte in question[:-4]) + question[-4:]


def lies(how, query, question, kind):
    """The messages that come before the true answer."""
    lie = [record(A, LIE)] if kind == A else []
    truth = message(query, question, lie)
    if how == 'wrong-id':
        return [message(changed(query), question, lie)]
    if how == 'wrong-question':
        return [message(query, b'\x05other' + question, lie), message(query, question[:-4] + struct.pack('!HH', 16, 1), lie)]
    if how == 'no-question':
        return [message(query, b'', lie, counts=(0, 1, 0, 0))]
    if how == 'loop':
        here = 12 + len(question)
        return [message(query, question, [record(A, LIE, struct.pack('!H', 0xc000 | here))]),
                message(query, question, [record(A, LIE, b'\x01a' + struct.pack('!H', 0xc000 | here))])]
    if how == 'counts':
        return [message(query, question, lie, counts=(1, 0xffff, 0xffff, 0xffff)), message(query, question, lie, counts=(0xffff, 1, 0, 0))]
    if how == 'short':
        return [truth[:length] for length in (0, 1, 11, 12, len(truth) - 1)]
    if how == 'query':
        return [query]
    if how == 'flood':
        return [message(changed(query), question, lie)] * 30
    if how == 'case':
        return [message(query, other_case(question), lie)]
    return []


def true_answer(query, question, kind, address):
    return message(query, question, [record(A, address)] if kind == A else [])


class Liar:
    def __init__(self, address, other):
        self.address = address
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.strange_port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.strange_port.bind((address, 5353))
        self.strange_address = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.strange_address.bind((other, 53))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, 53))
        self.tcp.listen()

    def answer_datagram(self):
        query, client = self.udp.recvfrom(4096)
        labels, kind, question = question_of(query)
        how = labels[0].decode().lower()
        for lie in lies(how, query, question, kind):
            self.udp.sendto(lie, client)
        if how == 'wrong-source' and kind == A:
            for strange in (self.strange_port, self.strange_address):
                strange.sendto(message(query, question, [record(A, LIE)]), client)
        if how == 'late':
            time.sleep(0.8)
        if how in ('flood', 'case'):
            return  # the client has seen that something is wrong, and comes by TCP
        if how == 'pieces':
            # What a truncated answer says does not count either.
            self.udp.sendto(message(query, question, [record(A, LIE)] if kind == A else [], RESPONSE | TRUNCATED), client)
            return
        time.sleep(0.02)
        self.udp.sendto(true_answer(query, question, kind, self.address), client)

    def answer_stream(self):
        """Each connection's questions, one after the other, byte by byte."""
        stream, _ = self.tcp.accept()
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.settimeout(0.5)
        try:
            while True:
                length = stream.recv(2, socket.MSG_WAITALL)
                if len(length) < 2:
                    break
                query = stream.recv(struct.unpack('!H', length)[0], socket.MSG_WAITALL)
                _, kind, question = question_of(query)
                answer = true_answer(query, question, kind, self.address)
                for byte in struct.pack('!H', len(answer)) + answer:
                    stream.send(bytes([byte]))
                    time.sleep(0.001)
        except OSError:
            pass
        stream.close()

    def serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self.udp, selectors.EVENT_READ, self.answer_datagram)
        selector.register(self.tcp, selectors.EVENT_READ, self.answer_stream)
        print('started', flush=True)
        while True:
            for key, _ in selector.select():
                key.data()


Liar(*sys.argv[1:]).serve()
