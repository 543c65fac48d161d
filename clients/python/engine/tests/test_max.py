"""The op in graphs of a genuine MAX, on the CPU, against the golden features (--full). MAX takes a while to compile a
graph, so that one graph serves many tests."""
import importlib.util
import os
import types
import unittest

import numpy as np

from engine_case import GOLDEN, IS_FULL, entries, golden_check, samples

HAS_MAX = importlib.util.find_spec("max") is not None

if IS_FULL and HAS_MAX:
    from max.driver import CPU
    from max.dtype import DType
    from max.engine import InferenceSession
    from max.graph import DeviceRef, Graph, TensorType

    import melstream.max

#: Preset of the golden features, and what the op is asked for.
PRESETS = {
    "whisper80_raw": {"front_end": "whisper-80"},
    "kaldi80": {"front_end": "kaldi-80"},
    "smooth3x3_same": {"front_end": "whisper-80", "smoothing": "box3x3"},
    "whisper80_norm": {"front_end": "whisper-80", "normalization": "whisper_window"},
}
needs_max = unittest.skipUnless(IS_FULL and HAS_MAX, "needs --full" if not IS_FULL else "not installed: max")


def tensor(dtype, *shape):
    return TensorType(dtype, list(shape), device=DeviceRef.CPU())


def compiled(name, input_types, outputs):
    """A graph with what `outputs` makes of its inputs, ready to run."""
    with Graph(name, input_types=input_types, custom_extensions=[melstream.max.OPS]) as graph:
        graph.output(*outputs(*[one.tensor for one in graph.inputs]))
    return InferenceSession(devices=[CPU()]).load(graph)


def run(model, *arrays):
    return [one.to_numpy() for one in model.execute(*arrays)]


@needs_max
class OneClip(unittest.TestCase):
    """A graph that takes a clip of any length, and has an output for each preset."""

    @classmethod
    def setUpClass(cls):
        def outputs(clip):
            return [melstream.max.log_mel(clip, rows="rows_of_" + name, **arguments)
                    for name, arguments in PRESETS.items()]

        cls.model = compiled("one_clip", [tensor(DType.float32, "n_samples")], outputs)

    def features(self, clip):
        return dict(zip(PRESETS, run(self.model, samples(clip))))

    def assert_golden(self, preset):
        clips = entries(preset)
        self.assertTrue(clips)
        for entry in clips:
            with self.subTest(entry["audio"]):
                golden = np.load(os.path.join(GOLDEN, entry["file"]), allow_pickle=False)
                report = golden_check.compare(golden, self.features(entry["audio"])[preset], entry["tolerance"])
                self.assertTrue(report["pass"], report)

    def test_whisper(self):
        self.assert_golden("whisper80_raw")

    def test_kaldi(self):
        self.assert_golden("kaldi80")

    def test_smoothing(self):
        self.assert_golden("smooth3x3_same")

    def test_normalization(self):
        self.assert_golden("whisper80_norm")

    def test_what_the_engine_refuses_is_raised_with_its_message_and_harms_no_later_run(self):
        clip = samples("white")
        broken = clip.copy()
        broken[7] = np.nan
        before = run(self.model, clip)
        with self.assertRaisesRegex(ValueError, r"sample 7 is NaN; samples must be finite"):
            run(self.model, broken)
        for one, other in zip(before, run(self.model, clip)):
            np.testing.assert_array_equal(one, other)


