"""The libraries on the CPU that compute with torch. Tensors lie there before any time is taken."""
import importlib.metadata

from .cases import HOP, N_FFT, N_MELS, RATE
from .contender import ClipByClip, limit_pools


class TorchClipByClip(ClipByClip):
    """What takes tensors, which lie there before any time is taken."""

    has_pools = True

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import torch
        self.torch = torch
        torch.set_num_threads(n_threads)

    def version(self):
        return "%s on torch %s" % (super().version(), self.torch.__version__)

    def thread_init(self):
        self.torch.set_num_threads(1)

    def set_threads(self, n_threads):
        # OpenMP's number is of the calling thread, but MKL's of the process: thread_init() has changed that one too.
        self.torch.set_num_threads(n_threads)
        limit_pools(n_threads)

    def prepare(self, samples):
        return self.torch.from_numpy(samples)


class Torchaudio(TorchClipByClip):
    name = "torchaudio"
    package = "torchaudio"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        self.transform = whisper_transform()

    def one(self, prepared):
        with self.torch.inference_mode():
            mels = self.transform(prepared)[..., :prepared.shape[-1] // HOP]
            return mels.clamp_(min=1e-10).log10_().numpy()

    def ways(self, form, clips):
        found = super().ways(form, clips)
        if len(clips) > 1:
            audio = self.prepare(clips)
            found["all clips in one call"] = lambda: [self.complete(values, form) for values in self.one(audio)]
        return found


def whisper_transform():
    import torchaudio
    return torchaudio.transforms.MelSpectrogram(
        sample_rate=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, power=2.0, norm="slaney", mel_scale="slaney")


class OpenaiWhisper(TorchClipByClip):
    """Clip by clip: for several at once it would take one largest value for all of them."""

    name = "openai-whisper"
    package = "openai-whisper"
    forms = ("whisper", "whisper-3x3")
    is_normalized = True

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import whisper.audio
        self.log_mel_spectrogram = whisper.audio.log_mel_spectrogram

    def one(self, prepared):
        with self.torch.inference_mode():
            return self.log_mel_spectrogram(prepared).numpy()


class Transformers(TorchClipByClip):
    """WhisperFeatureExtractor with its torch backend, not padded to 30 s."""

    name = "transformers (torch)"
    package = "transformers"
    forms = ("whisper", "whisper-3x3")
    is_normalized = True

    def __init__(self, n_threads):
        super().__init__(n_threads)
        self.extractor = self.make_extractor()

    @staticmethod
    def make_extractor():
        from transformers import WhisperFeatureExtractor
        return WhisperFeatureExtractor(feature_size=N_MELS)

    def prepare(self, samples):
        return samples

    def extract(self, audio):
        with self.torch.inference_mode():
            return self.extractor(audio, sampling_rate=RATE, padding="longest", truncation=False,
                                  return_tensors="np")["input_features"]

    def one(self, prepared):
        return self.extract(prepared)[0]

    def ways(self, form, clips):
        found = super().ways(form, clips)
        if len(clips) > 1:
            audio = list(clips)
            found["all clips in one call"] = lambda: [self.complete(values, form) for values in self.extract(audio)]
        return found


class TransformersNumpy(Transformers):
    """The same with its NumPy backend, which it takes where torch is not installed."""

    name = "transformers (numpy)"

    @staticmethod
    def make_extractor():
        from transformers import WhisperFeatureExtractor

        class NumpyExtractor(WhisperFeatureExtractor):
            _torch_extract_fbank_features = WhisperFeatureExtractor._np_extract_fbank_features

        return NumpyExtractor(feature_size=N_MELS)

    def version(self):
        return "transformers %s" % importlib.metadata.version("transformers")


class TorchaudioKaldi(TorchClipByClip):
    name = "torchaudio (kaldi)"
    package = "torchaudio"
    forms = ("kaldi",)
    is_bins_first = False

    def __init__(self, n_threads):
        super().__init__(n_threads)
        from torchaudio.compliance import kaldi
        self.fbank = kaldi.fbank

    def one(self, prepared):
        with self.torch.inference_mode():
            return self.fbank(prepared[None], num_mel_bins=N_MELS, low_freq=20.0, high_freq=-400.0, snip_edges=False,
                              dither=0.0, sample_frequency=RATE).numpy()
