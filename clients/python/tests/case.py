"""What the tests share: a private daemon, golden audio and features. Nothing waits for a fixed time."""
import contextlib
import importlib.util
import json
import os
import socket
import sys
import threading
import time
import unittest

import numpy as np

import melstream
from melstream import _audio, testing

REPOSITORY = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
GOLDEN = os.path.join(REPOSITORY, "tests", "golden")
IS_FULL = os.environ.get("MELSTREAM_FULL") == "1"
DEADLINE_S = 60.0

#: whisper-80 from a stream's first frame on, whoever subscribes and when; audio for windows.
CONFIG = '[features]\nalways = ["whisper-80"]\n[stream]\naudio_history_s = 40\n'

for _folder in ("e2e", "history"):
    sys.path.insert(0, os.path.join(REPOSITORY, "tests", _folder))


def load(path):
    """A module by its file."""
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


golden_check = load(os.path.join(GOLDEN, "check.py"))
with open(os.path.join(GOLDEN, "manifest.json"), encoding="utf-8") as _file:
    manifest = json.load(_file)


def audio(clip):
    return os.path.join(GOLDEN, "audio", clip + ".wav")


def samples(clip):
    """int16 samples of a 16 kHz mono clip."""
    return np.frombuffer(_audio.read_wav(audio(clip))[1], "<i2")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until(condition, what):
    """Asks again, more and more slowly, until the condition holds."""
    end = time.monotonic() + DEADLINE_S
    pause_s = 0.005
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("%s did not happen within %g s" % (what, DEADLINE_S))
        time.sleep(pause_s)
        pause_s = min(0.2, pause_s * 1.5)


class Task(threading.Thread):
    """A function on a thread of its own; join() hands out what it returned or raised."""

    def __init__(self, function, *arguments, **keywords):
        super().__init__(daemon=True)
        self._work = lambda: function(*arguments, **keywords)
        self._result = None
        self._error = None
        self.start()

    def run(self):
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, join() raises it
            self._error = error

    def join(self, timeout=DEADLINE_S):
        super().join(timeout)
        if self.is_alive():
            raise AssertionError("a task did not end within %g s" % timeout)
        if self._error is not None:
            raise self._error
        return self._result


class Gate:
    """A source of audio that gives its first part at once, and the rest once it is opened."""

    def __init__(self, audio_samples, n_first):
        self._samples = audio_samples
        self._n_first = n_first
        self._opened = threading.Event()

    def open(self):
        self._opened.set()

    def __iter__(self):
        yield self._samples[:self._n_first]
        if not self._opened.wait(DEADLINE_S):
            raise AssertionError("the gate was not opened")
        yield self._samples[self._n_first:]


@contextlib.contextmanager
def live_clip(client, stream, clip):
    """A stream that has said all of a clip, and lives: its audio can be asked for."""
    gate = Gate(samples(clip), len(samples(clip)))
    push = Task(client.push, stream, gate)
    subscription = client.subscribe(stream, front_end="whisper-80", start="first", wait=True)
    next(event for event in subscription if event.next_frame * 160 > len(samples(clip)) - 400)
    yield
    gate.open()
    push.join()


class DaemonTest(unittest.TestCase):
    """Tests that share one daemon and one client."""

    config = CONFIG

    @classmethod
    def setUpClass(cls):
        cls.daemon = testing.Daemon(cls.config)
        cls.addClassCleanup(cls.daemon.close)
        cls.client = cls.daemon.connect()
        cls.addClassCleanup(cls.client.close)

    def assert_golden(self, preset, clip, features):
        entry = next(one for one in manifest["entries"] if (one["preset"], one["audio"]) == (preset, clip))
        golden = np.load(os.path.join(GOLDEN, entry["file"]), allow_pickle=False)
        report = golden_check.compare(golden, np.asarray(features), entry["tolerance"])
        self.assertTrue(report["pass"], report)

    def assert_tiled(self, events, begin=0):
        """Blocks and gaps in order, without overlap or hole. Returns the features of the blocks."""
        at = begin
        for event in events:
            self.assertEqual(event.first_frame, at)
            at = event.next_frame
        return np.concatenate([event.features for event in events if isinstance(event, melstream.Block)])
