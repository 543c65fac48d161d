"""melstream, and the libraries on the CPU that give NumPy arrays, each in the fastest form that its public interface has."""
import numpy as np

from .cases import FORMS, HOP, N_FFT, N_MELS, RATE
from .contender import ClipByClip, Contender, limit_pools
from .features import log10_mel


class Melstream(Contender):
    """In the layout that the others give: Whisper's models take [bins, rows], Kaldi's readers [rows, bins]."""

    name = "melstream"
    package = "melstream-engine"
    forms = tuple(FORMS)
    layouts = {"whisper-80": "mel", "kaldi-80": "time"}

    def __init__(self, n_threads):
        super().__init__(n_threads)
        from melstream import engine
        self.module = engine
        self.engine = engine.Engine(threads=n_threads, backend="cpu")

    def version(self):
        return "%s (%s), %s" % (super().version(), self.module.build_id, self.engine)

    def call(self, form, audio, layout):
        return self.module.log_mel(audio, form.front_end, smoothing=form.smoothing, normalization=form.normalization,
                                   layout=layout, engine=self.engine)

    def ways(self, form, clips):
        audio = clips if len(clips) > 1 else clips[0]
        layout = self.layouts[form.front_end]
        return {"engine.log_mel": lambda: self.call(form, audio, layout)}

    def features(self, form, samples):
        return self.call(form, samples, "time")


class MelstreamRowsFirst(Melstream):
    """[rows, bins], melstream's own layout: what it costs less."""

    name = "melstream (rows first)"
    forms = tuple(name for name, form in FORMS.items() if form.front_end == "whisper-80")
    layouts = {"whisper-80": "time"}


class Numpy(ClipByClip):
    """The formula of tests/golden/README.md with NumPy alone: what needs no library."""

    name = "numpy"
    package = "numpy"
    has_pools = True

    def __init__(self, n_threads):
        super().__init__(n_threads)
        self.filters = slaney_filters().astype(np.float32)
        phases = 2.0 * np.pi * np.arange(N_FFT) / N_FFT
        self.window = (0.5 - 0.5 * np.cos(phases)).astype(np.float32)

    def set_threads(self, n_threads):
        limit_pools(n_threads)

    def one(self, prepared):
        padded = np.pad(prepared, N_FFT // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:prepared.size // HOP]
        spectra = np.fft.rfft(frames * self.window)
        powers = (spectra.real ** 2 + spectra.imag ** 2).astype(np.float32)
        return log10_mel(self.filters @ powers.T)


def slaney_filters():
    """[80, 201] by the formulas of tests/golden/README.md, section 1."""
    top = 15.0 + 27.0 * np.log(RATE / 2.0 / 1000.0) / np.log(6.4)
    mels = np.linspace(0.0, top, N_MELS + 2)
    edges = np.where(mels < 15.0, 200.0 * mels / 3.0, 1000.0 * np.exp((mels - 15.0) * np.log(6.4) / 27.0))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies = np.arange(N_FFT // 2 + 1) * RATE / N_FFT
    triangles = np.minimum((frequencies - low) / (centre - low), (high - frequencies) / (high - centre))
    return np.maximum(0.0, triangles) * 2.0 / (high - low)


class Librosa(ClipByClip):
    """stft and filters that are kept: feature.melspectrogram makes its filters anew in each call and takes longer."""

    name = "librosa"
    package = "librosa"
    has_pools = True

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import librosa
        self.stft = librosa.stft
        self.abs2 = librosa.util.abs2
        self.filters = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=N_MELS)

    def set_threads(self, n_threads):
        limit_pools(n_threads)

    def one(self, prepared):
        spectra = self.stft(prepared, n_fft=N_FFT, hop_length=HOP, pad_mode="reflect")
        # The last column is none of Whisper's, unless the clip is no whole number of hops.
        return log10_mel(self.filters @ self.abs2(spectra)[..., :prepared.shape[-1] // HOP])

    def ways(self, form, clips):
        found = super().ways(form, clips)
        if len(clips) > 1:
            found["all clips in one call"] = lambda: [self.complete(values, form) for values in self.one(clips)]
        return found


class LibrosaMelspectrogram(Librosa):
    """The function that most people call. It makes its filters anew in each call."""

    name = "librosa (melspectrogram)"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import librosa
        self.melspectrogram = librosa.feature.melspectrogram

    def one(self, prepared):
        mels = self.melspectrogram(y=prepared, sr=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, pad_mode="reflect")
        return log10_mel(mels[..., :prepared.shape[-1] // HOP])


class Asrfront(ClipByClip):
    name = "asrfront"
    package = "asrfront"
    forms = ("whisper", "whisper-3x3")
    is_normalized = True

    def __init__(self, n_threads):
        super().__init__(n_threads)
        from asrfront import whisper
        self.whisper = whisper

    def one(self, prepared):
        return self.whisper.log_mel(prepared, pad_or_trim=False)

    def ways(self, form, clips):
        found = super().ways(form, clips)
        if len(clips) > 1:
            def batch():
                found = self.whisper.log_mel_batch(clips, pad_or_trim=False, n_threads=self.n_threads)
                return [self.complete(values, form) for values in found]
            found["all clips in one call"] = batch
        return found
