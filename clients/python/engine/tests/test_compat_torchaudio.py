"""melstream.compat.torchaudio: the golden features, and the genuine torchaudio.compliance.kaldi."""
import unittest

from compat_case import (CompatTest, clips, frame_tolerance, golden_clips, module_or_skip, original_or_skip, samples,
                         tolerance)

FEWEST = 400  # torchaudio takes no clip that is shorter than a frame

#: Arguments that give a preset's features, and the scale of its samples.
FBANKS = {
    "kaldi80": (dict(num_mel_bins=80, snip_edges=False, high_freq=-400), 1),
    "kaldi80_hf0": (dict(num_mel_bins=80, snip_edges=False), 1),
    "kaldi80_int16": (dict(num_mel_bins=80, snip_edges=False, high_freq=-400), 32768),
    "wenet80": (dict(num_mel_bins=80), 32768),
    "funasr80": (dict(num_mel_bins=80, window_type="hamming"), 32768),
}
MFCCS = {"mfcc13": dict(use_energy=True, energy_floor=0.0), "mfcc13_c0": {}}

TINY = 1.1920929e-07  # Kaldi's floor

#: All with chirp's highest frequency, 7900 Hz, below high_freq: the rule looks for what is loud in the features.
OTHER_FBANKS = [
    dict(),
    dict(window_type="hanning", num_mel_bins=40),
    dict(window_type="hamming", low_freq=64.0, high_freq=7950.0, snip_edges=False),
    dict(frame_length=20.0, frame_shift=12.5),
    dict(frame_length=32.0, frame_shift=8.0, snip_edges=False),
    dict(preemphasis_coefficient=0.0, remove_dc_offset=False),
    dict(preemphasis_coefficient=0.5, round_to_power_of_two=False),
    dict(num_mel_bins=80, subtract_mean=True),
    dict(use_log_fbank=False),
    dict(num_mel_bins=128, blackman_coeff=0.3, energy_floor=0.5, raw_energy=False, htk_compat=True, vtln_low=50.0),
]
OTHER_MFCCS = [
    dict(),
    dict(use_energy=True),
    dict(use_energy=True, energy_floor=1e8, remove_dc_offset=False),
    dict(num_ceps=20, num_mel_bins=40, cepstral_lifter=0.0, snip_edges=False),
    dict(num_ceps=5, cepstral_lifter=30.0, subtract_mean=True, window_type="hamming"),
]


class TorchaudioTest(CompatTest):
    @classmethod
    def setUpClass(cls):
        cls.torch = module_or_skip("torch")
        from melstream.compat import torchaudio

        cls.ours = torchaudio

    def waveform(self, clip, scale=32768):
        return self.torch.from_numpy(samples(clip) * scale)[None]


