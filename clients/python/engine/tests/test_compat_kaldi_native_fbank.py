"""melstream.compat.kaldi_native_fbank: the golden features, and the genuine kaldi_native_fbank."""
import unittest

import numpy as np

from melstream.compat import kaldi_native_fbank as knf

from compat_case import CompatTest, clips, frame_tolerance, golden_clips, original_or_skip, samples, tolerance

#: Options that give a preset's features, and the scale of its samples.
PRESETS = {
    "kaldi80": (dict(snip_edges=False, high_freq=-400), 1),
    "kaldi80_int16": (dict(snip_edges=False, high_freq=-400), 32768),
    "wenet80": (dict(), 32768),
    "funasr80": (dict(window_type="hamming"), 32768),
}
TINY = 1.1920929e-07  # Kaldi's floor

#: All with chirp's highest frequency, 7900 Hz, below high_freq: the rule looks for what is loud in the features.
OTHERS = [
    dict(num_bins=23),
    dict(num_bins=40, window_type="hanning", low_freq=64.0, high_freq=7950.0),
    dict(window_type="hann", snip_edges=False, frame_length_ms=20.0, frame_shift_ms=12.5),
    dict(preemph_coeff=0.0, remove_dc_offset=False),
    dict(round_to_power_of_two=False, preemph_coeff=0.5),
    dict(use_log_floor=False, eps=2.0**-24),
    dict(eps=100.0, htk_compat=True, raw_energy=False, energy_floor=1.0),
    dict(use_log_fbank=False),
]


def options_of(library, **values):
    """80 bins, no dither."""
    options = library.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    for key, value in values.items():
        owner = next(one for one in (options.frame_opts, options.mel_opts, options) if hasattr(one, key))
        setattr(owner, key, value)
    return options


def features(library, waveform, **values):
    """[frames, bins]."""
    fbank = library.OnlineFbank(options_of(library, **values))
    fbank.accept_waveform(16000, waveform)
    fbank.input_finished()
    return rows_of(fbank)


def rows_of(fbank, first=0):
    rows = [fbank.get_frame(i) for i in range(first, fbank.num_frames_ready)]
    return np.array(rows, np.float32).reshape(len(rows), fbank.dim)


class CompatKaldiNativeFbank(CompatTest):
    def test_gives_the_golden_features(self):
        for preset, (values, scale) in PRESETS.items():
            for clip in golden_clips(preset):
                self.assert_golden(preset, clip, features(knf, samples(clip) * scale, **values))

    def test_pieces_of_any_size_give_the_same_bits(self):
        for snip_edges in (False, True):
            clip = samples("espeak")[:8000]
            wanted = features(knf, clip, snip_edges=snip_edges)
            for size in (1, 7, 160, 4096):
                fbank = knf.OnlineFbank(options_of(knf, snip_edges=snip_edges))
                for at in range(0, len(clip), size):
                    fbank.accept_waveform(16000, clip[at:at + size].tolist())
                fbank.input_finished()
                np.testing.assert_array_equal(wanted, rows_of(fbank), "pieces of %d" % size)

    def test_frames_are_ready_as_soon_as_their_samples_are_there(self):
        fbank = knf.OnlineFbank(options_of(knf))
        for n_more, n_ready in ((399, 0), (1, 1), (159, 1), (1, 2)):
            fbank.accept_waveform(16000, np.zeros(n_more, np.float32))
            self.assertEqual(n_ready, fbank.num_frames_ready)
        self.assertFalse(fbank.is_last_frame(1))
        fbank.input_finished()
        self.assertEqual([False, True, False], [fbank.is_last_frame(i) for i in range(3)])
        self.assertEqual((80, 0.01), (fbank.dim, fbank.frame_shift_in_seconds))

    def test_popped_frames_are_gone_and_the_others_keep_their_numbers(self):
        wanted = features(knf, samples("square"))
        fbank = knf.OnlineFbank(options_of(knf))
        fbank.accept_waveform(16000, samples("square")[:4000])
        fbank.pop(5)
        fbank.accept_waveform(16000, samples("square")[4000:])
        fbank.input_finished()
        self.assertEqual(len(wanted), fbank.num_frames_ready)
        np.testing.assert_array_equal(wanted[5:], rows_of(fbank, first=5))
        for frame in (-1, 4, len(wanted)):
            with self.assert_refused(IndexError, str(frame), "5 to %d" % (len(wanted) - 1)):
                fbank.get_frame(frame)
        fbank.pop(1000)
        self.assertEqual(len(wanted), fbank.num_frames_ready)

    def test_frames_can_be_popped_one_by_one_while_samples_come(self):
        wanted = features(knf, samples("square"))
        fbank = knf.OnlineFbank(options_of(knf))
        n_read = 0
        for at in range(0, 8000, 700):
            fbank.accept_waveform(16000, samples("square")[at:at + 700])
            while n_read < fbank.num_frames_ready:
                np.testing.assert_array_equal(wanted[n_read], fbank.get_frame(n_read))
                fbank.pop(1)
                n_read += 1
        self.assertEqual(len(wanted), n_read)

    def test_misspelt_options_are_refused(self):
        options = knf.FbankOptions()
        for part, name in ((options, "use_energ"), (options.frame_opts, "sample_freq"), (options.mel_opts, "num_bin")):
            with self.assertRaisesRegex(AttributeError, "no option '%s'; there are" % name):
                setattr(part, name, 1)

    def test_options_are_made_of_dictionaries(self):
        options = knf.FbankOptions.from_dict({"mel_opts": {"num_bins": 40}, "frame_opts": {"dither": 0}, "eps": 1e-3})
        self.assertEqual((40, 0, 1e-3), (options.mel_opts.num_bins, options.frame_opts.dither, options.eps))
        self.assertEqual(options, knf.FbankOptions.from_dict(options.as_dict()))

    def test_what_the_engine_does_not_compute_is_refused(self):
        refused = dict(dither=1.0, samp_freq=8000.0, window_type="sine", is_librosa=True, htk_mode=True, use_energy=True,
                       use_power=False, low_freq=9000.0, high_freq=10.0, num_bins=0, preemph_coeff=2.0, frame_length_ms=300.0,
                       frame_shift_ms=0.0, eps=0.0)
        for parameter, value in refused.items():
            with self.assert_refused(ValueError, parameter, repr(value)):
                knf.OnlineFbank(options_of(knf, **{parameter: value}))
        with self.assert_refused(ValueError, "frame_opts.dither", "3e-05", "0"):
            knf.OnlineFbank(knf.FbankOptions())

    def test_waveforms_that_are_none_are_refused(self):
        fbank = knf.OnlineFbank(options_of(knf))
        with self.assert_refused(ValueError, "sampling_rate", "8000", "16000"):
            fbank.accept_waveform(8000, [0.0])
        with self.assert_refused(ValueError, "waveform", "(1, 2)", "(samples,)"):
            fbank.accept_waveform(16000, [[0.0, 0.0]])
        fbank.input_finished()
        fbank.input_finished()
        with self.assert_refused(RuntimeError, "input_finished"):
            fbank.accept_waveform(16000, [0.0])


