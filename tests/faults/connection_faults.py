"""Connections beyond what is possible."""
import select
import socket
import time

import harness
from fault import WITNESSED, Measured, expect, fault, n_descriptors, rss_bytes, serves, tcp_port


def connect_all(port, n):
    peers = []
    for _ in range(n):
        peer = socket.socket()
        peer.setblocking(False)
        peer.connect_ex(("127.0.0.1", port))
        peers.append(peer)
    return peers


@fault()
def out_of_descriptors():
    """300 connections at `ulimit -n 128`, then closed: seconds until a new client is served"""
    daemon = harness.Daemon(listen=["127.0.0.1:0"], max_open_files=128)
    try:
        before = n_descriptors(daemon.process.pid)
        peers = connect_all(tcp_port(daemon), 300)
        harness.wait_until(lambda: n_descriptors(daemon.process.pid) > before + 20, "the storm")
        time.sleep(1)
        for peer in peers:
            peer.close()
        return Measured(serves(daemon), 1, "s")
    finally:
        daemon.close()


@fault()
def silent_connections():
    """900 connections that never say anything: seconds until the last is closed; others are served meanwhile"""
    daemon = harness.Daemon(listen=["127.0.0.1:0"])
    try:
        begin = time.monotonic()
        peers = set(connect_all(tcp_port(daemon), 900))
        expect(serves(daemon) < 4, "others are not served")
        poll = select.poll()
        by_fd = {peer.fileno(): peer for peer in peers}
        for fd in by_fd:
            poll.register(fd, select.POLLIN | select.POLLHUP)
        while by_fd and time.monotonic() - begin < 40:
            for fd, _ in poll.poll(1000):
                try:
                    gone = not by_fd[fd].recv(65536)
                except BlockingIOError:
                    continue
                except OSError:
                    gone = True
                if gone:
                    poll.unregister(fd)
                    by_fd.pop(fd).close()
        expect(not by_fd, "%d are still open" % len(by_fd))
        return Measured(time.monotonic() - begin, 5, "s")
    finally:
        daemon.close()


@fault()
def connect_storm():
    """Connections, opened and closed as fast as one thread can for 5 s, beside a stream that must lose nothing: how much
    larger the daemon is afterwards"""
    daemon = harness.Daemon(WITNESSED, listen=["127.0.0.1:0"])
    try:
        witness = harness.Witness(daemon, "witness")
        try:
            port = tcp_port(daemon)
            before = rss_bytes(daemon.process.pid)
            end = time.monotonic() + 5
            n = 0
            while time.monotonic() < end:
                for peer in connect_all(port, 50):
                    peer.close()
                n += 50
            expect(n > 1000, "only %d connections in 5 s" % n)
            expect(serves(daemon) < 10, "others are not served")
            growth = 100 * (rss_bytes(daemon.process.pid) - before) / before
            expect(witness.finish()["pass"], "the stream beside it has lost something")
            return Measured(growth, 10, "% more RSS", 1)
        finally:
            witness.close()
    finally:
        daemon.close()
