"""Bytes that no client of ours would send, and floods of well-formed ones: refused or bounded, and others are served."""
import gzip
import os
import shutil
import socket
import subprocess
import time

import harness
import http2
import network
from fault import WITNESSED, Measured, PeakRss, Unable, expect, fault, serves, tcp_port

MOST_MIB = 64
SUBSCRIBE = "/melstream.v1.FeatureService/Subscribe"
LIST = "/melstream.v1.FeatureService/ListStreams"


def flooded(flood):
    """MiB that the daemon's resident memory rose by while flood(daemon) ran beside a stream that must lose nothing."""
    daemon = harness.Daemon(WITNESSED, listen=["127.0.0.1:0"])
    try:
        witness = harness.Witness(daemon, "witness")
        try:
            peak = PeakRss(daemon.process.pid)
            flood(daemon)
            expect(daemon.process.poll() is None, "the daemon ended: " + daemon.log_text())
            expect(serves(daemon) < 10, "others are not served")
            growth = peak.growth()
            expect(witness.finish()["pass"], "the stream beside it has lost something")
            return growth
        finally:
            witness.close()
    finally:
        daemon.close()


def connect(daemon):
    return http2.Connection(("127.0.0.1", tcp_port(daemon)))


def bounded(flood):
    return Measured(flooded(flood), MOST_MIB, "MiB more RSS", 1)


@fault()
def http2_garbage():
    """300 connections with random bytes, half of them behind a good preface: those that are still open 10 s later"""
    left = []

    def flood(daemon):
        peers = []
        for i in range(300):
            peer = socket.create_connection(("127.0.0.1", tcp_port(daemon)), timeout=10)
            try:
                peer.sendall((http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0) if i % 2 else b"") + os.urandom(4096))
            except OSError:
                pass
            peers.append(peer)
        deadline = time.monotonic() + 10
        for peer in peers:
            peer.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                while peer.recv(65536):
                    pass
            except TimeoutError:
                left.append(peer)
            except OSError:
                pass
            peer.close()
    growth = flooded(flood)
    expect(growth < MOST_MIB, "%.1f MiB more" % growth)
    # A random length may ask for up to 16 MiB: such a connection waits for the rest, and is within the limits.
    return Measured(len(left), 30, "connections", 1)


@fault()
def bad_protobuf():
    """500 calls whose messages are random bytes: calls that are not answered"""
    unanswered = []

    def flood(daemon):
        connection = connect(daemon)
        for i in range(500):
            stream = 2 * i + 1
            connection.call((SUBSCRIBE, LIST, "/melstream.v1.AudioService/StreamAudio")[i % 3],
                            http2.message(os.urandom(1 + i)), stream=stream)
            if not connection.answered(stream):
                unanswered.append(i)
        connection.close()
    growth = flooded(flood)
    expect(growth < MOST_MIB, "%.1f MiB more" % growth)
    return Measured(len(unanswered), 0, "calls", 1)


@fault()
def length_prefix_of_2_gib():
    """20 messages that claim to be 2 GiB long"""
    def flood(daemon):
        for _ in range(20):
            connection = connect(daemon)
            connection.call(SUBSCRIBE, http2.message(b"x" * 100_000, claimed=0x7FFFFFFF))
            expect(connection.answered(), "it waits for the rest")
            connection.close()
    return bounded(flood)


@fault()
def gzip_bomb():
    """20 messages of 61 kB that inflate to 60 MiB"""
    bomb = gzip.compress(bytes(60 * 2 ** 20))

    def flood(daemon):
        for _ in range(20):
            connection = connect(daemon)
            connection.call(LIST, http2.message(bomb, True), ("grpc-encoding", "gzip"))
            expect(connection.answered(), "it is not refused")
            connection.close()
    return bounded(flood)


@fault()
def header_flood():
    """200 calls with 1,000 headers of 1 kB each"""
    def flood(daemon):
        for _ in range(10):
            connection = connect(daemon)
            for i in range(20):
                block = connection.request_headers(LIST) + b"".join(
                    b"\x00\x05x-%03d\x7f\x81\x07" % (n % 1000) + b"v" * 1024 for n in range(1000))
                parts = [block[at:at + 16384] for at in range(0, len(block), 16384)]
                stream = 2 * i + 1
                if not connection.send(http2.frame(http2.HEADERS, http2.END_STREAM, stream, parts[0]) + b"".join(
                        http2.frame(http2.CONTINUATION, http2.END_HEADERS if part is parts[-1] else 0, stream, part)
                        for part in parts[1:])):
                    break
                connection.answered(stream, 2)
            connection.close()
    return bounded(flood)


