"""melstream.compat.nemo: the golden features, and the genuine AudioToMelSpectrogramPreprocessor."""
import copy
import pickle
import unittest

import numpy as np

from compat_case import (CompatTest, clips, frame_tolerance, golden_clips, manifest, module_or_skip, samples, tolerance)
from genuine_nemo import preprocessor_or_skip

WINDOW = dict(window_size=0.025)
#: Arguments that give a preset's features.
PRESETS = {
    "nemo80_norm": dict(WINDOW, features=80),
    "nemo128_norm": dict(WINDOW, features=128),
    "nemo80_raw": dict(WINDOW, features=80, normalize=None),
    "nemo128_raw": dict(WINDOW, features=128, normalize="NA"),
}
#: Other arguments, without normalization unless they say so.
OTHERS = [
    dict(),
    dict(window_size=None, n_window_size=400, window_stride=None, n_window_stride=200, window="hamming"),
    dict(n_fft=1024, features=40, lowfreq=50, highfreq=7950),
    dict(preemph=None, log_zero_guard_type="clamp", log_zero_guard_value="eps"),
    dict(preemph=0.5, log_zero_guard_value=1e-5, mel_norm=None),
    dict(n_window_size=401, window_size=None, n_fft=512),
]
BATCH = ["espeak", "white", "short161", "jfk", "short159"]


class NemoTest(CompatTest):
    @classmethod
    def setUpClass(cls):
        cls.torch = module_or_skip("torch")
        from melstream.compat.nemo import AudioToMelSpectrogramPreprocessor

        cls.ours = AudioToMelSpectrogramPreprocessor

    def batch(self, names, garbage=0.0):
        """Clips [clips, samples] with garbage behind them, lengths [clips]."""
        all_samples = [samples(name) for name in names]
        lengths = [len(one) for one in all_samples]
        signal = np.full((len(names), max(lengths)), garbage, np.float32)
        for row, one in zip(signal, all_samples):
            row[:len(one)] = one
        return self.torch.from_numpy(signal), self.torch.tensor(lengths)

    def features(self, preprocessor, names, **options):
        """Features as arrays [bins, columns], and the frames of each clip."""
        signal, length = self.batch(names, **options)
        found, lengths = preprocessor.eval()(input_signal=signal, length=length)
        return found.numpy(), lengths.tolist()


