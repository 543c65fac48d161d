"""A UDP proxy that drops, delays, doubles and reorders packets by a seed, and remembers what it did. It decides by the
packet's number alone, so that a seed always means the same."""
import random
import select
import socket
import threading


class ChaosProxy:
    """Forwards datagrams from a port of its own on loopback to `target` until close(). `drop`, `double` and `hold` are
    probabilities; a held packet goes out after `hold_packets` later ones. The first and the last `calm` packets pass."""

    def __init__(self, target, seed, drop=0.0, double=0.0, hold=0.0, hold_packets=2, calm=5, n_packets=10 ** 9):
        self.target = target
        self.random = random.Random(seed)
        self.chances = (drop, double, hold)
        self.hold_packets = hold_packets
        self.calm = calm
        self.n_packets = n_packets
        self.received = []  # every packet, as it came
        self.dropped = set()  # numbers of those that never went out
        self.doubled = set()
        self.held = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stop_read, self.stop_write = socket.socketpair()
        self.waiting = []  # (number of the packet after which it goes out, packet)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            ready, _, _ = select.select([self.socket, self.stop_read], [], [])
            if self.stop_read in ready:
                return
            self.forward(self.socket.recv(65536))

    def forward(self, packet):
        number = len(self.received)
        self.received.append(packet)
        draws = [self.random.random() for _ in range(3)]
        drop, double, hold = (draw < chance for draw, chance in zip(draws, self.chances))
        if number < self.calm or number >= self.n_packets - self.calm:
            drop = double = hold = False
        if drop:
            self.dropped.add(number)
        elif hold:
            self.held.add(number)
            self.waiting.append((number + self.hold_packets, packet))
        else:
            self.out.sendto(packet, self.target)
            if double:
                self.doubled.add(number)
                self.out.sendto(packet, self.target)
        due = [one for one in self.waiting if one[0] <= number]
        self.waiting = [one for one in self.waiting if one[0] > number]
        for _, late in due:
            self.out.sendto(late, self.target)

    def close(self):
        self.stop_write.send(b"x")
        self.thread.join()
        for one in (self.socket, self.out, self.stop_read, self.stop_write):
            one.close()
