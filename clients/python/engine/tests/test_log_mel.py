"""melstream.engine.log_mel: equal to the golden data, in every form that it takes and gives."""
import array
import pickle
import threading
import tracemalloc

import numpy as np

from engine_case import GoldenTest, cmvn, entries, samples
from melstream import engine


def with_cmvn():
    shift, scale = cmvn()
    return engine.FrontEnd.from_spec(engine.FrontEnd("paraformer-560").spec + "cmvn_shift=%s\ncmvn_scale=%s\n" % (
        ",".join(shift), ",".join(scale)))


#: Golden preset: arguments of log_mel.
PRESETS = {
    "whisper80_raw": dict(front_end="whisper-80"),
    "whisper128_raw": dict(front_end="whisper-128"),
    "whisper80_norm": dict(front_end="whisper-80", normalization="whisper_window"),
    "whisper128_norm": dict(front_end="whisper-128", normalization="whisper_window"),
    "whisper80_norm30s": dict(front_end="whisper-80", normalization="whisper_window", pad_to_samples=480_000),
    "kaldi80": dict(front_end="kaldi-80"),
    "kaldi80_hf0": dict(front_end="kaldi-80-hf0"),
    "kaldi80_int16": dict(front_end="kaldi-80-int16"),
    "wenet80": dict(front_end="wenet-80"),
    "funasr80": dict(front_end="funasr-80"),
    "paraformer560": dict(front_end="paraformer-560"),
    "paraformer560_cmvn": dict(front_end=with_cmvn()),
    "nemo80_raw": dict(front_end="nemo-80"),
    "nemo128_raw": dict(front_end="nemo-128"),
    "nemo80_norm": dict(front_end="nemo-80", normalization="per_feature_window"),
    "nemo128_norm": dict(front_end="nemo-128", normalization="per_feature_window"),
    "mfcc13": dict(front_end="mfcc-13"),
    "mfcc13_c0": dict(front_end="mfcc-13-c0"),
    "librosa80_power": dict(front_end="librosa-80"),
    "torchaudio80_power": dict(front_end="torchaudio-80"),
    "smooth3x3_same": dict(front_end="whisper-80", smoothing="box3x3"),
    "smooth3x3_valid": dict(front_end="whisper-80", smoothing="box3x3-valid"),
}


class Golden(GoldenTest):
    def test_every_preset_on_every_clip(self):
        n_compared = 0
        for preset, arguments in PRESETS.items():
            for entry in entries(preset):
                self.assert_golden(entry, engine.log_mel(samples(entry["audio"]), **arguments))
                n_compared += 1
        self.assertGreater(n_compared, 400)

    def test_int16_mel_major_and_batches_are_the_same_bits(self):
        clips = ["jfk", "espeak", "chirp", "short159", "silence"]
        for arguments in PRESETS.values():
            alone = [engine.log_mel(samples(clip), **arguments) for clip in clips]
            together = engine.log_mel([samples(clip, "int16") for clip in clips], layout="mel", fill=-3.0, **arguments)
            for one, features in zip(alone, together):
                np.testing.assert_array_equal(features.T[:len(one)], one)
                self.assertTrue((features.T[len(one):] == -3.0).all())


