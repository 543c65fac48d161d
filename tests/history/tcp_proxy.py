"""A TCP proxy that can cut all of its connections at once, or hold what goes through them back for a while."""
import select
import socket
import struct
import threading


class TcpProxy:
    """Forwards connections from a port of its own on loopback to `target` until close()."""

    CHUNK = 65536

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.peers = {}  # each socket's other side
        self.waiting = {}  # what is yet to be sent to a socket
        self.done = set()  # sockets that will send nothing more
        self.stalled = False
        self.wake_read, self.wake_write = socket.socketpair()
        self.wanted = []
        self.closed = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def cut(self):
        """Resets all connections."""
        self.ask(self.cut_now)

    def stall(self, on):
        def change():
            self.stalled = on
        self.ask(change)

    def close(self):
        def stop():
            self.closed = True
        self.ask(stop)
        self.thread.join()

    def ask(self, what):
        self.wanted.append(what)
        self.wake_write.send(b"x")

    def run(self):
        while not self.closed:
            reads = [self.listener, self.wake_read]
            writes = []
            if not self.stalled:
                reads += [one for one in self.peers if one not in self.done and not self.waiting[self.peers[one]]]
                writes = [one for one, content in self.waiting.items() if content]
            readable, writable, _ = select.select(reads, writes, [], 1.0)
            if self.wake_read in readable:
                self.wake_read.recv(64)
                while self.wanted:
                    self.wanted.pop(0)()
                continue
            if self.listener in readable:
                self.accept()
            for one in writable:
                self.guarded(one, self.write)
            for one in readable:
                self.guarded(one, self.read)
        self.cut_now()
        for one in (self.listener, self.wake_read, self.wake_write):
            one.close()

    def accept(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(self.target, 1.0)
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers[one] = other
            self.waiting[one] = b""

    def guarded(self, one, step):
        if one not in self.peers:
            return
        try:
            step(one)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(one)

    def read(self, one):
        content = one.recv(self.CHUNK)
        other = self.peers[one]
        if content:
            self.waiting[other] += content
            return
        self.done.add(one)
        if not self.waiting[other]:
            other.shutdown(socket.SHUT_WR)
        if other in self.done:
            self.drop(one)

    def write(self, one):
        n = one.send(self.waiting[one])
        self.waiting[one] = self.waiting[one][n:]
        if not self.waiting[one] and self.peers[one] in self.done:
            one.shutdown(socket.SHUT_WR)

    def drop(self, one):
        other = self.peers[one]
        for each in (one, other):
            self.peers.pop(each, None)
            self.waiting.pop(each, None)
            self.done.discard(each)
            each.close()

    def cut_now(self):
        for one in list(self.peers):
            # No FIN, a reset.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for one in list(self.peers):
            if one in self.peers:
                self.drop(one)
