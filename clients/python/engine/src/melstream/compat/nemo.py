"""In place of NeMo's AudioToMelSpectrogramPreprocessor (nemo_toolkit 3.0.0).

    from melstream.compat.nemo import AudioToMelSpectrogramPreprocessor
    model.preprocessor = AudioToMelSpectrogramPreprocessor(**config)        # config: model.cfg.preprocessor without _target_
    features, lengths = model.preprocessor(input_signal=signal, length=length)
"""
import logging

import torch

from melstream import engine

from . import _mel_filters
from ._kaldi import words
from ._specs import SAMPLE_RATE_HZ, front_end, require, require_rate

__all__ = ["AudioToMelSpectrogramPreprocessor", "FilterbankFeatures"]

_log = logging.getLogger(__name__)
_WINDOWS = {"hann": "hann_symmetric", "hamming": "hamming_symmetric"}
_WINDOW_FUNCTIONS = {"hann": torch.hann_window, "hamming": torch.hamming_window}
_GUARDS = {"add": "add", "clamp": "max"}
# What the engine takes.
_MOST_WINDOW_SAMPLES = 4096
_MOST_HOP_SAMPLES = 8192
# Of a window's and the filters' weights, to the largest: checkpoints may be of 16 bits.
_LARGEST_DIFFERENCE = 5e-3
# Added to a standard deviation: silence has none.
_NORMALIZE_GUARD = 1e-5


class AudioToMelSpectrogramPreprocessor(torch.nn.Module):
    """Log-mel features of a batch of clips, as NeMo's models take them. Arguments are NeMo's.

    Raises ValueError that names what the engine does not compute: another sample_rate than 16000, exact_pad, frame_splicing,
    mag_power other than 2.0, narrowband augmentation, windows other than hann and hamming, normalize={...}, mel_norm other than
    'slaney' and None. use_torchaudio, stft_exact_pad and stft_conv are without effect, as in the original.

    dither is added in training mode alone, as in the original. What lies behind a clip's length is not looked at.
    """

    def __init__(self, sample_rate=16000, window_size=0.02, window_stride=0.01, n_window_size=None, n_window_stride=None,
                 window="hann", normalize="per_feature", n_fft=None, preemph=0.97, features=64, lowfreq=0, highfreq=None,
                 log=True, log_zero_guard_type="add", log_zero_guard_value=2**-24, dither=1e-5, pad_to=16, frame_splicing=1,
                 exact_pad=False, pad_value=0, mag_power=2.0, rng=None, nb_augmentation_prob=0.0, nb_max_freq=4000,
                 mel_norm="slaney", use_torchaudio=False, stft_exact_pad=False, stft_conv=False):
        super().__init__()
        require_rate("sample_rate", sample_rate)
        require(frame_splicing == 1, "frame_splicing", frame_splicing, "is 1")
        require(not exact_pad, "exact_pad", exact_pad, "is False")
        require(mag_power == 2.0, "mag_power", mag_power, "is 2.0")
        require(not nb_augmentation_prob, "nb_augmentation_prob", nb_augmentation_prob, "is 0.0")
        self.featurizer = FilterbankFeatures(
            _samples("window_size", window_size, "n_window_size", n_window_size, _MOST_WINDOW_SAMPLES),
            _samples("window_stride", window_stride, "n_window_stride", n_window_stride, _MOST_HOP_SAMPLES),
            window=window, normalize=normalize, n_fft=n_fft, preemph=preemph, nfilt=features, lowfreq=lowfreq,
            highfreq=highfreq, log=log, log_zero_guard_type=log_zero_guard_type, log_zero_guard_value=log_zero_guard_value,
            dither=dither, pad_to=pad_to, pad_value=pad_value, mel_norm=mel_norm)
        self.win_length = self.featurizer.win_length
        self.hop_length = self.featurizer.hop_length
        # Features have the dtype that the module was moved to: .half() and the like. Not in checkpoints, as in the original.
        self.register_buffer("dtype_sentinel_tensor", torch.tensor((), dtype=torch.float32), persistent=False)

    @torch.no_grad()
    def forward(self, input_signal, length):
        """input_signal: [clips, samples]. length: [clips], samples of each.

        Returns features [clips, features, frames], of a number of frames that pad_to divides, and each clip's own frames [clips];
        behind those it is pad_value.
        """
        if input_signal.dtype != torch.float32:
            _log.warning("input_signal is %s; its values are taken as float32, as they are", input_signal.dtype)
        features, lengths = self.featurizer(input_signal.to(torch.float32), length)
        return features.to(self.dtype_sentinel_tensor.dtype), lengths

    def get_features(self, input_signal, length):
        return self.featurizer(input_signal, length)

    @property
    def filter_banks(self):
        return self.featurizer.filter_banks


