"""In place of whisper.log_mel_spectrogram (openai-whisper 20250625).

    from melstream.compat.whisper import log_mel_spectrogram
    mel = log_mel_spectrogram(pad_or_trim(audio), n_mels=model.dims.n_mels)
"""
import os

import numpy as np
import torch

from melstream import engine

from . import _files
from ._specs import require

__all__ = ["log_mel_spectrogram"]

_FRONT_ENDS = {80: "whisper-80", 128: "whisper-128"}
# Whisper mirrors 200 samples at the ends: that many and one more must be there.
_FEWEST_SAMPLES = 201


def log_mel_spectrogram(audio, n_mels=80, padding=0, device=None):
    """Whisper's log-mel features, (max(v, M - 8) + 4) / 4 with M the largest value of all that is passed.

    audio: path of a file (16 kHz mono WAV of 16 bits; others by ffmpeg), or samples at 16 kHz as a NumPy array or a tensor,
        [samples] or [clips, samples], float32; int16 too.
    n_mels: 80 or 128.
    padding: zeros added at the end.
    device: where the result shall be. Samples on the CPU are computed there, whatever this is.

    Returns a float32 tensor [n_mels, frames], with [clips] before it for clips. Raises ValueError, TypeError.
    """
    if isinstance(padding, bool) or not hasattr(padding, "__index__"):
        raise TypeError("padding: is %r; taken is a whole number of samples" % (padding,))
    require(n_mels in _FRONT_ENDS, "n_mels", n_mels, "are 80 and 128, which Whisper's models have")
    if isinstance(audio, (str, os.PathLike)):
        audio = _files.read(audio)
    is_tensor = torch.is_tensor(audio)
    if not is_tensor and not isinstance(audio, np.ndarray):
        raise TypeError("audio: is a %s; taken are a path, a NumPy array and a tensor" % type(audio).__name__)
    require(audio.ndim in (1, 2), "audio", tuple(audio.shape), "are the shapes (samples,) and (clips, samples)")
    if is_tensor and audio.is_cuda and device is not None:
        audio = audio.to(device)
    n_samples = audio.shape[-1] + max(0, padding)
    require(n_samples >= _FEWEST_SAMPLES and audio.shape[0] > 0, "audio", tuple(audio.shape),
            "are %d samples and more, padding (%d) included" % (_FEWEST_SAMPLES, padding))
    features = _features(_in_a_row(audio), _FRONT_ENDS[n_mels], n_samples)
    return features if device is None else features.to(device)


def _features(audio, front_end, n_samples):
    """A tensor. The engine's maximum is each clip's own; that of clips together is taken here."""
    together = audio.ndim == 2
    features = engine.log_mel(audio, front_end, normalization="none" if together else "whisper_window",
                              pad_to_samples=n_samples, layout="mel")
    if not torch.is_tensor(features):
        features = torch.from_numpy(features)
    return features.clamp_(min=features.max() - 8.0).add_(4.0).div_(4.0) if together else features


def _in_a_row(audio):
    """The same if samples lie one after another."""
    if torch.is_tensor(audio):
        return audio if audio.stride(-1) == 1 else audio.contiguous()
    return audio if audio.strides[-1] == audio.itemsize else np.ascontiguousarray(audio)