class Forms(GoldenTest):
    def setUp(self):
        self.clip = samples("espeak")
        self.features = engine.log_mel(self.clip)

    def test_lengths_of_a_batch(self):
        batch = np.full((3, 20_000), np.nan, np.float32)  # what is behind a clip is not looked at
        lengths = [20_000, 16_000, 0]
        for row, length in zip(batch, lengths):
            row[:length] = self.clip[:length]
        for given in (lengths, np.array(lengths), tuple(lengths)):
            features = engine.log_mel(batch, lengths=given)
            self.assertEqual(features.shape, (3, 125, 80))
            np.testing.assert_array_equal(features[0], engine.log_mel(self.clip[:20_000]))
            np.testing.assert_array_equal(features[1, :100], engine.log_mel(self.clip[:16_000]))
            self.assertTrue((features[1, 100:] == 0).all() and (features[2] == 0).all())

    def test_views_are_read_where_they_lie(self):
        batch = np.stack([self.clip, self.clip, self.clip])
        np.testing.assert_array_equal(engine.log_mel(batch[::2]), np.stack([self.features] * 2))
        np.testing.assert_array_equal(engine.log_mel(batch[:, 320:]), engine.log_mel(batch[:, 320:].copy()))
        np.testing.assert_array_equal(engine.log_mel(batch[::-1])[0], self.features)
        read_only = np.frombuffer(samples("espeak", "int16").tobytes(), np.int16)
        np.testing.assert_array_equal(engine.log_mel(read_only), self.features)

    def test_memory_of_others(self):
        pcm = samples("espeak", "int16")
        for given in (array.array("h", pcm.tolist()), memoryview(pcm), array.array("f", self.clip.tolist())):
            np.testing.assert_array_equal(engine.log_mel(given), self.features)

    def test_writes_to_an_array_that_is_given(self):
        out = np.full((2, 400, 90), 5, np.float32)
        given = out[:, :300, 3:83]
        result = engine.log_mel([self.clip, self.clip[:8000]], out=given, fill=1.0)
        self.assertIs(result, given)
        np.testing.assert_array_equal(out[0, :290, 3:83], self.features)
        self.assertTrue((out[0, 290:300, 3:83] == 1).all() and (out[1, 50:300, 3:83] == 1).all())
        out[:, :300, 3:83] = 5
        self.assertTrue((out == 5).all(), "something else was written")

    def test_fixed_and_running_maximum(self):
        fixed = engine.log_mel(self.clip, normalization="fixed_max", fixed_max=1.5)
        np.testing.assert_array_equal(fixed, (np.maximum(self.features, np.float32(-6.5)) + 4) / 4)
        so_far = np.maximum.accumulate(self.features.max(axis=1))[:, None]
        np.testing.assert_array_equal(engine.log_mel(self.clip, normalization="running_max"),
                                      (np.maximum(self.features, so_far - 8) + 4) / 4)

    def test_a_whisper_window_is_that_of_each_clip(self):
        together = engine.log_mel([self.clip, self.clip * np.float32(0.01)], normalization="whisper_window")
        np.testing.assert_array_equal(together[0], engine.log_mel(self.clip, normalization="whisper_window"))
        self.assertLess(together[1].max(), together[0].max())

    def test_engines_with_several_threads_and_other_instruction_sets(self):
        np.testing.assert_array_equal(engine.log_mel(self.clip, engine=engine.Engine(threads=3)), self.features)
        scalar = engine.log_mel(self.clip, engine=engine.Engine(simd="scalar"))
        self.assert_golden(next(one for one in entries("whisper80_raw") if one["audio"] == "espeak"), scalar)

    def test_threads_of_python_run_at_once(self):
        results = [None] * 6

        def work(i):
            for _ in range(10):
                results[i] = engine.log_mel(self.clip)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for result in results:
            np.testing.assert_array_equal(result, self.features)

    def test_copies_no_samples(self):
        """Python's allocator, which NumPy uses, gives memory for the features alone."""
        clip = np.tile(self.clip, 10)
        engine.log_mel(clip)
        tracemalloc.start()
        try:
            features = engine.log_mel(clip, out=None)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, features.nbytes + clip.nbytes / 100)

    def test_empty(self):
        self.assertEqual(engine.log_mel(self.clip[:0]).shape, (0, 80))
        self.assertEqual(engine.log_mel([]).shape, (0, 0, 80))
        self.assertEqual(engine.log_mel(np.empty((0, 100), np.float32)).shape, (0, 0, 80))


class FrontEnds(GoldenTest):
    def test_are_known_by_name_and_spec(self):
        for name in engine.front_ends():
            front_end = engine.FrontEnd(name)
            again = engine.FrontEnd.from_spec(front_end.spec, name)
            self.assertEqual((again.sha256, again.name), (front_end.sha256, name))
            self.assertEqual(engine.log_mel(samples("espeak"), front_end).shape,
                             (front_end.rows(len(samples("espeak"))), front_end.bins()))

    def test_a_spec_of_ones_own(self):
        front_end = engine.FrontEnd.from_spec("n_mels=40\nf_max_hz=4000")
        self.assertEqual(engine.log_mel(samples("espeak"), front_end).shape[1], 40)

    def test_go_to_other_processes(self):
        front_end = engine.FrontEnd.from_spec("n_mels=40", "mine")
        again = pickle.loads(pickle.dumps(front_end))
        self.assertEqual((again.name, again.spec), ("mine", front_end.spec))
        self.assertEqual(again, front_end)
        self.assertEqual(len({again, front_end, engine.FrontEnd("whisper-80"), engine.FrontEnd("whisper-80")}), 2)
        self.assertNotEqual(front_end, engine.FrontEnd("whisper-80"))
