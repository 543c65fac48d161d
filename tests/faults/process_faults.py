"""Clients that die, stop or vanish; the daemon that is told to end; a machine whose disk, ports or clock go wrong."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

import harness
import http2
import network
from fault import WITNESSED, Measured, PeakRss, Unable, expect, fault

CLIP = "espeak"


class Load:
    """Streams that are pushed in real time, each with readers."""

    def __init__(self, daemon, n_streams, n_readers):
        self.clients = []
        self.readers = []
        wav = os.path.join(daemon.folder, "long.wav")
        harness.wav(wav, list(range(-8000, 8000)) * 60)  # a minute
        for i in range(n_streams):
            self.clients.append(daemon.start_client("push", wav, "--stream", "load-%d" % i))
        harness.wait_until(lambda: len(daemon.streams()) >= n_streams, "the streams' opening")
        for i in range(n_readers):
            self.readers.append(daemon.start_client("subscribe", "load-%d" % (i % n_streams), "--front-end", "whisper-80",
                                                    "--out", os.path.join(daemon.folder, "load-%d.npy" % i)))
        self.daemon = daemon
        harness.wait_until(lambda: len(subscribers(daemon)) >= n_readers, "the readers")

    def close(self):
        for client in self.clients + self.readers:
            if client.poll() is None:
                client.kill()
            client.communicate()


def subscribers(daemon):
    result = daemon.client("subscribers", "--json")
    return json.loads(result.stdout) if result.returncode == 0 else []


def seconds_until(condition, what, deadline_s=harness.DEADLINE_S):
    begin = time.monotonic()
    harness.wait_until(condition, what, deadline_s)
    return time.monotonic() - begin


def exit_after(daemon, begin):
    """(exit status, seconds since begin)"""
    status = daemon.process.wait(harness.DEADLINE_S)
    return status, time.monotonic() - begin


def with_load(n_streams, n_readers, function, config="", **keywords):
    daemon = harness.Daemon(config, **keywords)
    try:
        load = Load(daemon, n_streams, n_readers)
        try:
            return function(daemon, load)
        finally:
            load.close()
    finally:
        daemon.close()


@fault()
def subscriber_killed():
    """A subscriber that is killed (-9): seconds until its subscription is gone"""
    def kill(daemon, load):
        load.readers[0].kill()
        return Measured(seconds_until(lambda: len(subscribers(daemon)) == 1, "the subscription's end"), 1, "s")
    return with_load(1, 2, kill)


@fault()
def publisher_killed():
    """A publisher that is killed (-9): seconds until its stream has ended and its id is live again for another"""
    def kill(daemon, load):
        load.clients[0].kill()
        again = time.monotonic()
        harness.wait_until(lambda: daemon.streams()["load-0"]["state"] == "ended", "the stream's end")
        load.clients.append(daemon.start_client("push", harness.audio(CLIP), "--stream", "load-0"))
        harness.wait_until(lambda: daemon.streams()["load-0"]["state"] == "live", "the new stream")
        seconds = time.monotonic() - again
        load.readers[0].wait(harness.DEADLINE_S)
        return Measured(seconds, 1, "s")
    return with_load(1, 1, kill)


@fault()
def subscriber_stopped():
    """A subscriber that is stopped (SIGSTOP): seconds until `melstream subscribers` shows it behind; the other loses nothing"""
    def stop(daemon, load):
        load.readers[0].send_signal(signal.SIGSTOP)
        try:
            seconds = seconds_until(lambda: any(one["lag_frames"] > 20 for one in subscribers(daemon)), "a lag")
            expect(sum(one["lag_frames"] > 20 for one in subscribers(daemon)) == 1, "the other reader is behind as well")
        finally:
            load.readers[0].send_signal(signal.SIGCONT)
        harness.wait_until(lambda: all(one["lag_frames"] <= 20 for one in subscribers(daemon)), "it to catch up")
        expect(all(one["gap_frames"] == 0 for one in subscribers(daemon)), "frames were lost")
        return Measured(seconds, 2, "s")
    return with_load(1, 2, stop)


class Network:
    """A network namespace with a link to this one."""

    def __init__(self):
        self.name = "melfault%d" % os.getpid()
        self.here, self.there = "mf%da" % (os.getpid() % 100000), "mf%db" % (os.getpid() % 100000)
        number = os.getpid() % 250
        self.address, self.peer = "10.213.%d.1" % number, "10.213.%d.2" % number
        try:
            self.ip("netns", "add", self.name)
            self.ip("link", "add", self.here, "type", "veth", "peer", "name", self.there, "netns", self.name)
            self.ip("addr", "add", self.address + "/30", "dev", self.here)
            self.ip("link", "set", self.here, "up")
            self.ip("-n", self.name, "addr", "add", self.peer + "/30", "dev", self.there)
            self.ip("-n", self.name, "link", "set", self.there, "up")
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            raise Unable("no network namespaces: %s" % error) from error

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def start(self, *command):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def cut(self):
        self.ip("link", "set", self.here, "down")

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self.here], check=False, capture_output=True)


def with_network(function, n_streams=1, n_readers=1, config=""):
    """function(daemon, load, network, reader): the reader subscribes from the namespace."""
    link = Network()
    try:
        port = network.free_port()

        def run(daemon, load):
            reader = link.start(harness.program("melstream"), "subscribe", "load-0", "--front-end", "whisper-80", "--out",
                                os.path.join(daemon.folder, "far.npy"), "--server", "%s:%d" % (link.address, port))
            try:
                harness.wait_until(lambda: len(subscribers(daemon)) == n_readers + 1, "the far reader")
                return function(daemon, load, link, reader)
            finally:
                reader.kill()
                reader.wait()
        return with_load(n_streams, n_readers, run, "allow_insecure_bind = true\n" + config,
                         listen=["%s:%d" % (link.address, port)])
    finally:
        link.close()


@fault()
def link_down():
    """The link to a subscriber goes down: seconds until its subscription is given up"""
    def cut(daemon, load, link, reader):
        link.cut()
        return Measured(seconds_until(lambda: len(subscribers(daemon)) == 1, "its end"), 15, "s")
    return with_network(cut)


@fault()
def strangers_calls():
    """12 connections without a role to a listener of other machines, each of which begins 4,000 calls: half of them Watch of
    grpc.health.v1, half of them without their message"""
    link = Network()
    daemon = None
    connections = []
    try:
        address = (link.address, network.free_port())
        daemon = harness.Daemon("allow_insecure_bind = true\n[auth]\nanonymous_roles = []\n", listen=["%s:%d" % address])
        peak = PeakRss(daemon.process.pid)
        for _ in range(12):
            connection = http2.Connection(address)
            connections.append(connection)
            for i in range(2000):
                connection.call("/grpc.health.v1.Health/Watch", http2.message(b""), stream=4 * i + 1)
                connection.send(http2.frame(http2.HEADERS, http2.END_HEADERS, 4 * i + 3, connection.request_headers(
                    "/melstream.v1.FeatureService/GetServerInfo")))
        expect(daemon.client("streams").returncode == 0, "others are not served")
        return Measured(peak.growth(), 256, "MiB more RSS", 1)
    finally:
        for connection in connections:
            connection.close()
        if daemon:
            daemon.close()
        link.close()


@fault()
def term_under_load():
    """SIGTERM with 4 live streams and 24 subscribers, one of which has vanished with its link: seconds until exit 0"""
    def term(daemon, load, link, reader):
        link.cut()
        begin = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        status, seconds = exit_after(daemon, begin)
        expect(status == 0, "exit status %d: %s" % (status, daemon.log_text()))
        for one in load.readers:
            _, said = one.communicate(timeout=harness.DEADLINE_S)
            expect(b"SHUTDOWN" in said, "a reader had no End: %d: %s" % (one.returncode, said.decode()))
        return Measured(seconds, 10, "s", 1)
    return with_network(term, 4, 24)


@fault()
def hung_drain():
    """SIGTERM with a stopped subscriber on the unix socket, `drain_timeout_s = 5`: seconds until exit 75"""
    def hang(daemon, load):
        load.readers[0].send_signal(signal.SIGSTOP)
        try:
            harness.wait_until(lambda: any(one["lag_frames"] > 20 for one in subscribers(daemon)), "a lag")
            begin = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            status, seconds = exit_after(daemon, begin)
        finally:
            load.readers[0].send_signal(signal.SIGCONT)
        expect(status == 75, "exit status %d: %s" % (status, daemon.log_text()))
        return Measured(seconds, 6, "s")
    return with_load(1, 1, hang, "drain_timeout_s = 5\n")


@fault()
def second_term():
    """A second SIGTERM while the first one waits for a stopped subscriber: seconds until exit 75"""
    def again(daemon, load):
        load.readers[0].send_signal(signal.SIGSTOP)
        try:
            harness.wait_until(lambda: any(one["lag_frames"] > 20 for one in subscribers(daemon)), "a lag")
            daemon.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            begin = time.monotonic()
            daemon.process.send_signal(signal.SIGTERM)
            status, seconds = exit_after(daemon, begin)
        finally:
            load.readers[0].send_signal(signal.SIGCONT)
        expect(status == 75, "exit status %d: %s" % (status, daemon.log_text()))
        return Measured(seconds, 0.5, "s")
    return with_load(1, 1, again)


@fault()
def port_in_use():
    """A port that somebody else listens on: seconds until exit 71 with the address and what to do"""
    with socket.socket() as other, tempfile.TemporaryDirectory(prefix="melstream-faults-") as folder:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = "127.0.0.1:%d" % other.getsockname()[1]
        config = os.path.join(folder, "m.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = ""\nlisten = ["%s"]\n' % address)
        begin = time.monotonic()
        result = subprocess.run([harness.program("melstreamd"), "--config", config], capture_output=True, text=True,
                                timeout=harness.DEADLINE_S, check=False)
        expect(result.returncode == 71, "exit status %d" % result.returncode)
        said = result.stdout + result.stderr
        expect(address in said and "already in use" in said, said)
        return Measured(time.monotonic() - begin, 5, "s")


@fault()
def log_disk_full():
    """Standard error is full (/dev/full): frames of a stream that are wrong or missing"""
    daemon = harness.Daemon()
    try:
        daemon.terminate()
        with open("/dev/full", "wb") as full:
            daemon.process = subprocess.Popen(daemon.command, stdin=subprocess.DEVNULL, stdout=full, stderr=full)
        harness.wait_until(daemon.answers, "the start")
        result, features = daemon.extract(harness.audio(CLIP), "whisper-80")
        expect(result.returncode == 0, result.stderr)
        good = harness.compare_with_golden("whisper80_raw", CLIP, features)["pass"]
        expect(daemon.terminate() == 0, "no clean end")
        return Measured(0 if good else len(features), 0, "frames", 1)
    finally:
        daemon.close()


def faketime_library():
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"):
        path = os.path.join(folder, "faketime", "libfaketimeMT.so.1")
        if os.path.exists(path):
            return path
    raise Unable("faketime is not there")


@fault()
def clock_jump():
    """The wall clock steps an hour ahead, then two back, within a stream: frames of it that are wrong or missing"""
    library = faketime_library()
    with tempfile.TemporaryDirectory(prefix="melstream-faults-") as folder:
        offset = os.path.join(folder, "offset")

        def step(text):
            with open(offset + ".new", "w", encoding="ascii") as file:
                file.write(text)
            os.rename(offset + ".new", offset)
        step("+0")
        environment = dict(os.environ, LD_PRELOAD=library, FAKETIME_TIMESTAMP_FILE=offset, FAKETIME_NO_CACHE="1",
                           FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
        daemon = harness.Daemon(WITNESSED, environment=environment)
        try:
            witness = harness.Witness(daemon, "witness")
            try:
                before = daemon.streams()["witness"]
                step("+3600")
                expect(daemon.client("info").returncode == 0, "no answer after the step")
                half = len(witness.rest) // 4 * 2
                witness.writer.stdin.write(witness.rest[:half])
                witness.writer.stdin.flush()
                witness.rest = witness.rest[half:]
                step("-3600")
                report = witness.finish()
                expect(daemon.streams()["witness"]["epoch"] == before["epoch"], "another epoch")
                return Measured(0 if report["pass"] else 1, 0, "wrong streams", 1)
            finally:
                witness.close()
        finally:
            daemon.close()


@fault()
def take_over():
    """A new daemon takes the addresses of one that retires (SIGUSR2), tried 200 times a second: the longest time in which
    no connection could be made"""
    old = harness.Daemon(listen=["127.0.0.1:%d" % network.free_port()])
    new = None
    try:
        log = os.path.join(old.folder, "new.log")
        port = int(old.log_text().split("127.0.0.1:")[1].split()[0].split(",")[0])

        def new_log():
            with open(log, encoding="utf-8") as file:
                return file.read()

        def connects():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5):
                    pass
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.connect(old.socket)
                return True
            except OSError:
                return False
        with open(log, "wb") as out:
            new = subprocess.Popen([*old.command, "--take-over", "60"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        harness.wait_until(lambda: "engine" in new_log(), "the new daemon's start")
        time.sleep(1)
        old.process.send_signal(signal.SIGUSR2)
        longest, good_at = 0.0, time.monotonic()
        end = good_at + 5
        while time.monotonic() < end:
            if connects():
                longest = max(longest, time.monotonic() - good_at)
                good_at = time.monotonic()
            time.sleep(0.005)
        expect("listening" in new_log(), new_log())
        expect(old.process.wait(harness.DEADLINE_S) == 0, "the old one's exit status")
        expect(connects(), "the new one does not answer")
        return Measured(longest, 0.5, "s")
    finally:
        if new is not None:
            new.terminate()
            new.wait(harness.DEADLINE_S)
        old.close()
