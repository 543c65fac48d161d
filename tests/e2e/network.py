"""Ports, and senders of ours for what no foreign software sends."""
import socket
import struct
import time


def free_port(kind=socket.SOCK_STREAM):
    """A port of loopback that is free now."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def free_udp_port():
    """An even one, as RTP takes it."""
    while True:
        port = free_port(socket.SOCK_DGRAM)
        if port % 2 == 0:
            return port


def rtp_packet(sequence, timestamp, payload, payload_type=0, ssrc=0x1A2B3C4D, marker=False):
    """RFC 3550 section 5.1, without CSRCs and extension."""
    return struct.pack(">BBHII", 0x80, payload_type | (0x80 if marker else 0), sequence & 0xFFFF, timestamp & 0xFFFFFFFF,
                       ssrc) + payload


class Pace:
    """Waits until each next step of so many seconds begins: a sender's own clock."""

    def __init__(self, step_s):
        self.step_s = step_s
        self.next_s = time.monotonic()

    def wait(self):
        self.next_s += self.step_s
        time.sleep(max(0.0, self.next_s - time.monotonic()))
