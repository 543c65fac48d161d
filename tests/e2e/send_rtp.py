#!/usr/bin/env python3
"""Sends RTP packets of 20 ms PCMU, at four times their pace, from one port: send_rtp.py PORT COUNT [FIRST]."""
import socket
import sys

import network


def main(port, count, first=0):
    pace = network.Pace(0.005)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        # The same sender, should it be called again.
        out.bind(("127.0.0.1", port + 1000))
        for number in range(first, first + count):
            payload = bytes((number * 7 + i) & 0xFF for i in range(160))
            out.sendto(network.rtp_packet(number, 160 * number, payload), ("127.0.0.1", port))
            pace.wait()


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
