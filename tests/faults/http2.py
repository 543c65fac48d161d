"""HTTP/2 by hand, for what no library sends. Frames of RFC 9113, headers by hpack (python3-hpack, which python3-h2 brings)."""
import socket
import struct
import threading

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
ACK = END_STREAM = 1
END_HEADERS = 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def message(content, compressed=False, claimed=None):
    """A message of gRPC; claimed: the length that its prefix tells, if it shall lie."""
    return struct.pack(">BI", compressed, len(content) if claimed is None else claimed) + content


class Connection:
    """A client's connection, past the handshake. All that comes back is kept, so that the server is never held back."""

    def __init__(self, address):
        """address: (host, port), or the path of a unix socket."""
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.received = []  # (kind, flags, stream, payload)
        self.closed = threading.Event()
        self.arrived = threading.Condition()
        self.encoder = hpack.Encoder()
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self):
        content = b""
        try:
            while True:
                more = self.socket.recv(1 << 16)
                if not more:
                    break
                content += more
                while len(content) >= 9:
                    size = int.from_bytes(content[:3], "big")
                    if len(content) < 9 + size:
                        break
                    kind, flags, stream = struct.unpack(">BBI", content[3:9])
                    with self.arrived:
                        self.received.append((kind, flags, stream, content[9:9 + size]))
                        self.arrived.notify_all()
                    content = content[9 + size:]
        except OSError:
            pass
        self.closed.set()
        with self.arrived:
            self.arrived.notify_all()

    def send(self, content):
        """False once the server has closed."""
        try:
            self.socket.sendall(content)
            return True
        except OSError:
            return False

    def request_headers(self, path, *more):
        return self.encoder.encode([(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
                                    ("content-type", "application/grpc"), ("te", "trailers"), *more])

    def call(self, path, content, *more, stream=1):
        """Sends a call with one message and half-closes it."""
        sent = self.send(frame(HEADERS, END_HEADERS, stream, self.request_headers(path, *more)))
        for at in range(0, len(content), 16384):
            last = at + 16384 >= len(content)
            sent = sent and self.send(frame(DATA, END_STREAM if last else 0, stream, content[at:at + 16384]))
        return sent

    def answered(self, stream=1, seconds=20):
        """Whether that stream was answered to its end, or the connection closed."""
        def done():
            return self.closed.is_set() or any(
                one[2] == stream and (one[0] == RST_STREAM or (one[0] in (HEADERS, DATA) and one[1] & END_STREAM))
                for one in self.received) or any(one[0] == GOAWAY for one in self.received)
        with self.arrived:
            return self.arrived.wait_for(done, seconds)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