@needs_max
class Batch(unittest.TestCase):
    """A graph that takes a batch of int16 clips with a length each: as Whisper's models want them, and as they are."""

    CLIPS = ("jfk", "white", "espeak")
    FILL = -7.0
    FIXED_MAX = 1.25

    @classmethod
    def setUpClass(cls):
        def outputs(batch, lengths):
            windows = melstream.max.log_mel(batch, normalization="whisper_window", lengths=lengths,
                                            pad_to_samples=480000, layout="mel", threads=2)
            raw = melstream.max.log_mel(batch, lengths=lengths, fill=cls.FILL)
            scaled = melstream.max.log_mel(batch, normalization="fixed_max", fixed_max=cls.FIXED_MAX, lengths=lengths)
            return [windows, raw, scaled]

        inputs = [tensor(DType.int16, "batch", "n_samples"), tensor(DType.int64, "batch")]
        cls.model = compiled("batch", inputs, outputs)
        cls.clips = [samples(clip, "int16") for clip in cls.CLIPS]
        cls.lengths = np.array([len(one) for one in cls.clips], np.int64)
        # What lies behind a clip must not matter.
        cls.batch = np.full((len(cls.clips), cls.lengths.max()), 12345, np.int16)
        for row, clip in zip(cls.batch, cls.clips):
            row[:len(clip)] = clip

    def test_windows_of_30_s_are_whispers(self):
        windows, *_ = run(self.model, self.batch, self.lengths)
        self.assertEqual(windows.shape, (3, 80, 3000))
        entry = next(one for one in entries("whisper80_norm30s") if one["audio"] == "jfk")
        golden = np.load(os.path.join(GOLDEN, entry["file"]), allow_pickle=False)
        report = golden_check.compare(golden, windows[0].T, entry["tolerance"])
        self.assertTrue(report["pass"], report)

    def test_each_clip_has_the_bits_that_it_has_alone_and_then_fill(self):
        _, together, _ = run(self.model, self.batch, self.lengths)
        for clip, features in zip(self.clips, together):
            _, alone, _ = run(self.model, clip[np.newaxis].copy(), np.array([len(clip)], np.int64))
            np.testing.assert_array_equal(features[:alone.shape[1]], alone[0])
            self.assertTrue((features[alone.shape[1]:] == self.FILL).all())
        self.assertLess(len(self.clips[1]) // 160, together.shape[1])

    def test_values_are_scaled_by_the_callers_maximum(self):
        _, raw, scaled = run(self.model, self.batch[:1].copy(), self.lengths[:1].copy())
        expected = (np.maximum(raw, self.FIXED_MAX - 8) + 4) / 4
        np.testing.assert_allclose(scaled, expected, rtol=0, atol=1e-6)

    def test_a_length_beyond_the_clip_is_refused(self):
        with self.assertRaisesRegex(ValueError, r"lengths\[1\] is 176001; clips have 0 to 176000 samples"):
            run(self.model, self.batch, np.array([1, 176001, 1], np.int64))


@needs_max
class WrongArguments(unittest.TestCase):
    """Are seen when the graph is built."""

    def assert_refused(self, error, message, input_type=None, extensions=None, **arguments):
        extensions = [melstream.max.OPS] if extensions is None else extensions
        input_type = input_type or tensor(DType.float32, "n_samples")
        with Graph("wrong", input_types=[input_type], custom_extensions=extensions) as graph:
            with self.assertRaisesRegex(error, message):
                melstream.max.log_mel(graph.inputs[0].tensor, **arguments)

    def test_rows_of_different_front_ends_are_different_dimensions(self):
        wide = melstream.max._library.FrontEnd("whisper-80").spec.replace("hop_samples=160", "hop_samples=80")
        front_end = types.SimpleNamespace(name="wide", spec=wide)
        with Graph("sum", input_types=[tensor(DType.float32, "n")], custom_extensions=[melstream.max.OPS]) as graph:
            clip = graph.inputs[0].tensor
            same = melstream.max.log_mel(clip) + melstream.max.log_mel(clip, "whisper-80", normalization="whisper_window")
            self.assertEqual(same.shape[1], 80)
            with self.assertRaises(ValueError):
                melstream.max.log_mel(clip, front_end) + same

    def test_an_unknown_front_end(self):
        self.assert_refused(ValueError, "whisper-81.*whisper-80", front_end="whisper-81")
        self.assert_refused(TypeError, 'give a name \\("whisper-80"\\)', front_end=80)

    def test_samples_of_another_type_or_shape(self):
        self.assert_refused(TypeError, "float64: give float32 .* or int16", tensor(DType.float64, "n_samples"))
        self.assert_refused(ValueError, r"3 dimensions: give \[n\] or \[batch, n\]", tensor(DType.float32, 1, 1, 400))
        with self.assertRaisesRegex(TypeError, "give a value of the graph"):
            melstream.max.log_mel(np.zeros(16000, np.float32))

    def test_lengths_that_do_not_fit(self):
        types = [tensor(DType.float32, 3, 16000), tensor(DType.int64, 2), tensor(DType.int32, 3)]
        with Graph("wrong", input_types=types, custom_extensions=[melstream.max.OPS]) as graph:
            batch, too_few, short = [one.tensor for one in graph.inputs]
            with self.assertRaisesRegex(ValueError, "2 values for 3 clips: give one for each"):
                melstream.max.log_mel(batch, lengths=too_few)
            with self.assertRaisesRegex(TypeError, r"lengths.cast\(DType.int64\)"):
                melstream.max.log_mel(batch, lengths=short)

    def test_choices(self):
        self.assert_refused(ValueError, "smoothing is 'box5x5': use one of none, box3x3", smoothing="box5x5")
        self.assert_refused(ValueError, "normalization is 'max': use one of none", normalization="max")
        self.assert_refused(ValueError, 'give it with "fixed_max"', normalization="fixed_max")
        self.assert_refused(ValueError, "threads is 0: give 1 to 256", threads=0)

    def test_a_graph_without_the_op(self):
        self.assert_refused(ValueError, r"custom_extensions=\[melstream.max.OPS\]", extensions=[])


if __name__ == "__main__":
    unittest.main()
