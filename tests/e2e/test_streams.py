"""Live streams and those who follow them: fan-out, late readers, the view."""
import json
import os
import subprocess

import numpy

import harness

FRONT_ENDS = {"whisper-80": "whisper80_raw", "whisper-128": "whisper128_raw", "kaldi-80": "kaldi80",
              "paraformer-560": "paraformer560", "nemo-80": "nemo80_raw"}


class Streams(harness.DaemonTest):
    config = '[features]\nalways = ["whisper-80"]\n'

    def publisher(self, stream):
        """Starts `push` from a pipe at full speed."""
        process = self.daemon.start_client("push", "-", "--stream", stream, "--rate", "16000", "--encoding", "s16le",
                                           "--channels", "1", "--pace", "fast", stdin=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    def reader(self, stream, front_end, *arguments):
        process = self.daemon.start_client("subscribe", stream, "--front-end", front_end, *arguments)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def complete(self, process, content=None):
        output, errors = process.communicate(content, timeout=harness.DEADLINE_S)
        self.assertEqual(process.returncode, 0, errors.decode())
        return output.decode(), errors.decode()

    def assert_golden(self, preset, features):
        report = harness.compare_with_golden(preset, "espeak", features)
        self.assertTrue(report["pass"], report)

    def test_many_front_ends_of_one_stream(self):
        readers = {}
        for front_end in FRONT_ENDS:
            out = os.path.join(self.daemon.folder, "fan-%s.npy" % front_end)
            readers[front_end] = (out, self.reader("fan", front_end, "--wait", "--start", "frame:0", "--out", out))
        writer = self.publisher("fan")
        # No sample goes before all readers are there: front ends that nobody asked for are not computed.
        harness.wait_until(lambda: self.daemon.streams().get("fan", {}).get("subscriber_count") == len(readers),
                           "the subscriptions")
        self.complete(writer, harness.pcm16("espeak"))
        for front_end, (out, reader) in readers.items():
            with self.subTest(front_end=front_end):
                self.complete(reader)
                self.assert_golden(FRONT_ENDS[front_end], numpy.load(out))

    def test_readers_with_options_of_their_own(self):
        """Block size, element type and normalization are a subscription's own."""
        out = os.path.join(self.daemon.folder, "f16.npy")
        half = self.reader("own", "whisper-80", "--wait", "--start", "frame:0", "--element-type", "f16", "--block", "1",
                           "--out", out)
        running = self.reader("own", "whisper-80", "--wait", "--start", "frame:0", "--normalization", "running_max",
                              "--block", "50", "--out", "-", "--json")
        writer = self.publisher("own")
        harness.wait_until(lambda: self.daemon.streams().get("own", {}).get("subscriber_count") == 2, "the subscriptions")
        self.complete(writer, harness.pcm16("espeak"))
        golden = numpy.load(os.path.join(harness.GOLDEN, "features", "whisper80_raw", "espeak.npy"))
        self.complete(half)
        self.assertLess(float(numpy.abs(numpy.load(out) - golden).max()), 0.01)
        output, _ = self.complete(running)
        responses = [json.loads(line) for line in output.splitlines()]
        rows = numpy.array([row for one in responses if one["type"] == "block" for row in one["values"]])
        largest = numpy.maximum.accumulate(golden.max(axis=1))[:, None]
        expected = (numpy.maximum(golden, largest - 8) + 4) / 4
        self.assertEqual(rows.shape, expected.shape)
        self.assertLess(float(numpy.abs(rows - expected).max()), 0.01)

    def test_late_reader_gets_what_the_history_holds(self):
        """whisper-80 is computed from the opening on: a reader that comes after the end still gets every frame."""
        self.complete(self.publisher("late"), harness.pcm16("espeak"))
        out = os.path.join(self.daemon.folder, "late.npy")
        self.complete(self.reader("late", "whisper-80", "--start", "frame:0", "--out", out))
        self.assert_golden("whisper80_raw", numpy.load(out))

    def test_late_reader_of_a_front_end_not_computed_gets_an_explicit_gap(self):
        samples = harness.pcm16("espeak")
        writer = self.publisher("gapped")
        half = len(samples) // 4 * 2
        writer.stdin.write(samples[:half])
        writer.stdin.flush()
        n_half = half // 2
        # The client sends 20 ms at a time; less than that may still wait in it.
        harness.wait_until(lambda: int(self.daemon.streams().get("gapped", {}).get("timeline_samples", 0)) >= n_half - 320,
                           "the first half's arrival")
        reader = self.reader("gapped", "kaldi-80", "--start", "frame:0", "--out", "-", "--json")
        harness.wait_until(lambda: self.daemon.streams()["gapped"]["subscriber_count"] == 1, "the subscription")
        self.complete(writer, samples[half:])
        output, _ = self.complete(reader)
        responses = [json.loads(line) for line in output.splitlines()]
        golden = numpy.load(os.path.join(harness.GOLDEN, "features", "kaldi80", "espeak.npy"))
        gap = next(one for one in responses if one["type"] == "gap")
        self.assertEqual(gap["first_frame"], 0)
        self.assertIn("HISTORY_EVICTED", gap["reason"].upper())
        self.assertGreater(gap["frame_count"], n_half // 160 - 10)
        rows = numpy.array([row for one in responses if one["type"] == "block" for row in one["values"]], numpy.float32)
        self.assertEqual(gap["frame_count"] + len(rows), len(golden))
        self.assertLess(float(numpy.abs(rows - golden[gap["frame_count"]:]).max()), 0.01)

    def test_gap_in_an_npy_is_refused_unless_filled(self):
        self.complete(self.publisher("fill"), harness.pcm16("espeak"))
        out = os.path.join(self.daemon.folder, "fill.npy")
        refused = self.daemon.client("subscribe", "fill", "--front-end", "whisper-80", "--start", "frame:0", "--out", out)
        self.assertEqual(refused.returncode, 0, refused.stderr)
        whole = numpy.load(out)
        os.unlink(out)
        # Ten frames before the stream's first cannot be: ask for a front end's frames that the history never held.
        refused = self.daemon.client("subscribe", "fill", "--front-end", "kaldi-80", "--start", "frame:0", "--out", out)
        self.assertNotEqual(refused.returncode, 0)
        self.assertFalse(os.path.exists(out))
        self.assertEqual(len(whole), harness.golden_entry("whisper80_raw", "espeak")["n_frames"])

    def test_view_waits_for_the_first_stream_to_come(self):
        daemon = harness.Daemon()
        self.addCleanup(daemon.close)
        viewer = daemon.start_client("view", "--wait", "--until-end", "--summary", "--plain")
        self.addCleanup(self.end, viewer)
        self.assertIn(b"waiting for a stream", viewer.stderr.readline())
        result = daemon.client("push", harness.audio("tone1k"), "--stream", "first", "--pace", "realtime")
        self.assertEqual(result.returncode, 0, result.stderr)
        output, _ = self.complete(viewer)
        self.assertIn(" 0 gaps", output)

    def test_view_ends_with_the_stream_and_sums_up(self):
        viewer = self.daemon.start_client("view", "seen", "--front-end", "whisper-80", "--wait", "--until-end", "--summary")
        self.addCleanup(self.end, viewer)
        writer = self.publisher("seen")
        harness.wait_until(lambda: self.daemon.streams().get("seen", {}).get("subscriber_count") == 1, "the view")
        pcm = harness.pcm16("espeak")
        writer.stdin.write(pcm[:32000])
        writer.stdin.flush()
        first_line = viewer.stdout.readline()  # latency counts from when the viewer knows that it is subscribed
        self.assertIn(b"seen", first_line)
        self.complete(writer, pcm[32000:])
        output, errors = self.complete(viewer)
        self.assertIn(str(harness.golden_entry("whisper80_raw", "espeak")["n_frames"]), output + errors)
        self.assertRegex(output + errors, r"p50")
        self.assertRegex(output + errors, r"p99")
        self.assertNotIn("\x1b", output, "escape codes where there is no terminal")

    def test_300_streams_one_after_the_other(self):
        """Ended streams leave: more streams than may live at once can follow each other. (The default allows 256.)"""
        pcm = harness.pcm16("short561")
        path = harness.wav(os.path.join(self.daemon.folder, "tiny.wav"), numpy.frombuffer(pcm, "<i2"))
        n = 300 if harness.full else 60
        for number in range(n):
            result = self.daemon.client("push", path, "--stream", "short-%d" % number, "--pace", "fast")
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(self.daemon.answers())
