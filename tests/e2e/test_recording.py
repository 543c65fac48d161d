"""Recordings: what a subscription received, with its timing and gaps, again. And `listen`, the demo in one command."""
import os
import re
import subprocess
import unittest

import numpy

import harness


def kaldi_matrices(path):
    """The matrices of a binary archive of Kaldi, by key."""
    with open(path, "rb") as file:
        content = file.read()
    found = {}
    at = 0
    while at < len(content):
        space = content.index(b" ", at)
        key = content[at:space].decode()
        assert content[space + 1:space + 7] == b"\0BFM \4", content[space:space + 8]
        rows = int.from_bytes(content[space + 7:space + 11], "little")
        columns = int.from_bytes(content[space + 12:space + 16], "little")
        begin = space + 16
        found[key] = numpy.frombuffer(content, "<f4", rows * columns, begin).reshape(rows, columns)
        at = begin + rows * columns * 4
    return found


class Recordings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = harness.Daemon('[features]\nalways = ["whisper-80"]\n')
        cls.addClassCleanup(cls.daemon.close)
        cls.recording = cls.path("espeak.mel")
        recorder = cls.daemon.start_client("record", "mic", "--front-end", "whisper-80", "--wait", "--start", "frame:0",
                                           "--out", cls.recording)
        cls.daemon.client("push", harness.audio("espeak"), "--stream", "mic", "--pace", "fast")
        _, errors = recorder.communicate(timeout=harness.DEADLINE_S)
        assert recorder.returncode == 0, errors
        cls.n_frames = harness.golden_entry("whisper80_raw", "espeak")["n_frames"]

    @classmethod
    def path(cls, name):
        return os.path.join(cls.daemon.folder, name)

    def play(self, *arguments, returncode=0):
        result = subprocess.run([harness.program("melstream"), "play", *arguments], capture_output=True, text=True,
                                timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, returncode, result.stderr)
        return result

    def assert_golden(self, features):
        report = harness.compare_with_golden("whisper80_raw", "espeak", features)
        self.assertTrue(report["pass"], report)

    def test_npz_has_rows_times_and_the_spec(self):
        self.play(self.recording, "--out", self.path("espeak.npz"))
        data = numpy.load(self.path("espeak.npz"))
        self.assert_golden(data["features"])
        numpy.testing.assert_array_equal(data["frames"], numpy.arange(self.n_frames))
        numpy.testing.assert_array_equal(data["samples"], 160 * numpy.arange(self.n_frames))
        self.assertEqual(set(numpy.diff(data["capture_time_ns"])), {10_000_000})
        self.assertTrue((numpy.diff(data["arrival_ns"]) >= 0).all())
        self.assertEqual(data["gaps"].shape, (0, 2))
        listed = self.daemon.client("front-ends", "--json").stdout
        self.assertIn(data["spec_sha256"].item().decode(), listed)

    def test_kaldi_archive(self):
        self.play(self.recording, "--out", self.path("espeak.ark"))
        matrices = kaldi_matrices(self.path("espeak.ark"))
        self.assertEqual(len(matrices), 1)
        (key, features), = matrices.items()
        self.assertRegex(key, r"^mic-[0-9a-f]{16}-000000000$")
        self.assert_golden(features)
        with open(self.path("espeak.scp"), encoding="utf-8") as file:
            self.assertEqual(file.read().split()[0], key)

    def test_a_gap_stays_one(self):
        """A recorder that comes late, of a front end that nobody had asked for: its first frames are a gap."""
        pcm = harness.pcm16("espeak")
        writer = self.daemon.start_client("push", "-", "--stream", "late", "--rate", "16000", "--encoding", "s16le",
                                          "--channels", "1", "--pace", "fast", stdin=subprocess.PIPE)
        writer.stdin.write(pcm[:32000])
        writer.stdin.flush()
        harness.wait_until(lambda: self.daemon.streams().get("late", {}).get("timeline_samples") == 16000, "a second")
        recording = self.path("gap.mel")
        recorder = self.daemon.start_client("record", "late", "--front-end", "kaldi-80", "--start", "frame:0", "--out",
                                            recording)
        self.addCleanup(recorder.communicate)
        harness.wait_until(lambda: self.daemon.streams()["late"]["subscriber_count"] == 1, "the recorder")
        writer.communicate(pcm[32000:])
        self.assertEqual(recorder.wait(harness.DEADLINE_S), 0)
        self.play(recording, "--out", self.path("gap.npz"))
        data = numpy.load(self.path("gap.npz"))
        lost = int(data["gaps"][:, 1].sum())
        self.assertGreater(lost, 50)
        self.assertEqual(data["gaps"][0, 0], 0)
        self.assertEqual(data["frames"][0], lost)
        self.assertEqual(len(data["frames"]), len(data["features"]))
        self.play(recording, "--out", self.path("gap.ark"))
        key, = kaldi_matrices(self.path("gap.ark"))
        self.assertTrue(key.endswith("-%09d" % lost), key)
        self.play(recording, "--out", self.path("gap.npy"), returncode=1)
        self.assertFalse(os.path.exists(self.path("gap.npy")))

    def test_who_waits_misses_nothing(self):
        """Of a front end that nobody else wants, and of audio that comes as fast as it can: from the first frame."""
        for number in range(5):
            stream = "awaited-%d" % number
            recording = self.path(stream + ".mel")
            recorder = self.daemon.start_client("record", stream, "--front-end", "nemo-80", "--wait", "--out", recording)
            self.addCleanup(recorder.communicate)
            harness.wait_until(lambda name=stream: name in self.daemon.client("subscribers").stdout, "the recorder")
            self.daemon.client("push", harness.audio("espeak"), "--stream", stream, "--pace", "fast")
            self.assertEqual(recorder.wait(harness.DEADLINE_S), 0)
            self.play(recording, "--out", self.path(stream + ".npz"))
            data = numpy.load(self.path(stream + ".npz"))
            self.assertEqual((int(data["frames"][0]), len(data["gaps"])), (0, 0))

    def test_text_shows_what_subscribe_showed(self):
        result = self.play(self.recording, "--pace", "fast")
        self.assertRegex(result.stdout, r"start mic epoch [0-9a-f]{16}: whisper-80, 80 bins, from frame 0")
        self.assertIn("end COMPLETED", result.stdout)
        self.assertIn("%d frames, 0 gaps" % self.n_frames, result.stderr)

    def serve(self, recording, socket):
        server = subprocess.Popen([harness.program("melstream"), "play", recording, "--listen", "unix:" + socket],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        self.assertIn(b"listening on", server.stdout.readline())

    def test_served_to_a_client_that_knows_nothing_of_it(self):
        socket = self.path("play.sock")
        self.serve(self.recording, socket)
        out = self.path("again.npy")
        there = "unix:" + socket
        result = harness.run_client("subscribe", "mic", "--front-end", "whisper-80", "--out", out, server=there)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_golden(numpy.load(out))
        result = harness.run_client("subscribe", "mic", "--front-end", "whisper-80", "--smoothing", "box3x3", server=there)
        self.assertIn("ask for what was recorded", result.stderr)
        result = harness.run_client("window", "mic", "--front-end", "whisper-80", "--start", "0", "--duration", "1",
                                    "--out", out, server=there)
        self.assertIn("no audio", result.stderr)

    def test_a_killed_recorder_leaves_what_it_had(self):
        with open(self.recording, "rb") as file:
            content = file.read()
        cut = self.path("cut.mel")
        with open(cut, "wb") as file:
            file.write(content[:len(content) * 2 // 3])
        result = self.play(cut, "--pace", "fast", returncode=1)
        self.assertIn("was cut off after", result.stderr)
        self.assertIn("frames", result.stdout)

    def test_a_recording_that_was_cut_off_is_served_as_such(self):
        with open(self.recording, "rb") as file:
            content = file.read()
        cut, socket = self.path("served-cut.mel"), self.path("cut.sock")
        with open(cut, "wb") as file:
            file.write(content[:len(content) // 2])
        self.serve(cut, socket)
        result = harness.run_client("subscribe", "mic", "--front-end", "whisper-80", server="unix:" + socket)
        self.assertEqual(result.returncode, 1)
        self.assertIn("was cut off here (DATA_LOSS)", result.stderr)

    def test_nobody_loses_a_socket_to_it(self):
        result = self.play(self.recording, "--listen", self.daemon.address, returncode=69)
        self.assertIn("somebody listens there", result.stderr)
        self.assertEqual(self.daemon.client("info").returncode, 0)
        self.assertTrue(os.path.exists(self.daemon.socket))
        result = self.play(self.recording, "--listen", "unix:" + self.recording, returncode=64)
        self.assertIn("no socket", result.stderr)

    def test_what_failed_leaves_nothing_and_harms_nothing(self):
        out = self.path("nothing.mel")
        result = self.daemon.client("record", "nobody", "--front-end", "whisper-80", "--out", out)
        self.assertIn("no stream 'nobody'", result.stderr)
        self.assertFalse(os.path.exists(out))
        archive = self.path("precious.ark")
        with open(archive, "wb") as file:
            file.write(b"precious")
        with open(self.recording, "rb") as file:
            content = bytearray(file.read())
        content[-40] ^= 1
        damaged = self.path("damaged-end.mel")
        with open(damaged, "wb") as file:
            file.write(content)
        self.play(damaged, "--out", archive, returncode=66)
        with open(archive, "rb") as file:
            self.assertEqual(file.read(), b"precious")
        self.assertEqual([name for name in os.listdir(self.daemon.folder) if ".partial-" in name], [])

    def test_damage_is_told(self):
        with open(self.recording, "rb") as file:
            content = bytearray(file.read())
        content[len(content) // 2] ^= 1
        damaged = self.path("damaged.mel")
        with open(damaged, "wb") as file:
            file.write(content)
        result = self.play(damaged, "--pace", "fast", returncode=66)
        self.assertRegex(result.stderr, r"the record at byte \d+ has another CRC-32")

    def test_nothing_is_replaced(self):
        result = self.daemon.client("record", "mic", "--front-end", "whisper-80", "--out", self.recording)
        self.assertEqual(result.returncode, 66)
        self.assertIn("is there already", result.stderr)

    def test_what_is_no_recording(self):
        result = self.play(harness.audio("espeak"), returncode=66)
        self.assertIn("is no recording of 'melstream record'", result.stderr)

    def test_recordings_hold_no_tokens(self):
        """A token leads into the daemon that made it; a recording is sent to others."""
        lines = self.daemon.client("subscribe", "mic", "--front-end", "whisper-80", "--start", "frame:0", "--json",
                                   "--no-values").stdout.splitlines()
        self.assertTrue(any(re.search(r'"resume_token": "[0-9a-f]+"', line) for line in lines))
        played = self.play(self.recording, "--json", "--no-values", "--pace", "fast").stdout
        self.assertIn('"resume_token": ""', played)
        self.assertNotRegex(played, r'"resume_token": "[0-9a-f]+"')


class Listen(unittest.TestCase):
    def listen(self, *arguments, **environment):
        with_home = dict(os.environ, XDG_RUNTIME_DIR="/nonexistent", **environment)
        with_home.pop("MELSTREAM_SERVER", None)
        return subprocess.run([harness.program("melstream"), "listen", "--plain", *arguments], capture_output=True,
                              text=True, timeout=harness.DEADLINE_S, env=with_home, check=False)

    def test_a_file_without_a_daemon(self):
        result = self.listen("--file", harness.audio("espeak"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"latency +[0-9.]+ ms +0 gaps")
        self.assertIn("%d frames, 0 gaps" % harness.golden_entry("whisper80_raw", "espeak")["n_frames"], result.stdout)

    def test_a_daemon_that_runs_is_used(self):
        daemon = harness.Daemon()
        self.addCleanup(daemon.close)
        result = daemon.client("listen", "--plain", "--frames", "50", "--file", harness.audio("espeak"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("started one", result.stderr)
        self.assertRegex(result.stdout, r"\n5\d frames, 0 gaps")

    def test_without_a_microphone(self):
        daemon = harness.Daemon(environment=dict(os.environ, PULSE_SERVER="unix:/nonexistent"))
        self.addCleanup(daemon.close)
        if "no devices" not in daemon.client("devices").stdout:
            self.skipTest("this machine has a sound card")
        result = daemon.client("listen", "--plain")
        self.assertEqual(result.returncode, 1)
        self.assertIn("listen --file", result.stderr)

    def test_a_named_server_that_is_away_is_no_reason_to_start_one(self):
        result = self.listen("--server", "unix:/nonexistent/s", "--file", harness.audio("espeak"))
        self.assertEqual(result.returncode, 69)
        self.assertNotIn("started one", result.stderr)


if __name__ == "__main__":
    unittest.main()