class CompatNemo(NemoTest):
    def test_gives_the_golden_features(self):
        for preset, options in PRESETS.items():
            preprocessor = self.ours(**options)
            for clip in golden_clips(preset):
                found, lengths = self.features(preprocessor, [clip])
                self.assert_golden(preset, clip, found[0, :, :lengths[0]].T)

    def test_clips_of_a_batch_have_the_features_that_they_have_alone(self):
        preprocessor = self.ours(**PRESETS["nemo80_norm"])
        found, lengths = self.features(preprocessor, BATCH, garbage=0.25)
        for clip, features, n in zip(BATCH, found, lengths):
            self.assertEqual(manifest["audio"][clip]["samples"] // 160, n)
            alone, _ = self.features(preprocessor, [clip])
            np.testing.assert_array_equal(alone[0, :, :n], features[:, :n], clip)

    def test_columns_behind_a_clip_are_the_padding_and_their_number_is_divided(self):
        for pad_to, n_columns in ((16, 1104), (0, 1101), (1, 1101), (1000, 2000)):
            found, lengths = self.features(self.ours(**PRESETS["nemo80_norm"], pad_to=pad_to, pad_value=-3), BATCH)
            self.assertEqual((5, 80, n_columns), found.shape)
            for features, n in zip(found, lengths):
                self.assertTrue((features[:, n:] == -3).all())

    def test_normalizes_whole_clips_too(self):
        raw, _ = self.features(self.ours(**PRESETS["nemo80_raw"]), BATCH)
        found, lengths = self.features(self.ours(**dict(PRESETS["nemo80_raw"], normalize="all_features")), BATCH)
        for values, features, n in zip(raw.astype(np.float64), found, lengths):
            own = values[:, :n]
            if n:
                np.testing.assert_allclose((own - own.mean()) / (own.std(ddof=1) + 1e-5), features[:, :n], atol=2e-5)
            self.assertFalse(features[:, n:].any())

    def test_dithers_in_training_alone(self):
        preprocessor = self.ours(dither=1e-3)
        signal, length = self.batch(["jfk"])
        one, two = (preprocessor.train()(signal, length)[0] for _ in range(2))
        self.assertFalse(one.equal(two))
        self.assertTrue(signal.equal(self.batch(["jfk"])[0]))
        one, two = (preprocessor.eval()(signal, length)[0] for _ in range(2))
        self.assertTrue(one.equal(two))

    def test_whole_numbers_are_taken_as_they_are_with_a_warning_as_by_the_original(self):
        signal, length = self.batch(["espeak"])
        preprocessor = self.ours(**PRESETS["nemo80_norm"]).eval()
        whole = (signal * 32768).to(self.torch.int16)
        with self.assertLogs("melstream.compat.nemo", "WARNING"):
            found, _ = preprocessor(whole, length)
        self.assertTrue(found.equal(preprocessor(whole.to(self.torch.float32), length)[0]))

    def test_stands_where_the_original_does(self):
        preprocessor = self.ours(**PRESETS["nemo80_norm"])
        wanted, _ = self.features(preprocessor, ["espeak"])
        model = self.torch.nn.Sequential(preprocessor)
        checkpoint = model.state_dict()
        self.assertEqual({"0.featurizer.window": (400,), "0.featurizer.fb": (1, 80, 257)},
                         {name: tuple(value.shape) for name, value in checkpoint.items()})
        model.load_state_dict(checkpoint, strict=True)
        with self.assertRaisesRegex(RuntimeError, "featurizer.window: is another"):
            model.load_state_dict({**checkpoint, "0.featurizer.window": self.torch.zeros(400)})
        for copied in (copy.deepcopy(preprocessor), pickle.loads(pickle.dumps(preprocessor))):
            np.testing.assert_array_equal(wanted, self.features(copied, ["espeak"])[0])
        model.half()
        self.assertEqual(self.torch.float16, preprocessor(*self.batch(["espeak"]))[0].dtype)
        preprocessor.featurizer.pad_to = 0
        self.assertEqual(291, self.features(preprocessor, ["espeak"])[0].shape[2])

    def test_what_the_engine_does_not_compute_is_refused(self):
        refused = dict(sample_rate=8000, frame_splicing=2, exact_pad=True, mag_power=1.0, nb_augmentation_prob=0.5,
                       window="blackman", log_zero_guard_type="max", log_zero_guard_value="epsilon", mel_norm=2,
                       normalize={"fixed_mean": [0.0], "fixed_std": [1.0]}, pad_to="max", n_fft=514, features=0, lowfreq=-1,
                       highfreq=9000, preemph=2.0, window_size=0.5)
        for parameter, value in refused.items():
            with self.assert_refused(ValueError, parameter, repr(value)):
                self.ours(**{parameter: value})
        with self.assert_refused(ValueError, "window_size: is 0.02", "n_window_size: is 400"):
            self.ours(n_window_size=400)
        with self.assert_refused(ValueError, "n_window_stride", "None"):
            self.ours(window_stride=None)

    def test_signals_that_are_none_are_refused(self):
        preprocessor = self.ours()
        with self.assert_refused(ValueError, "input_signal", "(400,)", "(clips, samples)"):
            preprocessor(self.torch.zeros(400), self.torch.tensor([400]))
        with self.assert_refused(ValueError, "length", "(1,)", "2 clips"):
            preprocessor(self.torch.zeros(2, 400), self.torch.tensor([400]))
        with self.assert_refused(ValueError, "lengths", "401", "0..400"):
            preprocessor(self.torch.zeros(1, 400), self.torch.tensor([401]))


class GenuineNemo(NemoTest):
    @classmethod
    def setUpClass(cls):
        cls.genuine = preprocessor_or_skip()
        super().setUpClass()

    def assert_alike(self, names, rule_of, **options):
        wanted, n_wanted = self.features(self.genuine(**options), names)
        found, n_found = self.features(self.ours(**options), names)
        self.assertEqual((n_wanted, wanted.shape, wanted.dtype), (n_found, found.shape, found.dtype))
        for clip, one, other, n in zip(names, wanted, found, n_wanted):
            self.assert_equal_by_rule(one[:, :n].T, other[:, :n].T, rule_of(clip), "%s, %s" % (clip, options))
            np.testing.assert_array_equal(one[:, n:], other[:, n:])

    def test_equals_the_original_on_every_golden_clip(self):
        for preset, options in PRESETS.items():
            for clip in golden_clips(preset):
                self.assert_alike([clip], lambda clip, preset=preset: tolerance(preset, clip), **options)

    def test_equals_the_original_with_other_arguments(self):
        for options in OTHERS:
            for clip in clips():
                self.assert_alike([clip], lambda clip: frame_tolerance("nemo80_raw", clip),
                                  **dict(WINDOW, normalize=None, **options) if "window_size" not in options
                                  else dict(options, normalize=None))

    def test_equals_the_original_on_batches(self):
        for options in (dict(), dict(pad_to=0), dict(pad_to=32, pad_value=1.5)):
            self.assert_alike(BATCH, lambda clip: tolerance("nemo80_norm", clip), **PRESETS["nemo80_norm"], **options)

    def test_dithers_as_the_original(self):
        options = dict(PRESETS["nemo80_raw"], dither=1e-3)
        both = []
        for library in (self.genuine, self.ours):
            self.torch.manual_seed(7)
            both.append(library(**options).train()(input_signal=self.batch(["jfk"])[0], length=self.batch(["jfk"])[1])[0][0].T)
        self.assert_equal_by_rule(both[0][:1100], both[1][:1100], frame_tolerance("nemo80_raw", "jfk"))

    def test_filters_and_lengths_are_the_originals(self):
        for options in (PRESETS["nemo128_norm"], dict(n_fft=1024, lowfreq=50, highfreq=7950, mel_norm=None)):
            wanted, found = self.genuine(**options), self.ours(**options)
            # librosa rounds to single precision in between.
            np.testing.assert_allclose(wanted.filter_banks.numpy(), found.filter_banks.numpy(), rtol=1e-4, atol=1e-7)
            n_samples = self.torch.arange(0, 1000, 7)
            self.assertTrue(wanted.featurizer.get_seq_len(n_samples).equal(found.featurizer.get_seq_len(n_samples)))

    def test_loads_the_originals_state(self):
        wanted = self.genuine(**WINDOW)
        ours = self.ours(**WINDOW)
        ours.load_state_dict(wanted.state_dict(), strict=True)
        wanted.load_state_dict(ours.state_dict(), strict=True)
        with self.assertRaisesRegex(RuntimeError, "featurizer.fb: is another"):
            self.ours(**WINDOW, mel_norm=None).load_state_dict(wanted.state_dict())


if __name__ == "__main__":
    unittest.main()
