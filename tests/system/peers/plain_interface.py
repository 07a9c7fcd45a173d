"""plain_interface.py NAME... - the interfaces leave nothing to others: checksums are computed, and
segments cut, before a frame is sent. As `ethtool -K NAME rx off tx off tso off gso off gro off`.
"""
import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
# ETHTOOL_SRXCSUM, _STXCSUM, _STSO, _SGSO, _SGRO
COMMANDS = [0x15, 0x17, 0x1f, 0x24, 0x2c]


def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for name in sys.argv[1:]:
            for command in COMMANDS:
                value = array.array('B', struct.pack('II', command, 0))
                request = struct.pack('16sP', name.encode(), value.buffer_info()[0])
                try:
                    fcntl.ioctl(asked, SIOCETHTOOL, request)
                except OSError:
                    pass  # the interface has no such offload


main()
