"""kaldi-native-fbank, in two releases, and its Whisper features."""
import numpy as np

from .cases import HOP, N_MELS, RATE
from .contender import ClipByClip
from .features import log10_mel


class KaldiNativeFbank(ClipByClip):
    """OnlineFbank. Its binding takes a list of Python floats and gives row by row, which callers in C++ do not pay for: the
    rows are not fetched, and what the list costs is measured beside each call and taken off."""

    name = "kaldi-native-fbank"
    package = "kaldi-native-fbank"
    forms = ("kaldi",)
    is_bins_first = False

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import kaldi_native_fbank
        self.module = kaldi_native_fbank
        self.options = self.make_options()
        self.single_frame = self.make_options()
        self.single_frame.frame_opts.snip_edges = True
        self.single_frame.frame_opts.frame_shift_ms = 1e6

    def make_options(self):
        options = self.module.FbankOptions()
        options.frame_opts.dither = 0.0
        options.frame_opts.snip_edges = False
        options.mel_opts.num_bins = N_MELS
        options.mel_opts.low_freq = 20.0
        options.mel_opts.high_freq = -400.0
        return options

    def prepare(self, samples):
        return samples.tolist()

    def run(self, options, prepared):
        online = self.module.OnlineFbank(options)
        online.accept_waveform(RATE, prepared)
        online.input_finished()
        return online

    def one(self, prepared):
        return self.run(self.options, prepared)

    def complete(self, values, form):
        return values

    def spared(self, form, clips):
        prepared = [self.prepare(clip) for clip in clips]

        def call():
            for clip in prepared:
                self.run(self.single_frame, clip)
        return call

    def features(self, form, samples):
        online = self.one(self.prepare(samples))
        rows = [online.get_frame(index) for index in range(online.num_frames_ready)]
        return np.array(rows, np.float32).reshape(-1, N_MELS)


class OlderKaldiNativeFbank(KaldiNativeFbank):
    """The last release before it became slower, so that nobody is measured at less than their best."""

    name = "kaldi-native-fbank 1.21.0"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        if not self.version().endswith(" 1.21.0"):
            raise ImportError("the folder of that release was not given (--older-knf)")


class KaldiNativeWhisper(ClipByClip):
    """OnlineWhisperFbank, which gives mels without a logarithm, row by row. Its frames begin 120 samples before their hop
    instead of 200: the audio is reflected and shifted for it, so that the numbers can be compared; no time is taken of that."""

    SHIFT = 240  # samples before the first: 80, and one row that is dropped

    name = "kaldi-native-fbank (whisper)"
    package = "kaldi-native-fbank"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import kaldi_native_fbank
        self.module = kaldi_native_fbank
        self.options = kaldi_native_fbank.WhisperFeatureOptions()

    def prepare(self, samples):
        reflected = np.pad(samples, 200, mode="reflect")
        return np.pad(reflected, (self.SHIFT - 200, 0)).tolist()

    def one(self, prepared):
        online = self.module.OnlineWhisperFbank(self.options)
        online.accept_waveform(RATE, prepared)
        online.input_finished()
        n_rows = (len(prepared) - self.SHIFT - 200) // HOP
        mels = np.array([online.get_frame(1 + index) for index in range(n_rows)], np.float32)
        return log10_mel(mels.reshape(-1, N_MELS)).T
