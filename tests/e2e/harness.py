"""A real daemon and the real client, driven as a user would. Standard library and numpy only.

The folder of the programs is set by run.py before any test runs. Nothing here waits for a fixed time: readiness is
asked for until it is there, within a deadline.
"""
import importlib.util
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

import numpy

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.normpath(os.path.join(HERE, "..", "golden"))
RATE = 16000

# Seconds that anything may take on a loaded machine before it counts as hanging.
DEADLINE_S = 60.0

bin_folder = None
full = False

_spec = importlib.util.spec_from_file_location("golden_check", os.path.join(GOLDEN, "check.py"))
golden_check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden_check)

with open(os.path.join(GOLDEN, "manifest.json"), encoding="utf-8") as _file:
    manifest = json.load(_file)


def program(name):
    return os.path.join(bin_folder, name)


def audio(clip):
    return os.path.join(GOLDEN, "audio", clip + ".wav")


def pcm16(clip):
    """The samples of a golden 16 kHz mono clip, as bytes of 16-bit PCM."""
    return wav_bytes(audio(clip))


def wav_bytes(path):
    """The audio of a WAV file, as it lies in it."""
    with open(path, "rb") as file:
        content = file.read()
    at = content.index(b"data")
    size = struct.unpack("<I", content[at + 4:at + 8])[0]
    return content[at + 8:at + 8 + size]


def wav_samples(path):
    """The 16-bit mono samples of a WAV file, and its rate."""
    with open(path, "rb") as file:
        rate = struct.unpack("<I", file.read(28)[24:])[0]
    return numpy.frombuffer(wav_bytes(path), "<i2"), rate


def wav(path, samples, rate=RATE, channels=1, data_bytes=None):
    """Writes 16-bit PCM; data_bytes is what the header claims, if it shall lie."""
    body = numpy.asarray(samples, "<i2").tobytes()
    claimed = len(body) if data_bytes is None else data_bytes
    header = b"RIFF" + struct.pack("<I", 36 + claimed) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16) + b"data" + struct.pack("<I", claimed)
    with open(path, "wb") as file:
        file.write(header + body)
    return path


def wav_float(path, samples, rate=RATE):
    """Writes 32-bit float, which can hold NaN and infinity."""
    body = numpy.asarray(samples, "<f4").tobytes()
    header = b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, 3, 1, rate, rate * 4, 4, 32) + b"data" + struct.pack("<I", len(body))
    with open(path, "wb") as file:
        file.write(header + body)
    return path


def golden_entry(preset, clip):
    for entry in manifest["entries"]:
        if entry["preset"] == preset and entry["audio"] == clip:
            return entry
    raise KeyError("%s of %s is not in the golden set" % (preset, clip))


def compare_with_golden(preset, clip, features):
    """The report of tests/golden/check.py."""
    entry = golden_entry(preset, clip)
    golden = numpy.load(os.path.join(GOLDEN, entry["file"]), allow_pickle=False)
    return golden_check.compare(golden, features, entry["tolerance"])


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """Asks again, more and more slowly, until the condition holds; returns its value."""
    end = time.monotonic() + deadline_s
    pause_s = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("%s did not happen within %g s" % (what, deadline_s))
        time.sleep(pause_s)
        pause_s = min(0.2, pause_s * 1.5)


