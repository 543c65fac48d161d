"""Features through the daemon equal those of the genuine front ends, however the audio is cut."""
import concurrent.futures
import json
import os
import subprocess
import sys
import unittest

import numpy

import harness

CLIPS = ("jfk", "espeak", "chirp", "white", "tone1k", "impulse", "silence", "short80", "short201", "short400", "short561")


class GoldenSet(unittest.TestCase):
    def test_files_are_as_their_manifest_says(self):
        result = subprocess.run([sys.executable, os.path.join(harness.GOLDEN, "check.py"), "--selftest"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


class Golden(harness.DaemonTest):
    def check_entry(self, entry):
        """Returns None, or what is wrong."""
        result, features = self.daemon.extract(harness.audio(entry["audio"]), entry["preset"])
        if result.returncode != 0:
            return "%s %s: exit %d: %s" % (entry["preset"], entry["audio"], result.returncode, result.stderr.strip())
        report = harness.compare_with_golden(entry["preset"], entry["audio"], features)
        return None if report["pass"] else "%s %s: %s" % (entry["preset"], entry["audio"], report)

    def check_preset(self, preset):
        entries = [entry for entry in harness.manifest["entries"]
                   if entry["preset"] == preset and (harness.full or entry["audio"] in CLIPS)]
        self.assertTrue(entries)
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            wrong = [text for text in pool.map(self.check_entry, entries) if text]
        self.assertEqual(wrong, [])

    def test_clips_that_the_genuine_code_refuses_have_no_frames(self):
        refused = [entry for entry in harness.manifest["genuine_errors"] if entry["preset"] == "whisper80_raw"]
        self.assertTrue(refused)
        for entry in refused:
            with self.subTest(clip=entry["audio"]):
                result, features = self.daemon.extract(harness.audio(entry["audio"]), "whisper-80")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(features.shape, (0, 80))

    def test_verify_passes(self):
        result = self.daemon.client("verify", "--golden", harness.GOLDEN, timeout=300)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotIn("FAIL", result.stdout)
        for preset in harness.manifest["presets"]:
            self.assertIn(preset, result.stdout)

    def test_verify_fails_on_other_features(self):
        """A golden set with one wrong file: verify must say so."""
        golden = os.path.join(self.daemon.folder, "golden")
        os.makedirs(os.path.join(golden, "features"))
        for name in ("audio", "cmvn", "manifest.json"):
            os.symlink(os.path.join(harness.GOLDEN, name), os.path.join(golden, name))
        for preset in harness.manifest["presets"]:
            os.symlink(os.path.join(harness.GOLDEN, "features", preset), os.path.join(golden, "features", preset))
        os.unlink(os.path.join(golden, "features", "kaldi80"))
        os.makedirs(os.path.join(golden, "features", "kaldi80"))
        for entry in harness.manifest["entries"]:
            if entry["preset"] == "kaldi80":
                features = numpy.load(os.path.join(harness.GOLDEN, entry["file"]), allow_pickle=False)
                if entry["audio"] == "espeak":
                    features = features + numpy.float32(0.5)
                numpy.save(os.path.join(golden, entry["file"]), features)
        result = self.daemon.client("verify", "--golden", golden, timeout=300)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        failed = [line for line in result.stdout.splitlines() if "FAIL" in line]
        self.assertTrue(any("kaldi80" in line for line in failed), result.stdout)
        self.assertFalse(any("whisper80_raw" in line for line in failed), result.stdout)


def _add_preset_tests():
    """One test a preset, so that a failure names it."""
    for preset in harness.manifest["presets"]:
        def test(self, preset=preset):
            self.check_preset(preset)
        setattr(Golden, "test_extract_" + preset, test)


_add_preset_tests()


class Chunking(harness.DaemonTest):
    """The same bits however the source cuts its samples."""

    front_ends = ("whisper-80", "kaldi-80", "wenet-80", "paraformer-560", "nemo-80", "mfcc-13")

    def assert_same_bits(self, path, *arguments):
        for front_end in self.front_ends:
            with self.subTest(front_end=front_end):
                whole = None
                for chunk in (4096, 441, 160, 7, 1):
                    result, features = self.daemon.extract(path, front_end, "--chunk-samples", str(chunk), *arguments)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    if whole is None:
                        whole = features
                        self.assertGreater(len(whole), 5)
                    self.assertEqual(whole.tobytes(), features.tobytes(), "chunks of %d samples" % chunk)

    def test_at_16_khz(self):
        samples = numpy.frombuffer(harness.pcm16("espeak"), "<i2")[8000:14000]
        self.assert_same_bits(harness.wav(os.path.join(self.daemon.folder, "short.wav"), samples))

    def test_resampled_from_44100_hz_stereo(self):
        n = 30000
        left = numpy.sin(numpy.arange(n) * 0.05) * 9000
        right = numpy.sin(numpy.arange(n) * 0.31) * 5000
        path = os.path.join(self.daemon.folder, "stereo.wav")
        harness.wav(path, numpy.stack([left, right], axis=1).round(), rate=44100, channels=2)
        self.assert_same_bits(path)


class Formats(harness.DaemonTest):
    """Sources that are not 16 kHz mono 16-bit give the features of their decoded, resampled, mixed audio."""

    def mean_difference(self, source, reference):
        result, features = self.daemon.extract(harness.audio(source), "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        result, expected = self.daemon.extract(harness.audio(reference), "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        n = min(len(features), len(expected))
        self.assertLessEqual(abs(len(features) - len(expected)), 1)
        # Filters of resamplers differ near the band's edge (4 kHz for the telephone clip) and in silence.
        return float(numpy.abs(features[:n, :50] - expected[:n, :50]).mean())

    def test_telephone_mu_law(self):
        self.assertLess(self.mean_difference("espeak_8k_mulaw", "espeak_8k_mulaw_to16k_ref"), 0.05)

    def test_44100_hz_stereo_is_mixed(self):
        self.assertLess(self.mean_difference("espeak_44k1_stereo", "espeak_44k1_stereo_to16k_ref"), 0.05)

    def test_one_channel_of_two(self):
        """The second channel has half the amplitude: log10 of a quarter of the power below the first."""
        path = harness.audio("espeak_44k1_stereo")
        _, first = self.daemon.extract(path, "whisper-80", "--channel", "0")
        _, second = self.daemon.extract(path, "whisper-80", "--channel", "1")
        loud = first > -4
        self.assertAlmostEqual(float((first - second)[loud].mean()), float(numpy.log10(4.0)), delta=0.02)


class Numbers(harness.DaemonTest):
    def test_front_ends_print_their_hash(self):
        result = self.daemon.client("front-ends", "--spec", "whisper-80")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"\b[0-9a-f]{64}\b")
        self.assertIn("n_fft=400", result.stdout)

    def test_compare_names_the_worst_cell(self):
        golden = os.path.join(harness.GOLDEN, "features", "whisper80_raw", "espeak.npy")
        other = os.path.join(self.daemon.folder, "other.npy")
        features = numpy.load(golden)
        features[17, 23] += 0.25
        numpy.save(other, features)
        result = harness.run_client("compare", other, golden, "--front-end", "whisper-80")
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"frame 17\b")
        self.assertRegex(result.stdout, r"bin 23\b")
        result = harness.run_client("compare", golden, golden, "--front-end", "whisper-80")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_window_equals_extract(self):
        """A window of a live stream is the offline tensor of just these samples, edges and normalization included."""
        samples = harness.pcm16("espeak")
        # The client sends 20 ms at a time, and the stream stays open: whole chunks only.
        whole = samples[:len(samples) // 640 * 640]
        writer = self.daemon.start_client("push", "-", "--stream", "windowed", "--rate", "16000", "--encoding", "s16le",
                                          "--channels", "1", "--pace", "fast", stdin=subprocess.PIPE)
        self.addCleanup(writer.wait)
        self.addCleanup(writer.kill)
        writer.stdin.write(whole)
        writer.stdin.flush()
        harness.wait_until(lambda: "windowed" in self.daemon.streams(), "the stream's opening")
        begin, end = 4321, len(whole) // 2 - 1234
        path = harness.wav(os.path.join(self.daemon.folder, "part.wav"), numpy.frombuffer(whole, "<i2")[begin:end])
        out = os.path.join(self.daemon.folder, "window.npy")
        for normalization, front_end in (("none", "kaldi-80"), ("whisper_window", "whisper-80"),
                                         ("per_feature_window", "nemo-80")):
            with self.subTest(normalization=normalization):
                result = self.daemon.client("window", "windowed", "--start", "%.9f" % (begin / harness.RATE), "--duration",
                                            "%.9f" % ((end - begin) / harness.RATE), "--front-end", front_end,
                                            "--normalization", normalization, "--out", out)
                self.assertEqual(result.returncode, 0, result.stderr)
                _, expected = self.daemon.extract(path, front_end, "--normalization", normalization)
                window = numpy.load(out)
                self.assertEqual(window.shape, expected.shape)
                # The sums of the normalization may run in another order; raw rows are equal to the bit.
                self.assertLessEqual(float(numpy.abs(window - expected).max()), 0.0 if normalization == "none" else 2e-6)
        writer.communicate(timeout=harness.DEADLINE_S)

    # Network streams keep no audio unless told to.
    config = "[stream]\naudio_history_s = 40\n"

    def test_json_is_json(self):
        for command in ("info", "streams", "front-ends"):
            with self.subTest(command=command):
                result = self.daemon.client(command, "--json")
                self.assertEqual(result.returncode, 0, result.stderr)
                json.loads(result.stdout)