class GenuineKaldiNativeFbank(CompatTest):
    @classmethod
    def setUpClass(cls):
        cls.genuine = original_or_skip("kaldi_native_fbank")

    def test_equals_the_original_on_every_golden_clip(self):
        for clip in clips():
            for preset, (values, scale) in PRESETS.items():
                self.assert_alike(clip, scale, values, tolerance(preset, clip))

    def test_equals_the_original_with_other_options(self):
        for clip in clips():
            for values in OTHERS:
                self.assert_alike(clip, 32768, values, frame_tolerance("wenet80", clip))

    def assert_alike(self, clip, scale, values, rule):
        waveform = samples(clip) * scale
        wanted, found = features(self.genuine, waveform, **values), features(knf, waveform, **values)
        if values.get("use_log_fbank") is False:
            # The rule looks at how loud cells are by their logs.
            wanted, found = np.log(np.maximum(wanted, TINY)), np.log(np.maximum(found, TINY))
        self.assert_equal_by_rule(wanted, found, rule, "%s, %s" % (clip, values))

    def test_takes_the_originals_options(self):
        fbank = knf.OnlineFbank(options_of(self.genuine))
        fbank.accept_waveform(16000, samples("jfk"))
        np.testing.assert_array_equal(features(knf, samples("jfk"))[:1098], rows_of(fbank))

    def test_defaults_are_the_originals(self):
        for name in ("FrameExtractionOptions", "MelBanksOptions", "FbankOptions"):
            wanted, found = getattr(self.genuine, name)().as_dict(), getattr(knf, name)().as_dict()
            self.assertEqual(list(wanted), list(found))
            for key, value in flat(wanted).items():
                # The original has them in single precision.
                self.assertEqual(value, np.float32(flat(found)[key]) if isinstance(value, float) else flat(found)[key], key)

    def test_answers_as_the_original_while_it_goes_on(self):
        both = [library.OnlineFbank(options_of(library, snip_edges=False)) for library in (self.genuine, knf)]
        for size in (1, 279, 1, 3000, 160):
            for fbank in both:
                fbank.accept_waveform(16000, np.zeros(size, np.float32))
                fbank.pop(2)
            self.assertEqual(both[0].num_frames_ready, both[1].num_frames_ready)
        for fbank in both:
            fbank.input_finished()
        n = both[0].num_frames_ready
        self.assertEqual([n] + [both[0].is_last_frame(i) for i in (-1, n - 1, n)],
                         [both[1].num_frames_ready] + [both[1].is_last_frame(i) for i in (-1, n - 1, n)])


def flat(values):
    """A dictionary without those in it."""
    inner = [flat(value) for value in values.values() if isinstance(value, dict)]
    own = {key: value for key, value in values.items() if not isinstance(value, dict)}
    return {key: value for one in [own, *inner] for key, value in one.items()}


if __name__ == "__main__":
    unittest.main()
