"""melstream.compat.whisper: the golden features, and the genuine log_mel_spectrogram."""
import os
import shutil
import tempfile
import unittest
from unittest import mock

import numpy as np

from compat_case import (CompatTest, clips, golden, golden_clips, module_or_skip, original_or_skip, path_of, samples, tolerance)

FEWEST = 201  # Whisper mirrors 200


class WhisperTest(CompatTest):
    @classmethod
    def setUpClass(cls):
        cls.torch = module_or_skip("torch")
        from melstream.compat.whisper import log_mel_spectrogram

        cls.ours = staticmethod(log_mel_spectrogram)


class CompatWhisper(WhisperTest):
    def test_gives_the_golden_features(self):
        for preset, n_mels in (("whisper80_norm", 80), ("whisper128_norm", 128)):
            for clip in golden_clips(preset):
                self.assert_golden(preset, clip, self.ours(samples(clip), n_mels).T)

    def test_reads_files_arrays_and_tensors_alike(self):
        wanted = self.ours(samples("espeak"))
        self.assertIsInstance(wanted, self.torch.Tensor)
        strided = np.repeat(samples("espeak"), 2)[::2]
        for audio in (path_of("espeak"), samples("espeak", "int16"), self.torch.from_numpy(samples("espeak")), strided,
                      self.torch.from_numpy(np.repeat(samples("espeak"), 2))[::2]):
            self.assertTrue(wanted.equal(self.ours(audio)))

    def test_padding_adds_zeros_at_the_end(self):
        clip = samples("jfk")
        padded = self.ours(clip, padding=480_000 - len(clip))
        self.assert_golden("whisper80_norm30s", "jfk", padded.T)
        self.assertTrue(self.ours(clip).equal(self.ours(clip, padding=-7)))

    def test_the_maximum_of_a_batch_is_that_of_all_clips(self):
        names = ["square", "silence", "impulse"]  # of one length, with maxima that are far apart
        found = self.ours(np.stack([samples(clip) for clip in names]))
        raw = [golden("whisper80_raw", clip).astype(np.float64) for clip in names]
        peak = max(one.max() for one in raw)
        for clip, features, values in zip(names, found, raw):
            self.assert_equal_by_rule((np.maximum(values, peak - 8) + 4) / 4, features.T, tolerance("whisper80_norm", clip), clip)
        self.assertLess(float(found[1].max()), float(self.ours(samples("square")).max()) - 1)

    def test_other_files_are_decoded_by_ffmpeg(self):
        other = path_of("espeak_44k1_stereo")
        with mock.patch.dict(os.environ, PATH=""), self.assert_refused(RuntimeError, "espeak_44k1_stereo.wav", "ffmpeg"):
            self.ours(other)
        with self.assert_refused(FileNotFoundError, "nowhere.wav"):
            self.ours("nowhere.wav")

    def test_files_that_are_cut_off_or_were_streamed(self):
        folder = tempfile.mkdtemp(prefix="melstream-wav-")
        self.addCleanup(shutil.rmtree, folder)
        with open(path_of("espeak"), "rb") as file:
            whole = file.read()
        cut, streamed = os.path.join(folder, "cut.wav"), os.path.join(folder, "streamed.wav")
        with open(cut, "wb") as file:
            file.write(whole[:44 + 2 * 16_000 + 1])
        with open(streamed, "wb") as file:
            file.write(whole[:40] + bytes(4) + whole[44:])
        self.assertTrue(self.ours(samples("espeak")[:16_000]).equal(self.ours(cut)))
        with mock.patch.dict(os.environ, PATH=""), self.assert_refused(RuntimeError, "streamed.wav", "ffmpeg"):
            self.ours(streamed)

    def test_what_is_not_taken_is_said(self):
        with self.assert_refused(ValueError, "n_mels", "64", "80 and 128"):
            self.ours(samples("espeak"), n_mels=64)
        with self.assert_refused(ValueError, "audio", "(200,)", "201"):
            self.ours(samples("short200"))
        with self.assert_refused(ValueError, "audio", "(1, 1, 400)"):
            self.ours(np.zeros((1, 1, 400), np.float32))
        with self.assert_refused(TypeError, "audio", "float64", "float32"):
            self.ours(np.zeros(400))
        with self.assert_refused(TypeError, "audio", "list"):
            self.ours([0.0] * 400)


class GenuineWhisper(WhisperTest):
    @classmethod
    def setUpClass(cls):
        cls.genuine = original_or_skip("whisper.audio")
        super().setUpClass()

    def assert_alike(self, clip, audio, n_mels=80, **options):
        """By the rule of the clip's golden features."""
        wanted = self.genuine.log_mel_spectrogram(audio, n_mels, **options)
        found = self.ours(audio, n_mels, **options)
        self.assertEqual((wanted.dtype, wanted.shape), (found.dtype, found.shape))
        for one, other in zip(wanted.reshape(-1, *wanted.shape[-2:]), found.reshape(-1, *found.shape[-2:])):
            self.assert_equal_by_rule(one.T, other.T, tolerance("whisper%d_norm" % n_mels, clip), "%s %s" % (clip, options))

    def test_equals_the_original_on_every_golden_clip(self):
        for clip in clips(FEWEST):
            for n_mels in (80, 128):
                self.assert_alike(clip, samples(clip), n_mels)
            self.assert_alike(clip, self.torch.from_numpy(samples(clip)), padding=480_000, device="cpu")

    def test_equals_the_original_on_batches(self):
        # Beside a loud clip the others are clamped: the loosest rule of the clips is chirp's.
        self.assert_alike("chirp", np.stack([samples("chirp")[:16000], samples("white"), samples("tone1k")]))
        self.assert_alike("square", self.torch.from_numpy(samples("square"))[None], 128, padding=1)

    def test_decodes_files_as_the_original(self):
        for clip in ("espeak_44k1_stereo", "espeak_8k_mulaw", "espeak"):
            self.assert_alike("espeak", path_of(clip))
        with tempfile.NamedTemporaryFile(suffix=".mp3") as file:
            with self.assert_refused(RuntimeError, "ffmpeg", file.name):
                self.ours(file.name)

    def test_refuses_what_the_original_refuses(self):
        for clip in ("short1", "short200"):
            for function in (self.genuine.log_mel_spectrogram, self.ours):
                with self.assertRaises((RuntimeError, ValueError)):
                    function(samples(clip))


if __name__ == "__main__":
    unittest.main()
