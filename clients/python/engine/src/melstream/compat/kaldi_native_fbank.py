"""In place of kaldi_native_fbank.OnlineFbank and its options (kaldi-native-fbank 1.23).

    from melstream.compat import kaldi_native_fbank as knf
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(16000, samples)

NumPy alone.
"""
import bisect
from dataclasses import asdict, dataclass, field

import numpy as np

from melstream import engine

from . import _kaldi
from ._specs import FLOAT_EPSILON, SAMPLE_RATE_HZ, front_end, require, require_rate

__all__ = ["FbankOptions", "FrameExtractionOptions", "MelBanksOptions", "OnlineFbank"]

# 'hann' is the window that PyTorch makes: one period.
_WINDOWS = {**_kaldi.WINDOWS, "hann": "hann_periodic"}


class _Options:
    """Fields that are not there are refused, as in the original."""

    as_dict = asdict

    @classmethod
    def from_dict(cls, values):
        return cls(**values)

    def __setattr__(self, name, value):
        if name not in self.__dataclass_fields__:
            raise AttributeError("%s has no option %r; there are: %s" % (
                type(self).__name__, name, ", ".join(self.__dataclass_fields__)))
        super().__setattr__(name, value)


@dataclass
class FrameExtractionOptions(_Options):
    """How frames are cut. Of the defaults one is refused, as it is random: set dither to 0."""

    samp_freq: float = 16000.0
    frame_shift_ms: float = 10.0
    frame_length_ms: float = 25.0
    dither: float = 0.00003
    preemph_coeff: float = 0.97
    remove_dc_offset: bool = True
    window_type: str = "povey"
    round_to_power_of_two: bool = True
    blackman_coeff: float = 0.42  # without effect: that window is refused
    snip_edges: bool = True


@dataclass
class MelBanksOptions(_Options):
    """Which filters. vtln_low, vtln_high and debug_mel are without effect, as are the last three without is_librosa."""

    num_bins: int = 25
    low_freq: float = 20.0
    high_freq: float = 0.0
    vtln_low: float = 100.0
    vtln_high: float = -500.0
    debug_mel: bool = False
    htk_mode: bool = False
    is_librosa: bool = False
    norm: str = "slaney"
    use_slaney_mel_scale: bool = True
    floor_to_int_bin: bool = False


@dataclass
class FbankOptions(_Options):
    """What is computed. energy_floor, raw_energy and htk_compat are without effect: use_energy is refused."""

    frame_opts: FrameExtractionOptions = field(default_factory=FrameExtractionOptions)
    mel_opts: MelBanksOptions = field(default_factory=lambda: MelBanksOptions(num_bins=23))
    use_energy: bool = False
    energy_floor: float = 0.0
    raw_energy: bool = True
    htk_compat: bool = False
    use_log_fbank: bool = True
    use_log_floor: bool = True
    eps: float = FLOAT_EPSILON
    use_power: bool = True

    @classmethod
    def from_dict(cls, values):
        parts = {"frame_opts": FrameExtractionOptions, "mel_opts": MelBanksOptions}
        return cls(**{key: parts[key].from_dict(value) if key in parts else value for key, value in values.items()})