class FilterbankFeatures(torch.nn.Module):
    """What computes: NeMo's code changes dither and pad_to of it, which take effect."""

    def __init__(self, n_window_size, n_window_stride, *, window, normalize, n_fft, preemph, nfilt, lowfreq, highfreq, log,
                 log_zero_guard_type, log_zero_guard_value, dither, pad_to, pad_value, mel_norm):
        super().__init__()
        require(window in _WINDOWS, "window", window, words(_WINDOWS))
        require(log_zero_guard_type in _GUARDS, "log_zero_guard_type", log_zero_guard_type, words(_GUARDS))
        require(mel_norm in ("slaney", None), "mel_norm", mel_norm, "are 'slaney' and None")
        require(not isinstance(normalize, dict), "normalize", normalize, "are 'per_feature', 'all_features' and None")
        require(isinstance(pad_to, int) and pad_to >= 0, "pad_to", pad_to, "are 0 (no padding) and more")
        self.sample_rate = SAMPLE_RATE_HZ
        self.win_length = n_window_size
        self.hop_length = n_window_stride
        self.n_fft = n_fft or 1 << (n_window_size - 1).bit_length()
        self.normalize = normalize
        self.log = log
        self.dither = dither
        self.frame_splicing = 1
        self.nfilt = nfilt
        self.preemph = preemph
        self.pad_to = pad_to
        self.pad_value = pad_value
        self.mag_power = 2.0
        self.log_zero_guard_type = log_zero_guard_type
        self.log_zero_guard_value = log_zero_guard_value
        self._front_end = self._make_front_end(window, lowfreq, highfreq, mel_norm)
        # The engine has its own; these are for checkpoints and for who looks at them.
        filters = _mel_filters.slaney(self.n_fft, nfilt, lowfreq, highfreq or SAMPLE_RATE_HZ / 2, mel_norm is not None)
        self.register_buffer("window", _WINDOW_FUNCTIONS[window](self.win_length, periodic=False))
        self.register_buffer("fb", torch.from_numpy(filters).to(torch.float32)[None])

    @torch.no_grad()
    def forward(self, x, seq_len):
        """float32 [clips, samples], [clips]: features [clips, nfilt, frames] and frames of each clip."""
        require(x.dim() == 2, "input_signal", tuple(x.shape), "is the shape (clips, samples)")
        require(tuple(seq_len.shape) == (x.shape[0],), "length", tuple(seq_len.shape), "is one for each of %d clips" % x.shape[0])
        x = x.detach().contiguous()
        if self.training and self.dither > 0:
            x = x + self.dither * torch.randn_like(x)
        n_frames = self.get_seq_len(seq_len)
        features = torch.empty(x.shape[0], self.nfilt, self._n_columns(x.shape[1]), dtype=torch.float32, device=x.device)
        per_feature = self.normalize == "per_feature"
        engine.log_mel(x, self._front_end, normalization="per_feature_window" if per_feature else "none",
                       lengths=seq_len.tolist(), layout="mel", fill=float(self.pad_value), out=features)
        if self.normalize == "all_features":
            _normalize_clips(features, n_frames.tolist())
        return features, n_frames

    def get_seq_len(self, seq_len):
        """Frames of clips of that many samples; int64."""
        return torch.div(seq_len, self.hop_length, rounding_mode="floor").to(torch.long)

    @property
    def filter_banks(self):
        """The mel filters, [1, nfilt, n_fft / 2 + 1]."""
        return self.fb

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """A window and filters of a checkpoint that are others than the engine's are told, as nothing would compute with them."""
        for name, own in (("window", self.window), ("fb", self.fb)):
            given = state_dict.get(prefix + name)
            if given is not None and given.shape == own.shape and (
                    (given.to(own) - own).abs().max() > _LARGEST_DIFFERENCE * own.abs().max()):
                error_msgs.append("%s: is another than that of these arguments; taken are checkpoints of the same preprocessor" % (
                    prefix + name))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def _n_columns(self, n_samples):
        """NeMo has a frame more than clips have, which it blanks; then it fills up."""
        n = 1 + n_samples // self.hop_length
        return n if self.pad_to == 0 else -(-n // self.pad_to) * self.pad_to

    def _make_front_end(self, window, lowfreq, highfreq, mel_norm):
        fields = {
            "edge": "zeros", "frame_count": "floor", "hop_samples": self.hop_length, "window_samples": self.win_length,
            "n_fft": self.n_fft, "left_samples": self.n_fft // 2 - (self.n_fft - self.win_length) // 2,
            "window": _WINDOWS[window], "remove_dc": False, "mel_scale": "slaney", "mel_norm": mel_norm or "none",
            "n_mels": self.nfilt, "f_min_hz": lowfreq, "f_max_hz": highfreq or SAMPLE_RATE_HZ / 2,
        }
        fields.update({"pre_emphasis_scope": "none"} if self.preemph is None else {
            "pre_emphasis_scope": "signal", "pre_emphasis": self.preemph})
        fields.update({"log": "e", "log_floor": _guard(self.log_zero_guard_value),
                       "log_floor_mode": _GUARDS[self.log_zero_guard_type]} if self.log else {"log": "none"})
        given = {"hop_samples": ("n_window_stride", self.hop_length), "window_samples": ("n_window_size", self.win_length),
                 "left_samples": ("n_window_size", self.win_length), "n_fft": ("n_fft", self.n_fft),
                 "n_mels": ("features", self.nfilt), "f_min_hz": ("lowfreq", lowfreq), "f_max_hz": ("highfreq", highfreq),
                 "pre_emphasis": ("preemph", self.preemph), "log_floor": ("log_zero_guard_value", self.log_zero_guard_value)}
        return front_end("nemo", given, **fields)


def _samples(name, seconds, sample_name, samples, most):
    """Whole samples of what is given in seconds or in samples."""
    if seconds and samples:
        raise ValueError("%s: is %r and %s: is %r; taken is one of the two, the other None" % (
            name, seconds, sample_name, samples))
    n = int(seconds * SAMPLE_RATE_HZ) if seconds else samples
    given = (name, seconds) if seconds else (sample_name, samples)
    require(isinstance(n, int) and 0 < n <= most, *given, "are 1 to %d whole samples at %d Hz" % (most, SAMPLE_RATE_HZ))
    return n


def _guard(value):
    """Of float32, where it is a word."""
    known = {"tiny": torch.finfo(torch.float32).tiny, "eps": torch.finfo(torch.float32).eps}
    require(not isinstance(value, str) or value in known, "log_zero_guard_value", value, "are a number, 'tiny' and 'eps'")
    return known.get(value, value)


def _normalize_clips(features, n_frames):
    """Mean 0 and deviation 1 of all values of a clip, in place."""
    for clip, n in zip(features, n_frames):
        if n == 0:
            continue
        own = clip[:, :n]
        own.sub_(own.mean()).div_(own.std() + _NORMALIZE_GUARD)