class CompatTorchaudio(TorchaudioTest):
    def test_gives_the_golden_filterbanks(self):
        for preset, (options, scale) in FBANKS.items():
            for clip in set(golden_clips(preset)) & set(clips(FEWEST)):
                self.assert_golden(preset, clip, self.ours.fbank(self.waveform(clip, scale), **options))

    def test_gives_the_golden_cepstra(self):
        for preset, options in MFCCS.items():
            for clip in set(golden_clips(preset)) & set(clips(FEWEST)):
                self.assert_golden(preset, clip, self.ours.mfcc(self.waveform(clip), **options))

    def test_takes_the_channel_that_is_asked_for(self):
        both = self.torch.cat([self.waveform("chirp"), self.waveform("jfk")[:, :32000]])
        for channel, row in ((-1, 0), (0, 0), (1, 1)):
            self.assertTrue(self.ours.fbank(both[row:row + 1]).equal(self.ours.fbank(both, channel=channel)))
        interleaved = both.T.contiguous().T  # as files have them: samples of a channel do not lie one after another
        self.assertTrue(self.ours.fbank(both[1:]).equal(self.ours.fbank(interleaved, channel=1)))

    def test_takes_the_mean_off(self):
        plain = self.ours.fbank(self.waveform("chirp"))
        self.assertTrue((plain - plain.mean(0)).equal(self.ours.fbank(self.waveform("chirp"), subtract_mean=True)))

    def test_too_short_a_signal_gives_nothing(self):
        self.assertEqual((0,), tuple(self.ours.fbank(self.waveform("square"), min_duration=0.6).shape))
        self.assertEqual((48, 23), tuple(self.ours.fbank(self.waveform("square"), min_duration=0.5).shape))

    def test_what_the_engine_does_not_compute_is_refused(self):
        refused = dict(dither=1.0, sample_frequency=8000.0, vtln_warp=1.1, use_energy=True, use_power=False,
                       window_type="blackman", num_mel_bins=3, low_freq=-1.0, high_freq=8001.0, frame_length=500.0,
                       frame_shift=0.0, preemphasis_coefficient=1.5, channel=2)
        for parameter, value in refused.items():
            with self.assert_refused(ValueError, parameter + ": is " + repr(value)):
                self.ours.fbank(self.waveform("jfk"), **{parameter: value})
        with self.assert_refused(ValueError, "num_mel_bins", "600", "512"):
            self.ours.fbank(self.waveform("jfk"), num_mel_bins=600)
        with self.assert_refused(ValueError, "frame_length", "10.1", "161"):
            self.ours.fbank(self.waveform("jfk"), frame_length=10.1, round_to_power_of_two=False)
        for options in (dict(htk_compat=True), dict(raw_energy=False, use_energy=True), dict(num_ceps=24)):
            with self.assert_refused(ValueError, next(iter(options)), "taken"):
                self.ours.mfcc(self.waveform("jfk"), **options)

    def test_waveforms_that_are_none_are_refused(self):
        with self.assert_refused(ValueError, "waveform", "(1, 399)", "400"):
            self.ours.fbank(self.waveform("short399"))
        with self.assert_refused(ValueError, "waveform", "(176000,)", "(channels, samples)"):
            self.ours.fbank(self.waveform("jfk")[0])
        with self.assert_refused(TypeError, "waveform", "float64", "float32"):
            self.ours.fbank(self.waveform("jfk").double())
        with self.assert_refused(TypeError, "waveform", "ndarray"):
            self.ours.fbank(samples("jfk")[None])


class GenuineTorchaudio(TorchaudioTest):
    @classmethod
    def setUpClass(cls):
        cls.genuine = original_or_skip("torchaudio.compliance.kaldi")
        super().setUpClass()

    def assert_alike(self, function, clip, scale, options, rule):
        wanted = getattr(self.genuine, function)(self.waveform(clip, scale), **options)
        found = getattr(self.ours, function)(self.waveform(clip, scale), **options)
        self.assertEqual((wanted.dtype, wanted.shape), (found.dtype, found.shape))
        if options.get("subtract_mean"):
            # The rule looks at how loud cells are: with the mean that was taken off both.
            mean = getattr(self.genuine, function)(self.waveform(clip, scale), **dict(options, subtract_mean=False)).mean(0)
            wanted, found = wanted + mean, found + mean
        if options.get("use_log_fbank") is False:
            # Likewise: one rule for both.
            wanted, found = (one.clamp(min=TINY).log() for one in (wanted, found))
        self.assert_equal_by_rule(wanted, found, rule, "%s of %s, %s" % (function, clip, options))

    def test_filterbanks_equal_the_originals(self):
        for preset, (options, scale) in FBANKS.items():
            for clip in clips(FEWEST):
                self.assert_alike("fbank", clip, scale, options, tolerance(preset, clip))
        for options in OTHER_FBANKS:
            for clip in clips(int(16 * options.get("frame_length", 25.0))):
                if clip == "chirp" and options.get("subtract_mean"):
                    continue  # The mean over time holds cells without signal, where single precision leaves nothing but noise.
                self.assert_alike("fbank", clip, 32768, options, frame_tolerance("wenet80", clip))

    def test_cepstra_equal_the_originals(self):
        # Not chirp's: each of its cepstra is a sum over bins without signal, where single precision leaves nothing but noise.
        for clip in set(golden_clips("mfcc13")) & set(clips(FEWEST)):
            for options in OTHER_MFCCS:
                self.assert_alike("mfcc", clip, 32768, options, frame_tolerance("mfcc13", clip))


if __name__ == "__main__":
    unittest.main()