class OnlineFbank:
    """Kaldi's filterbank features of samples as they come; the same bits however they are cut into pieces.

    Frames are kept until pop(). Raises ValueError that names the option where the engine does not compute what it asks for.
    """

    def __init__(self, opts):
        self._stream = engine.Stream(_front_end(opts))
        self._shift_s = float(opts.frame_opts.frame_shift_ms) / 1000
        self._dim = int(opts.mel_opts.num_bins)
        # Frames first to end are kept, in blocks as they came; the number of each block's first frame.
        self._first = 0
        self._end = 0
        self._blocks = []
        self._begins = []
        self._is_finished = False

    @property
    def dim(self):
        return self._dim

    @property
    def frame_shift_in_seconds(self):
        return self._shift_s

    @property
    def num_frames_ready(self):
        """Frames so far, those that were popped included."""
        return self._end

    def accept_waveform(self, sampling_rate, waveform):
        """More samples: a list or an array [samples], in whatever range the caller wants them. A copy is taken."""
        require_rate("sampling_rate", sampling_rate)
        samples = np.ascontiguousarray(waveform, np.float32)
        require(samples.ndim == 1, "waveform", samples.shape, "is the shape (samples,)")
        if self._is_finished:
            raise RuntimeError("accept_waveform: after input_finished()")
        self._stream.push(samples)
        self._pull()

    def input_finished(self):
        """No more samples: without snip_edges the last frame or two become ready."""
        if not self._is_finished:
            self._is_finished = True
            self._stream.flush()
            self._pull()

    def _pull(self):
        """At once, so that the stream holds samples of frames to come alone."""
        block = self._stream.pull()
        if len(block) > 0:
            self._blocks.append(block)
            self._begins.append(self._end)
            self._end += len(block)

    def is_last_frame(self, frame):
        return self._is_finished and frame == self._end - 1

    def get_frame(self, frame):
        """float32 [dim]. Frames are counted from the first one, also after pop()."""
        if not self._first <= frame < self._end:
            raise IndexError("get_frame: there is no frame %d; there are %d to %d, as %d were popped" % (
                frame, self._first, self._end - 1, self._first))
        at = bisect.bisect_right(self._begins, frame) - 1
        return self._blocks[at][frame - self._begins[at]]

    def pop(self, n):
        """Forgets the first n frames that are kept."""
        require(n >= 0, "n", n, "are 0 and more")
        self._first = min(self._first + n, self._end)
        n_gone = len(self._begins) if self._first == self._end else bisect.bisect_right(self._begins, self._first) - 1
        del self._blocks[:n_gone], self._begins[:n_gone]


def _front_end(opts):
    _refuse_what_is_not_computed(opts)
    frame, mel = opts.frame_opts, opts.mel_opts
    window, shift = _samples(frame.frame_length_ms), _samples(frame.frame_shift_ms)
    fields = {
        **_kaldi.framing(window, shift, frame.snip_edges, frame.round_to_power_of_two),
        **_kaldi.pre_emphasis(frame.preemph_coeff),
        **_kaldi.mels(mel.num_bins, mel.low_freq, mel.high_freq, ("mel_opts.low_freq", "mel_opts.high_freq")),
        "window": _WINDOWS[frame.window_type],
        "remove_dc": bool(frame.remove_dc_offset),
    }
    fields.update({"log": "e", "log_floor": opts.eps, "log_floor_mode": "max" if opts.use_log_floor else "add"}
                  if opts.use_log_fbank else {"log": "none"})
    length = ("frame_opts.frame_length_ms", frame.frame_length_ms)
    shifted = ("frame_opts.frame_shift_ms", frame.frame_shift_ms)
    given = {"window_samples": length, "n_fft": length, "hop_samples": shifted, "left_samples": shifted,
             "pre_emphasis": ("frame_opts.preemph_coeff", frame.preemph_coeff), "n_mels": ("mel_opts.num_bins", mel.num_bins),
             "log_floor": ("eps", opts.eps)}
    return front_end("kaldi-native-fbank", given, **fields)


def _refuse_what_is_not_computed(opts):
    frame, mel = opts.frame_opts, opts.mel_opts
    require_rate("frame_opts.samp_freq", frame.samp_freq)
    require(frame.dither == 0, "frame_opts.dither", frame.dither, "is 0: features are the same each time")
    require(frame.window_type in _WINDOWS, "frame_opts.window_type", frame.window_type, _kaldi.words(_WINDOWS))
    require(not mel.is_librosa, "mel_opts.is_librosa", mel.is_librosa, "is False")
    require(not mel.htk_mode, "mel_opts.htk_mode", mel.htk_mode, "is False")
    require(not opts.use_energy, "use_energy", opts.use_energy, "is False")
    require(opts.use_power, "use_power", opts.use_power, "is True")


def _samples(milliseconds):
    """In single precision, as the original counts them."""
    return int(np.float32(SAMPLE_RATE_HZ) * np.float32(0.001) * np.float32(milliseconds))
