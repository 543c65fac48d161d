"""The libraries on an NVIDIA GPU: audio lies there, features stay there. A call ends when the GPU has done its work."""
from .cases import HOP, N_FFT, N_MELS, RATE
from .contender import Contender
from .torch_contenders import whisper_transform


class GpuContender(Contender):
    """Subclasses give `log_mel(audio)`: [n_clips, bins, rows], log10 mel, of [n_clips, n_samples], both on the GPU."""

    device = "cuda"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import torch
        if not torch.cuda.is_available():
            raise RuntimeError("torch %s finds no GPU" % torch.__version__)
        torch.backends.cuda.matmul.allow_tf32 = False  # other numbers would be no comparison
        self.torch = torch

    def version(self):
        return "%s on torch %s, %s" % (super().version(), self.torch.__version__, self.torch.cuda.get_device_name())

    def log_mel(self, audio):
        raise NotImplementedError

    def complete(self, form, audio):
        with self.torch.inference_mode():
            values = self.log_mel(audio)
            if form.smoothing == "box3x3":
                values = self.torch.nn.functional.avg_pool2d(values, 3, 1, 1, count_include_pad=False)
            if form.normalization == "whisper_window":
                largest = values.amax(dim=(-2, -1), keepdim=True)
                values = (self.torch.maximum(values, largest - 8.0) + 4.0) / 4.0
            return values

    def ways(self, form, clips):
        audio = self.torch.from_numpy(clips).to("cuda")

        def call():
            values = self.complete(form, audio)
            self.torch.cuda.synchronize()
            return values
        return {"all clips in one call": call}

    def features(self, form, samples):
        audio = self.torch.from_numpy(samples[None]).to("cuda")
        return self.complete(form, audio)[0].T.cpu().numpy()


class MelstreamCuda(GpuContender):
    name = "melstream (cuda)"
    package = "melstream-engine"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        from melstream import engine
        self.module = engine
        self.engine = engine.Engine(backend="cuda")

    def version(self):
        return "%s (%s), %s" % (super().version(), self.module.build_id, self.engine)

    def complete(self, form, audio):
        return self.module.log_mel(audio, form.front_end, smoothing=form.smoothing, normalization=form.normalization,
                                   layout="mel", engine=self.engine)


class TorchaudioCuda(GpuContender):
    name = "torchaudio (cuda)"
    package = "torchaudio"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        self.transform = whisper_transform().to("cuda")

    def log_mel(self, audio):
        return self.transform(audio)[..., :audio.shape[-1] // HOP].clamp_(min=1e-10).log10_()


class FlashmelCuda(GpuContender):
    name = "flashmel (cuda)"
    package = "flashmel"

    def __init__(self, n_threads):
        super().__init__(n_threads)
        import flashmel
        self.transform = flashmel.MelSpectrogram(sample_rate=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, power=2.0,
                                                 norm="slaney", mel_scale="slaney").to("cuda")

    def log_mel(self, audio):
        return self.transform(audio)[..., :audio.shape[-1] // HOP].clamp_(min=1e-10).log10_()
