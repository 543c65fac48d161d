"""The daemon as an administrator meets it: config, exit codes, signals."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest

import harness


def run_daemon(*arguments, environment=None):
    return subprocess.run([harness.program("melstreamd"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=harness.DEADLINE_S, check=False, env=environment)


class Config(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="melstream-e2e-")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "melstream.toml")
        self.folder = folder.name

    def check(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        return run_daemon("--config", self.path, "--check-config")

    def test_good_config_prints_the_memory_plan(self):
        result = self.check('[server]\nsocket = "%s/s"\nlisten = []\n' % self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout + result.stderr, r"total")

    def test_shipped_config_is_good(self):
        shipped = os.path.normpath(os.path.join(harness.HERE, "..", "..", "config", "melstream.toml"))
        result = run_daemon("--config", shipped, "--check-config")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_all_errors_at_once_with_their_places(self):
        result = self.check('[server]\nsokcet = "/tmp/s"\n\n[engine]\ntick_ms = "ten"\nthreads = -3\n')
        self.assertEqual(result.returncode, 78, result.stdout + result.stderr)
        self.assertRegex(result.stderr, r":2:1: error: .*sokcet.*did you mean 'socket'")
        self.assertRegex(result.stderr, r":5:\d+: error: .*tick_ms")
        self.assertRegex(result.stderr, r":6:\d+: error: .*threads")

    def test_syntax_error_has_its_place(self):
        result = self.check("[server\nsocket = 1\n")
        self.assertEqual(result.returncode, 78)
        self.assertRegex(result.stderr, r"melstream\.toml:1:\d+: error: ")

    def test_impossible_memory_plan(self):
        result = self.check("[stream]\nmax_streams = 100000\naudio_history_s = 3600\nhistory_s = 86400\n"
                            '[features]\nalways = ["whisper-80"]\n[memory]\naudio_history_bytes = 9000000000000000\n')
        self.assertEqual(result.returncode, 78, result.stdout + result.stderr)

    def test_missing_config(self):
        result = run_daemon("--config", os.path.join(self.folder, "none.toml"))
        self.assertEqual(result.returncode, 66, result.stderr)
        self.assertIn("none.toml", result.stderr)

    def test_usage(self):
        result = run_daemon("--no-such-option")
        self.assertEqual(result.returncode, 64, result.stderr)
        self.assertTrue(result.stderr.strip())

    def test_version(self):
        result = run_daemon("--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"\d+\.\d+\.\d+")

    def test_print_config_can_be_read_again(self):
        result = run_daemon("--print-config")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("[server]", result.stdout)
        again = self.check(result.stdout)
        self.assertEqual(again.returncode, 0, again.stderr)


class UserFrontEnd(harness.DaemonTest):
    """A front end of the config, made from a built-in one."""

    config = '[[front_end]]\nname = "whisper-64"\nbase = "whisper-80"\nn_mels = 64\n'

    def test_is_computed(self):
        result, features = self.daemon.extract(harness.audio("tone1k"), "whisper-64")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(features.shape, (100, 64))
        self.assertIn("whisper-64", self.daemon.client("front-ends").stdout)


class Places(unittest.TestCase):
    """Where daemon and client meet."""

    def test_tcp_port_in_use(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with tempfile.TemporaryDirectory(prefix="melstream-e2e-") as folder:
                path = os.path.join(folder, "melstream.toml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write('[server]\nsocket = "%s/s"\nlisten = ["127.0.0.1:%d"]\n[metrics]\nlisten = ""\n' % (folder, port))
                result = run_daemon("--config", path)
        self.assertEqual(result.returncode, 71, result.stdout + result.stderr)
        self.assertIn(str(port), result.stdout + result.stderr)

    def test_socket_in_use_by_a_living_daemon(self):
        daemon = harness.Daemon()
        self.addCleanup(daemon.close)
        result = run_daemon("--config", daemon.config)
        self.assertEqual(result.returncode, 71, result.stdout + result.stderr)
        self.assertTrue(daemon.answers())

    def test_socket_left_by_a_killed_daemon_is_replaced(self):
        first = harness.Daemon()
        self.addCleanup(first.close)
        first.process.kill()
        first.process.wait()
        self.assertTrue(os.path.exists(first.socket))
        second = subprocess.Popen([harness.program("melstreamd"), "--config", first.config], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            harness.wait_until(lambda: first.client("info").returncode == 0, "the second daemon's start")
        finally:
            second.terminate()
            self.assertEqual(second.wait(harness.DEADLINE_S), 0)

    def test_over_tcp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        daemon = harness.Daemon(listen=["127.0.0.1:%d" % port])
        self.addCleanup(daemon.close)
        result = harness.run_client("info", server="127.0.0.1:%d" % port)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_client_without_a_daemon_names_what_it_tried(self):
        with tempfile.TemporaryDirectory(prefix="melstream-e2e-") as folder:
            environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": folder}
            result = harness.run_client("info", environment=environment)
            self.assertEqual(result.returncode, 69, result.stdout + result.stderr)
            self.assertIn(os.path.join(folder, "melstream.sock"), result.stderr)
            self.assertIn("50071", result.stderr)
            self.assertIn("melstreamd", result.stderr)

    def test_client_usage(self):
        self.assertEqual(harness.run_client("extract", "--no-such-option").returncode, 64)
        self.assertEqual(harness.run_client("no-such-command").returncode, 64)
        self.assertEqual(harness.run_client("--help").returncode, 0)


class Drain(unittest.TestCase):
    def test_sigterm_without_streams(self):
        daemon = harness.Daemon()
        self.addCleanup(daemon.close)
        self.assertEqual(daemon.terminate(), 0, daemon.log_text())
        self.assertFalse(os.path.exists(daemon.socket))

    def test_sigterm_ends_streams_and_subscriptions(self):
        """The reader still gets every frame of what had arrived, then an End that says why; the publisher is told."""
        daemon = harness.Daemon('[features]\nalways = ["whisper-80"]\n')
        self.addCleanup(daemon.close)
        writer = daemon.start_client("push", "-", "--stream", "s", "--rate", "16000", "--encoding", "s16le", "--channels",
                                     "1", "--pace", "fast", stdin=subprocess.PIPE)
        # Into a file: a client whose standard output nobody reads would stop, and be cut off in the end.
        out = os.path.join(daemon.folder, "s.jsonl")
        reader = daemon.start_client("subscribe", "s", "--front-end", "whisper-80", "--wait", "--start", "frame:0",
                                     "--out", out)
        samples = harness.pcm16("tone1k")
        writer.stdin.write(samples)
        writer.stdin.flush()

        def all_there():
            stream = daemon.streams().get("s", {})
            return stream.get("subscriber_count") == 1 and stream["timeline_samples"] == len(samples) // 2

        harness.wait_until(all_there, "the arrival of all samples")
        self.assertEqual(daemon.terminate(), 0, daemon.log_text())
        _, errors = reader.communicate(timeout=harness.DEADLINE_S)
        with open(out, encoding="utf-8") as file:
            responses = [json.loads(line) for line in file]
        self.assertEqual(responses[-1]["type"], "end", errors.decode())
        self.assertIn("SHUTDOWN", responses[-1]["reason"].upper())
        n_frames = sum(one["frame_count"] for one in responses if one["type"] == "block")
        self.assertEqual(n_frames, harness.golden_entry("whisper80_raw", "tone1k")["n_frames"])
        _, errors = writer.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(writer.returncode, 69, errors.decode())
        self.assertIn("shutting down", errors.decode())


class StoppedReader(unittest.TestCase):
    """A subscriber that reads nothing, while the kernel has room for all that it is sent."""

    def start(self, drain_timeout_s):
        self.daemon = harness.Daemon('drain_timeout_s = %g\n[features]\nalways = ["whisper-80"]\n' % drain_timeout_s)
        self.addCleanup(self.daemon.close)
        self.writer = self.daemon.start_client("push", "-", "--stream", "s", "--rate", "16000", "--encoding", "s16le",
                                               "--channels", "1", "--pace", "fast", stdin=subprocess.PIPE)
        self.addCleanup(self.end, self.writer)
        self.out = os.path.join(self.daemon.folder, "s.jsonl")
        self.reader = self.daemon.start_client("subscribe", "s", "--front-end", "whisper-80", "--wait", "--start",
                                               "frame:0", "--out", self.out)
        self.addCleanup(self.end, self.reader)
        self.n_samples = 0
        self.feed(0)
        self.reader.send_signal(signal.SIGSTOP)
        os.waitpid(self.reader.pid, os.WUNTRACED)
        self.feed(1)

    def end(self, process):
        process.kill()
        process.communicate(timeout=harness.DEADLINE_S)

    def feed(self, second):
        """One second, and waits until it is computed for a reader that is there."""
        samples = harness.pcm16("tone1k")[second * 32000:(second + 1) * 32000]
        self.n_samples += len(samples) // 2
        self.writer.stdin.write(samples)
        self.writer.stdin.flush()

        def all_there():
            stream = self.daemon.streams().get("s", {})
            return stream.get("subscriber_count") == 1 and stream["timeline_samples"] == self.n_samples

        harness.wait_until(all_there, "the arrival of all samples")

    def drain(self, still_there_s):
        """SIGTERM; the daemon must not have ended after so many seconds."""
        self.daemon.process.send_signal(signal.SIGTERM)
        with self.assertRaises(subprocess.TimeoutExpired, msg=self.daemon.log_text()):
            self.daemon.process.wait(still_there_s)

    def test_is_waited_for(self):
        for attempt in range(3):
            with self.subTest(attempt=attempt):
                self.start(30)
                self.drain(1)
                # It waits for input, and gRPC's client then looks at its connection every 5 s only.
                self.end(self.writer)
                self.reader.send_signal(signal.SIGCONT)
                self.assertEqual(self.daemon.process.wait(harness.DEADLINE_S), 0, self.daemon.log_text())
                _, errors = self.reader.communicate(timeout=harness.DEADLINE_S)
                with open(self.out, encoding="utf-8") as file:
                    responses = [json.loads(line) for line in file]
                self.assertEqual(responses[-1]["type"], "end", errors.decode())
                self.assertEqual(sum(one["frame_count"] for one in responses if one["type"] == "block"),
                                 self.n_samples // 160)

    def test_is_cut_off_in_the_end(self):
        self.start(1)
        self.drain(0.5)
        self.assertEqual(self.daemon.process.wait(harness.DEADLINE_S), 75, self.daemon.log_text())

    def test_does_not_keep_a_second_signal_waiting(self):
        self.start(30)
        self.drain(1)
        self.daemon.process.send_signal(signal.SIGINT)
        self.assertEqual(self.daemon.process.wait(harness.DEADLINE_S), 75, self.daemon.log_text())
        self.assertIn("stopped_at_once", self.daemon.log_text())
