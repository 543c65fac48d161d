"""What faults have in common: their list, how one is judged, and a client of the wire contract for what `melstream` would
never do. Needs python3-grpcio and protoc besides what tests/e2e needs."""
import dataclasses
import glob
import os
import re
import subprocess
import sys
import tempfile
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.path.normpath(os.path.join(HERE, "..", "..", "proto"))

# Times that a loaded machine may take longer than the bound before the fault counts as failed.
SLACK = 3.0

faults = []

# Of a daemon with a witness: its frames are computed from the stream's opening on, however late its reader joins.
WITNESSED = '[features]\nalways = ["whisper-80"]\n'


@dataclasses.dataclass
class Measured:
    """What one fault came to. Memory and counts have no slack: factor 1."""
    value: float
    bound: float
    unit: str
    factor: float = SLACK

    def good(self):
        return self.value <= self.bound * self.factor

    def __str__(self):
        def text(number):
            return ("%.2f" % number).rstrip("0").rstrip(".") + " " + self.unit
        return "measured %s (bound %s)" % (text(self.value), text(self.bound))


class Unable(Exception):
    """This machine cannot do that; the message says why."""


def fault(full=False):
    """Marks a function that causes a fault and returns what it measured. full: only with --full."""
    def add(function):
        faults.append((function.__name__.replace("_", "-"), function, full))
        return function
    return add


def messages():
    """The generated classes of the wire contract, made once a run."""
    if not hasattr(messages, "made"):
        folder = tempfile.mkdtemp(prefix="melstream-faults-proto-")
        files = sorted(glob.glob(os.path.join(PROTO, "melstream", "v1", "*.proto")))
        subprocess.run(["protoc", "-I", PROTO, "--python_out=" + folder, *files], check=True)
        sys.path.insert(0, folder)
        from melstream.v1 import audio_service_pb2, feature_service_pb2, types_pb2
        messages.made = audio_service_pb2, feature_service_pb2, types_pb2
    return messages.made


def rss_bytes(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_rss_bytes(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def n_descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def serves(daemon, deadline_s=harness.DEADLINE_S):
    """Seconds until a new client is answered."""
    begin = time.monotonic()
    harness.wait_until(lambda: daemon.client("info", "--json").returncode == 0, "an answer", deadline_s)
    return time.monotonic() - begin


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class PeakRss:
    """How far the resident memory of a process rises above what it is now, in MiB."""

    def __init__(self, pid):
        self.pid = pid
        with open("/proc/%d/clear_refs" % pid, "w", encoding="ascii") as file:
            file.write("5")  # the peak is what it is now (proc(5))
        self.before = rss_bytes(pid)

    def growth(self):
        return (peak_rss_bytes(self.pid) - self.before) / 2 ** 20


def tcp_port(daemon):
    """Of a daemon that was given a port of 0."""
    addresses = re.search(r"listening.*addresses=(\S+)", daemon.log_text()).group(1)
    return int(re.search(r"127\.0\.0\.1:(\d+)", addresses).group(1))
