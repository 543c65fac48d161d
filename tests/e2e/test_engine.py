"""Which engine computes, and what becomes of the streams when it is lost. The plugins are those of
tests/engine/plugins, beside the folder of the programs (the good one is the CPU engine by another name), and the CUDA
plugin on an emulated device (tests/engine/cuda)."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import numpy

import harness


def plugin(name):
    if name == "emulated":
        path = os.path.join(harness.bin_folder, "emulated", "libmelstream_cuda.so")
    else:
        path = os.path.join(os.path.dirname(harness.bin_folder), "test-plugins", "libmelstream_test_%s.so" % name)
    if not os.path.exists(path):
        raise AssertionError("%s is not built" % path)
    return path


def environment(**variables):
    """The environment of a daemon, without what would choose an engine."""
    own = {name: value for name, value in os.environ.items()
           if name not in ("MELSTREAM_CUDA_PLUGIN", "MELSTREAM_LOSE_ENGINE_AFTER_TICKS", "MELSTREAM_EMULATED_FAULT")}
    return {**own, **variables}


class Choice(unittest.TestCase):
    """Starts that end at once, or are ended at once."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="melstream-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def refusal(self, config, **variables):
        """What the daemon says on its last line, having refused to start with status 69."""
        path = os.path.join(self.folder, "melstream.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = "%s/s"\nlisten = []\n%s\n[metrics]\nlisten = ""\n' % (self.folder, config))
        result = subprocess.run([harness.program("melstreamd"), "--config", path], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False,
                                env=environment(**variables))
        self.assertEqual(result.returncode, 69, result.stderr)
        lines = result.stderr.splitlines()
        self.assertEqual([line for line in lines if " error " in line], lines[-1:], result.stderr)
        self.assertIn(' cannot_start error="engine.backend = \\"cuda\\": ', lines[-1])
        return lines[-1]

    def choice(self, daemon):
        """Level, backend and reason of the one line that tells of the choice."""
        found = re.findall(r'^\S+ (\w+) +engine backend=(\S+) backend_reason="?(.*?)"? target=\S+', daemon.log_text(), re.M)
        self.assertEqual(len(found), 1, daemon.log_text())
        return found[0]

    def start(self, executable=None, **variables):
        daemon = harness.Daemon(environment=environment(**variables), executable=executable)
        self.addCleanup(daemon.close)
        return daemon

    def test_auto_without_a_plugin_is_normal(self):
        alone = os.path.join(self.folder, "melstreamd")  # where no plugin lies beside it
        shutil.copy2(harness.program("melstreamd"), alone)
        level, backend, reason = self.choice(self.start(executable=alone))
        self.assertEqual((level, backend), ("info", "cpu"))
        self.assertIn("no CUDA plugin found (tried %s/libmelstream_cuda.so, " % self.folder, reason)

    def test_auto_without_a_driver_is_normal(self):
        choice = self.choice(self.start(MELSTREAM_CUDA_PLUGIN=plugin("no_driver")))
        self.assertEqual(choice, ("info", "cpu", "no NVIDIA driver: libcuda.so.1 is not there"))

    def test_auto_with_a_bad_plugin_warns(self):
        garbage = os.path.join(self.folder, "garbage.so")
        with open(garbage, "wb") as file:
            file.write(os.urandom(10000))
        for path, words in ((garbage, "garbage.so"), (plugin("other_build"), "of another build ('0.0.1 of another', this"),
                            (plugin("other_abi"), "ABI version 999")):
            with self.subTest(plugin=path):
                level, backend, reason = self.choice(self.start(MELSTREAM_CUDA_PLUGIN=path))
                self.assertEqual((level, backend), ("warning", "cpu"))
                self.assertIn(words, reason)

    def test_cuda_or_nothing(self):
        cuda = '[engine]\nbackend = "cuda"\n'
        garbage = os.path.join(self.folder, "garbage.so")
        with open(garbage, "wb") as file:
            file.write(os.urandom(10000))
        for path, words in (("/no/such.so", "no CUDA plugin found (tried /no/such.so)"), (garbage, "cannot load"),
                            (plugin("other_build"), "install program and plugin of one build"),
                            (plugin("no_entry"), "no entry melstream_engine_plugin"),
                            (plugin("needs_absent"), "libmelstream_test_absent.so: cannot open shared object file"),
                            (plugin("no_driver"), "no NVIDIA driver")):
            with self.subTest(plugin=path):
                self.assertIn(words, self.refusal(cuda, MELSTREAM_CUDA_PLUGIN=path))
        self.assertIn("too little memory", self.refusal(cuda, MELSTREAM_CUDA_PLUGIN=plugin("emulated"),
                                                        MELSTREAM_EMULATED_FAULT="memory:1000"))
        self.assertIn("no such CUDA device: engine.device = 7",
                      self.refusal(cuda + "device = 7\n", MELSTREAM_CUDA_PLUGIN=plugin("good")))


class Loss(unittest.TestCase):
    """The engine is lost while a stream is alive."""

    def start(self, **variables):
        """A daemon that computes with a plugin; what it tells the service manager comes to self.notices."""
        folder = tempfile.TemporaryDirectory(prefix="melstream-e2e-")
        self.addCleanup(folder.cleanup)
        address = os.path.join(folder.name, "notices")
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notices.close)
        self.notices.bind(address)
        self.notices.settimeout(harness.DEADLINE_S)
        # Always: a reader that is late on a loaded machine finds the first frames all the same.
        config = '[engine]\nbackend = "cuda"\n[features]\nalways = ["whisper-80", "kaldi-80"]\n'
        self.daemon = harness.Daemon(config, environment=environment(NOTIFY_SOCKET=address, **variables))
        self.addCleanup(self.daemon.close)
        self.assertTrue(self.notices.recv(4096).startswith(b"READY=1\n"))

    def info(self):
        result = self.daemon.client("info", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def follow(self, front_end):
        """A subscriber of the stream to come, and the file it writes."""
        out = os.path.join(self.daemon.folder, front_end + ".npy")
        reader = self.daemon.start_client("subscribe", "live", "--front-end", front_end, "--wait", "--start", "frame:0",
                                          "--out", out)
        self.addCleanup(end, reader)
        return reader, out

    def assert_told(self, reason):
        """Whoever asks is told; the log has told it once, and the daemon stops as ever."""
        info = self.info()
        self.assertEqual((info["backend"], info["engine_losses"]), ("cpu", 1))
        self.assertRegex(info["engine_loss_reason"], "^%s$" % reason)
        self.assertRegex(self.daemon.client("info").stdout, "(?m)^engine lost    %s$" % reason)
        self.assertEqual(self.daemon.terminate(), 0)
        log = self.daemon.log_text()
        self.assertEqual(len(re.findall(' error +engine_lost reason="%s" now=cpu/\\w+ remedy=' % reason, log)), 1, log)
        self.assertRegex(log, r" totals .*engine_losses=1\n")

    def check_live_subscribers_get_every_frame(self, reason, **variables):
        self.start(**variables)
        self.assertEqual((self.info()["backend"], self.info()["engine_losses"]), ("cuda", 0))
        readers = {preset: self.follow(front_end)
                   for preset, front_end in (("whisper80_raw", "whisper-80"), ("kaldi80", "kaldi-80"))}
        writer = self.daemon.start_client("push", harness.audio("espeak"), "--stream", "live", "--pace", "realtime")
        self.addCleanup(end, writer)
        notice = self.notices.recv(4096).decode()
        self.assertRegex(notice, r"^STATUS=engine lost \(%s\), cpu/\w+ computes" % reason)
        self.assertIsNone(writer.poll(), "the stream had ended before the engine was lost")
        n_before = self.info()["frames_computed"]
        for process in (writer, *(reader for reader, _ in readers.values())):
            _, errors = process.communicate(timeout=harness.DEADLINE_S)
            self.assertEqual(process.returncode, 0, errors.decode())
        self.assertGreater(self.info()["frames_computed"], n_before)
        for preset, (_, out) in readers.items():
            # A gap would have been refused: there is no place for it in the file.
            report = harness.compare_with_golden(preset, "espeak", numpy.load(out, allow_pickle=False))
            self.assertTrue(report["pass"], report)
        self.assert_told(reason)

    def test_drill(self):
        """The rows of the ticks under way are NaN when the drill loses the engine."""
        self.check_live_subscribers_get_every_frame(
            "lost on purpose after 60 ticks", MELSTREAM_CUDA_PLUGIN=plugin("good"), MELSTREAM_LOSE_ENGINE_AFTER_TICKS="60")

    def test_failing_device(self):
        self.check_live_subscribers_get_every_frame(
            ".*the emulated device failed.*", MELSTREAM_CUDA_PLUGIN=plugin("emulated"), MELSTREAM_EMULATED_FAULT="fail:1000")

    def test_hanging_device(self):
        self.check_live_subscribers_get_every_frame(
            ".*250 ms.*", MELSTREAM_CUDA_PLUGIN=plugin("emulated"), MELSTREAM_EMULATED_FAULT="hang:120")


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        pipe.close()
