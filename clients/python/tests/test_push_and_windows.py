"""Publishing from files, arrays and generators; exact windows; listings."""
import os
import struct
import unittest

import numpy as np

import melstream
from case import DaemonTest, Gate, Task, audio, live_clip, samples


class Push(DaemonTest):
    def features(self, stream):
        return self.assert_tiled(list(self.client.subscribe(stream, front_end="whisper-80", start="first")))

    def test_sources_give_the_same_features(self):
        pcm = samples("espeak")
        sources = {
            "wav": audio("espeak"),
            "int16": pcm,
            "float": pcm.astype(np.float32) / 32768,
            "int32": pcm.astype(np.int32) * 65536,
            "stereo": np.stack([pcm, pcm], axis=1),
            "generator": (pcm[at:at + 1000] for at in range(0, len(pcm), 1000)),
            "bytes": [pcm.tobytes()],
        }
        for name, source in sources.items():
            with self.subTest(name):
                result = self.client.push("source-" + name, source)
                self.assertEqual((result.accepted_samples, result.reason), (len(pcm), "COMPLETED"))
                self.assertEqual(list(result.epochs), ["source-" + name])
                self.assert_golden("whisper80_raw", "espeak", self.features("source-" + name))

    def test_other_wav_files(self):
        self.assertEqual(self.client.push("mulaw", audio("espeak_8k_mulaw")).timeline_samples, 46536)
        result = self.client.push("split", audio("espeak_44k1_stereo"), channel="split")
        self.assertEqual(sorted(result.epochs), ["split.0", "split.1"])

    def test_realtime_takes_as_long_as_it_sounds(self):
        # Not how long it takes, only that nothing is lost: a live stream drops what has no room.
        result = self.client.push("realtime", samples("espeak")[:8000], pace="realtime", chunk_seconds=0.02)
        self.assertEqual((result.accepted_samples, result.dropped_samples), (8000, 0))

    def test_an_error_of_the_source_is_raised_after_the_stream_has_ended(self):
        def source():
            yield samples("espeak")
            raise KeyError("the source's own")

        with self.assertRaisesRegex(KeyError, "the source's own"):
            self.client.push("broken", source())
        subscription = self.client.subscribe("broken", front_end="whisper-80", start="first")
        self.assertEqual(len(self.assert_tiled(list(subscription))), 290)
        self.assertEqual(subscription.end.reason, "COMPLETED")

    def test_a_live_id_is_refused_or_taken_over(self):
        gate = Gate(samples("espeak"), 8000)
        first = Task(self.client.push, "taken", gate)
        next(self.client.subscribe("taken", front_end="whisper-80", start="first", wait=True))
        with self.assertRaisesRegex(melstream.StreamExists, "takeover=True"):
            self.client.push("taken", samples("espeak"))
        self.client.push("taken", samples("espeak"), takeover=True)
        gate.open()
        with self.assertRaises(melstream.TakenOver):
            first.join()

    def test_bad_sources(self):
        path = os.path.join(self.daemon.folder, "bad.wav")
        with open(path, "wb") as file:
            file.write(b"RIFF" + struct.pack("<I", 4) + b"WAVE")
        cases = (
            (dict(source="/nonexistent.wav"), "No such file"),
            (dict(source=__file__), "not a WAV file"),
            (dict(source=path), "no audio"),
            (dict(source=np.zeros((2, 2, 2))), "shape"),
            (dict(source=np.zeros(5, np.uint8)), "type uint8"),
            (dict(source=[]), "no chunk came"),
            (dict(source=[b"123"]), "whole number of samples"),
            (dict(source=[b"1234"], encoding="mp3"), "use one of s16le"),
            (dict(source=np.zeros(9, np.int16), pace="slow"), "use one of realtime, fast"),
            (dict(source=np.zeros(9, np.int16), rate=1), "sample_rate"),
            (dict(source=np.zeros(9, np.int16), channel="left"), "split"),
        )
        for keywords, words in cases:
            with self.subTest(words), self.assertRaisesRegex(melstream.InvalidArgument, words):
                self.client.push("bad", **keywords)


class Windows(DaemonTest):
    """A stream's audio is wiped when it ends: the windows are asked for while it lives."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clip = live_clip(cls.client, "jfk", "jfk")
        clip.__enter__()
        cls.addClassCleanup(clip.__exit__, None, None, None)

    def test_whispers_input(self):
        window = self.client.window("jfk", model="whisper", start=0, seconds=11)
        self.assertEqual((window.shape, window.features.dtype), ((1, 80, 3000), np.float32))
        self.assert_golden("whisper80_norm30s", "jfk", np.asarray(window)[0].T)
        newest = self.client.window("jfk", model="openai/whisper-tiny")
        np.testing.assert_array_equal(newest, window)
        self.assertEqual((newest.begin_sample, newest.end_sample), (0, 176000))

    def test_large_v3_has_128_bins(self):
        self.assertEqual(self.client.window("jfk", model="whisper-large-v3").shape, (1, 128, 3000))

    def test_other_front_ends(self):
        window = self.client.window("jfk", front_end="nemo-80", normalization="per_feature_window", start=0, seconds=11)
        self.assert_golden("nemo80_norm", "jfk", window)
        self.assertEqual(self.client.window("jfk", model="zipformer", start=0, seconds=1).shape, (1, 100, 80))

    @unittest.skipUnless(hasattr(np, "from_dlpack"), "NumPy has no from_dlpack")
    def test_dlpack_shares_memory(self):
        window = self.client.window("jfk", model="whisper")
        shared = np.from_dlpack(window)
        self.assertTrue(np.shares_memory(shared, window.features))

    def test_torch(self):
        try:
            import torch
        except ImportError:
            self.skipTest("torch is not installed")
        tensor = torch.from_dlpack(self.client.window("jfk", model="whisper"))
        self.assertEqual((tuple(tensor.shape), tensor.dtype), ((1, 80, 3000), torch.float32))

    def test_a_window_that_cannot_be_had(self):
        with self.assertRaisesRegex(melstream.WindowUnavailable, r"held: samples \[0, 176000\)") as caught:
            self.client.window("jfk", model="whisper", start=10, seconds=30, timeout=0.1)
        self.assertEqual(caught.exception.held, (0, 176000))
        with self.assertRaisesRegex(melstream.StreamNotFound, "there are: jfk"):
            self.client.window("nobody", model="whisper")
        with self.assertRaisesRegex(melstream.InvalidArgument, "model="):
            self.client.window("jfk")
        with self.assertRaisesRegex(melstream.InvalidArgument, "melstream doctor"):
            self.client.window("jfk", model="gpt")
        with self.assertRaisesRegex(melstream.WrongFrontEnd, "trained on whisper-128"):
            self.client.window("jfk", model="whisper-large-v3", front_end="whisper-80")

    def test_listings(self):
        (stream,) = self.client.streams(["jfk"])
        self.assertEqual((stream.state, stream.audio_held), ("LIVE", (0, 176000)))
        self.assertEqual(self.client.streams(labels="room=none"), [])
        whisper = {one.name: one for one in self.client.front_ends()}["whisper-80"]
        self.assertEqual((whisper.bins, whisper.hop_samples, len(whisper.spec_sha256)), (80, 160, 64))
        self.assertIn("whisper_window", whisper.normalizations)
        self.assertEqual(self.client.info().stream_count, 1)


if __name__ == "__main__":
    unittest.main()