class Daemon:
    """A private melstreamd on a unix socket in a folder of its own. environment: all of it, the test's if None;
    executable: another melstreamd than that of the folder; wrapper: a command that runs it, such as `ip netns exec NAME`."""

    def __init__(self, config="", listen=(), max_open_files=None, environment=None, executable=None, wrapper=()):
        self.folder = tempfile.mkdtemp(prefix="melstream-e2e-")
        self.socket = os.path.join(self.folder, "melstream.sock")
        self.config = os.path.join(self.folder, "melstream.toml")
        self.log = os.path.join(self.folder, "daemon.log")
        self.address = "unix:" + self.socket
        with open(self.config, "w", encoding="utf-8") as file:
            # A list of plain strings is written the same in JSON and TOML.
            file.write('[server]\nsocket = "%s"\nlisten = %s\n' % (self.socket, json.dumps(list(listen))))
            if "[metrics]" not in config:
                # One port cannot be many daemons'; who wants HTTP asks for a free one.
                config += '\n[metrics]\nlisten = ""\n'
            file.write(config)

        def limit():
            if max_open_files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (max_open_files, max_open_files))

        self.command = [*wrapper, executable or program("melstreamd"), "--config", self.config]
        self.keywords = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "preexec_fn": limit, "env": environment}
        self.start()

    def start(self):
        """Again, in the same place, if the process before was ended."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, **self.keywords)
        try:
            wait_until(self.answers, "the daemon's start")
        except AssertionError as error:
            log = self.log_text()
            self.close()
            raise AssertionError("%s; its log:\n%s" % (error, log)) from error

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("the daemon ended with %d" % self.process.returncode)
        return self.client("info", "--json").returncode == 0

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def client(self, *arguments, stdin=None, timeout=DEADLINE_S):
        """Runs the client to its end."""
        return run_client(*arguments, server=self.address, stdin=stdin, timeout=timeout)

    def start_client(self, *arguments, stdin=subprocess.DEVNULL):
        """Starts the client; the caller ends it."""
        return subprocess.Popen([program("melstream"), *arguments, "--server", self.address], stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def extract(self, path, front_end, *arguments, stdin=None):
        """Features of a file through the daemon. Returns (completed process, array or None)."""
        handle, out = tempfile.mkstemp(suffix=".npy", dir=self.folder)
        os.close(handle)
        os.unlink(out)
        result = self.client("extract", path, "--front-end", front_end, "--out", out, *arguments, stdin=stdin)
        features = None
        if os.path.exists(out):
            features = numpy.load(out, allow_pickle=False)
            os.unlink(out)
        return result, features

    def streams(self):
        """What `melstream streams --json` lists, by id; of those with one id the live one, which comes first."""
        result = self.client("streams", "--json")
        if result.returncode != 0:
            raise AssertionError("streams: %s" % result.stderr)
        listed = json.loads(result.stdout)
        return {stream["stream"]: stream for stream in reversed(listed)}

    def terminate(self, timeout=DEADLINE_S):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_client(*arguments, server=None, stdin=None, timeout=DEADLINE_S, environment=None):
    command = [program("melstream"), *arguments]
    if server:
        command += ["--server", server]
    given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    result = subprocess.run(command, capture_output=True, timeout=timeout, check=False, env=environment, **given)
    result.stdout = result.stdout.decode(errors="replace")
    result.stderr = result.stderr.decode(errors="replace")
    return result


class Witness:
    """A stream beside the one that a test mistreats: fed by hand, subscribed from its first frame, and compared with
    the golden features at its end. Whatever happened between, it must have lost nothing."""

    clip = "espeak"
    preset = "whisper80_raw"

    def __init__(self, daemon, stream):
        self.daemon = daemon
        self.samples = pcm16(self.clip)
        self.out = os.path.join(daemon.folder, stream + ".npy")
        self.reader = daemon.start_client("subscribe", stream, "--front-end", "whisper-80", "--wait", "--start",
                                          "frame:0", "--out", self.out)
        self.writer = daemon.start_client("push", "-", "--stream", stream, "--rate", str(RATE), "--encoding", "s16le",
                                          "--channels", "1", "--pace", "fast", stdin=subprocess.PIPE)
        third = len(self.samples) // 6 * 2
        self.writer.stdin.write(self.samples[:third])
        self.writer.stdin.flush()
        self.rest = self.samples[third:]
        wait_until(lambda: stream in daemon.streams(), "the witness stream's opening")

    def finish(self):
        """Feeds the rest and returns the report of the comparison."""
        _, errors = self.writer.communicate(self.rest, timeout=DEADLINE_S)
        if self.writer.returncode != 0:
            raise AssertionError("the witness's push ended with %d: %s" % (self.writer.returncode, errors.decode()))
        _, errors = self.reader.communicate(timeout=DEADLINE_S)
        if self.reader.returncode != 0:
            raise AssertionError("the witness's subscribe ended with %d: %s" % (self.reader.returncode, errors.decode()))
        return compare_with_golden(self.preset, self.clip, numpy.load(self.out, allow_pickle=False))

    def close(self):
        for process in (self.writer, self.reader):
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()


class DaemonTest(unittest.TestCase):
    """Tests that share one daemon."""

    config = ""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.config)
        cls.addClassCleanup(cls.daemon.close)

    def assert_clear(self, result, code, *words):
        """The client ended with that code and a message that has these words, not a crash or a stack trace."""
        said = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, said)
        self.assertTrue(result.stderr.strip(), "nothing was said on standard error")
        for word in words:
            self.assertIn(word.lower(), said.lower())
        self.assertNotIn("terminate called", said)


class WitnessedTest(DaemonTest):
    """Each test runs beside a witness stream; after it the daemon lives and the witness has lost nothing."""

    _number = 0

    def setUp(self):
        WitnessedTest._number += 1
        self.witness = Witness(self.daemon, "witness-%d" % WitnessedTest._number)
        self.addCleanup(self.witness.close)
        # Cleanups run last in, first out: the check comes before the closing.
        self.addCleanup(self.assert_unharmed)

    def assert_unharmed(self):
        self.assertIsNone(self.daemon.process.poll(), "the daemon ended: " + self.daemon.log_text())
        report = self.witness.finish()
        self.assertTrue(report["pass"], report)
        self.assertTrue(self.daemon.answers())