def continue_headers(address):
    """A header block without end, in 64 MiB of CONTINUATION frames."""
    connection = http2.Connection(address)
    connection.send(http2.frame(http2.HEADERS, 0, 1, connection.request_headers(LIST)))
    part = http2.frame(http2.CONTINUATION, 0, 1, b"\x00\x05x-abc\x7f\xe1\x7e" + b"v" * 16352)
    for _ in range(4096):
        if not connection.send(part):
            break
    connection.close()


def send_many(address, one, n):
    connection = http2.Connection(address)
    for _ in range(n // 1000):
        if not connection.send(one * 1000):
            break
    connection.close()


def send_pings(address):
    send_many(address, http2.frame(http2.PING, 0, 0, b"12345678"), 300_000)


def send_settings(address):
    send_many(address, http2.frame(http2.SETTINGS, 0, 0, b"\x00\x04\x00\x01\x00\x00"), 300_000)


def survived(name, flood):
    """Seconds until the daemon serves others again after flood(address), with no proxy before it."""
    seconds = []

    def run(daemon):
        flood(("127.0.0.1", tcp_port(daemon)))
        seconds.append(serves(daemon))
    print("note: %s: %.0f MiB more RSS without a proxy" % (name, flooded(run)), flush=True)
    return Measured(seconds[0], 5, "s")


@fault()
def settings_flood():
    """300,000 SETTINGS frames in one connection"""
    return bounded(lambda daemon: send_settings(("127.0.0.1", tcp_port(daemon))))


@fault()
def ping_flood():
    """300,000 PING frames in one connection, with no proxy before the daemon: seconds until it serves others"""
    return survived("ping-flood", send_pings)


@fault()
def continuation_flood():
    """A header block without end, in 64 MiB of CONTINUATION frames, with no proxy: seconds until it serves others"""
    return survived("continuation-flood", continue_headers)


@fault()
def rapid_reset():
    """20,000 calls that are reset at once in one connection, with no proxy: seconds until it serves others"""
    return survived("rapid-reset", lambda address: reset_rapidly(address, 20_000))


def reset_rapidly(address, n):
    """Opens and resets n calls in one connection; how many were sent before it was closed."""
    connection = http2.Connection(address)
    sent = 0
    for first in range(0, n, 100):
        burst = b"".join(
            http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 2 * i + 1, connection.request_headers(LIST)) +
            http2.frame(http2.RST_STREAM, 0, 2 * i + 1, b"\x00\x00\x00\x08") for i in range(first, first + 100))
        if not connection.send(burst):
            break
        sent += 100
    connection.close()
    return sent


NGINX = """
daemon off; master_process off; pid %(folder)s/nginx.pid; error_log %(folder)s/error.log warn;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fastcgi;
  uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
  server {
    listen 127.0.0.1:%(port)d http2;
    keepalive_requests 1000;
    location / { grpc_pass grpc://unix:%(socket)s; grpc_read_timeout 1h; }
  }
}
"""


def behind_nginx(flood):
    """MiB more RSS of the daemon while flood(address) runs five times against nginx before it."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not program:
        raise Unable("nginx is not there")

    def run(daemon):
        port = network.free_port()
        config = os.path.join(daemon.folder, "nginx.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(NGINX % {"folder": daemon.folder, "port": port, "socket": daemon.socket})
        proxy = subprocess.Popen([program, "-p", daemon.folder, "-c", config], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            harness.wait_until(lambda: harness.run_client("info", server="127.0.0.1:%d" % port).returncode == 0,
                               "an answer through nginx")
            for _ in range(5):
                flood(("127.0.0.1", port))
            expect(harness.run_client("info", server="127.0.0.1:%d" % port).returncode == 0, "others are not served")
        finally:
            proxy.terminate()
            proxy.wait(harness.DEADLINE_S)
    return bounded(run)


@fault()
def rapid_reset_behind_nginx():
    """The same against nginx, which closes the connection, five times"""
    return behind_nginx(lambda address: reset_rapidly(address, 20_000))


@fault()
def continuation_flood_behind_nginx():
    """A header block without end, in 64 MiB of CONTINUATION frames, against nginx, five times"""
    return behind_nginx(continue_headers)


@fault()
def ping_flood_behind_nginx():
    """300,000 PING frames in one connection, against nginx, five times"""
    return behind_nginx(send_pings)
