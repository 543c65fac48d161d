"""Where the daemon is: unix:PATH, HOST:PORT or tls:HOST:PORT, looked for in the same places as the program `melstream`."""
from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import List, Optional

from .errors import DaemonUnavailable, InvalidArgument, PermissionDenied

SYSTEM_SOCKET = "/run/melstream/melstream.sock"
DEFAULT_TCP = "127.0.0.1:50071"
CONNECT_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Address:
    """path of a unix socket, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0
    is_tls: bool = False

    def __str__(self) -> str:
        return "tls:" + self.target if self.is_tls else self.target

    @property
    def target(self) -> str:
        """As gRPC writes it."""
        if self.path:
            return "unix:" + self.path
        return "%s:%d" % ("[%s]" % self.host if ":" in self.host else self.host, self.port)

    @property
    def is_local(self) -> bool:
        return bool(self.path) or self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse(text: str) -> Address:
    """Raises InvalidArgument."""
    if text.startswith("unix:"):
        path = text[len("unix:"):]
        if path.startswith("//"):  # unix:///run/x is gRPC's other way to write unix:/run/x
            path = path[2:]
        if path:
            return Address(path=path)
    is_tls = text.startswith("tls:")
    host, _, port = (text[len("tls:"):] if is_tls else text).rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    wrong_host = not bare or (bare == host and any(one in host for one in ":/[]"))
    if wrong_host or not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise InvalidArgument(
            "%r is not a server: use unix:PATH, HOST:PORT or tls:HOST:PORT, such as unix:%s or %s"
            % (text, SYSTEM_SOCKET, DEFAULT_TCP)
        )
    return Address(host=bare, port=int(port), is_tls=is_tls)


def candidates(given: Optional[str]) -> List[Address]:
    """What to try, in this order: what is given, MELSTREAM_SERVER, the user's socket, the system's, loopback."""
    named = given or os.environ.get("MELSTREAM_SERVER")
    if named:
        return [parse(named)]
    folder = os.environ.get("XDG_RUNTIME_DIR")
    user = [Address(path=folder + "/melstream.sock")] if folder else []
    return user + [Address(path=SYSTEM_SOCKET), parse(DEFAULT_TCP)]


def _try(address: Address) -> None:
    """Raises OSError if nobody listens there."""
    if not address.path:
        socket.create_connection((address.host, address.port), CONNECT_TIMEOUT_S).close()
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
        one.settimeout(CONNECT_TIMEOUT_S)
        one.connect(address.path)


def find(servers: List[Address]) -> Address:
    """The first where somebody listens. Raises DaemonUnavailable, PermissionDenied. Blocks, 3 s an address at most."""
    tried = []
    forbidden = False
    for address in servers:
        try:
            _try(address)
            return address
        except OSError as error:
            forbidden = forbidden or isinstance(error, PermissionError)
            tried.append("\n  %s (%s)" % (address, error.strerror or error))
    if forbidden:
        raise PermissionDenied(
            "you may not talk to the daemon; tried:%s\nAsk for access to the socket (its group), or name another "
            "server: connect(server)" % "".join(tried)
        )
    raise DaemonUnavailable(
        "no daemon answers; tried:%s\nStart one with 'melstreamd' (or 'systemctl start melstreamd'), or name it with "
        "connect(server) or MELSTREAM_SERVER" % "".join(tried)
    )
