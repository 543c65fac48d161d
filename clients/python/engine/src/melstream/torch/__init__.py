"""Log-mel features as an operator of PyTorch, torch.ops.melstream.log_mel: for eager code, torch.compile and torch.export.

    from melstream.torch import LogMel
    model = torch.nn.Sequential(LogMel("whisper-80", normalization="whisper_window", layout="mel"), encoder)

The CPU and CUDA tensors that melstream.engine takes; results lie on the same device. Gradients are not offered: backward() raises.
"""
from typing import Optional

import torch

from .. import engine
from ._shapes import features_shape, front_end_of_text

__all__ = ["LogMel", "log_mel"]


@torch.library.custom_op("melstream::log_mel", mutates_args=(), device_types=("cpu", "cuda"))
def log_mel(audio: torch.Tensor, front_end: str = "whisper-80", smoothing: str = "none", normalization: str = "none",
            fixed_max: Optional[float] = None, lengths: Optional[torch.Tensor] = None, pad_to_samples: int = 0, layout: str = "time",
            fill: float = 0.0) -> torch.Tensor:
    """melstream.engine.log_mel() of a tensor [samples] or [clips, samples].

    front_end: a name, or a spec (lines of key=value). lengths: samples of each clip, whole numbers on the CPU. Frames are those of
    the samples that `audio` has room for, so that the shape does not depend on values; those behind a clip's own are filled up.
    """
    engine.check_is_mono(audio)  # before there is an output for as many clips
    shape = features_shape(audio.shape, front_end, smoothing, pad_to_samples, layout)
    out = torch.empty(shape, dtype=torch.float32, device=audio.device)
    return engine.log_mel(audio.detach(), front_end_of_text(front_end), smoothing=smoothing, normalization=normalization,
                          fixed_max=fixed_max, lengths=lengths, pad_to_samples=pad_to_samples,
                          layout=layout, fill=fill, out=out)


@log_mel.register_fake
def _(audio, front_end="whisper-80", smoothing="none", normalization="none", fixed_max=None, lengths=None, pad_to_samples=0,
      layout="time", fill=0.0):
    shape = features_shape(audio.shape, front_end, smoothing, pad_to_samples, layout)
    return audio.new_empty(shape, dtype=torch.float32)


def _no_gradient(ctx, gradient):
    raise NotImplementedError("melstream::log_mel offers no gradient: detach the audio, or compute features without one "
                              "(torch.no_grad())")


log_mel.register_autograd(_no_gradient)


_NO_SAMPLES = torch.empty(0, dtype=torch.float32, device="cpu")


class LogMel(torch.nn.Module):
    """log_mel() with its arguments, as a module without parameters: forward(audio, lengths=None)."""

    def __init__(self, front_end="whisper-80", *, smoothing="none", normalization="none", fixed_max=None, pad_to_samples=0,
                 layout="time", fill=0.0):
        super().__init__()
        if isinstance(front_end, engine.FrontEnd):
            front_end = front_end.spec
        # What is wrong is said here already.
        engine.log_mel(_NO_SAMPLES, front_end_of_text(front_end), smoothing=smoothing, normalization=normalization,
                       fixed_max=fixed_max, pad_to_samples=0, layout=layout, fill=fill)
        self.arguments = dict(front_end=front_end, smoothing=smoothing, normalization=normalization, fixed_max=fixed_max,
                              pad_to_samples=pad_to_samples, layout=layout, fill=fill)

    def forward(self, audio, lengths=None):
        return torch.ops.melstream.log_mel(audio, lengths=lengths, **self.arguments)

    def extra_repr(self):
        return ", ".join("%s=%r" % item for item in self.arguments.items())
