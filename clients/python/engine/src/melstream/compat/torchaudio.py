"""In place of torchaudio.compliance.kaldi.fbank and .mfcc (torchaudio 2.11).

    from melstream.compat import torchaudio as kaldi
    features = kaldi.fbank(waveform * 32768, num_mel_bins=80)
"""
import functools
import math

import torch

from melstream import engine

from . import _kaldi
from ._specs import FLOAT_EPSILON, SAMPLE_RATE_HZ, front_end, require, require_rate

__all__ = ["fbank", "mfcc"]

# torchaudio takes no fewer.
_FEWEST_MELS = 4


def fbank(waveform, blackman_coeff=0.42, channel=-1, dither=0.0, energy_floor=1.0, frame_length=25.0, frame_shift=10.0,
          high_freq=0.0, htk_compat=False, low_freq=20.0, min_duration=0.0, num_mel_bins=23, preemphasis_coefficient=0.97,
          raw_energy=True, remove_dc_offset=True, round_to_power_of_two=True, sample_frequency=16000.0, snip_edges=True,
          subtract_mean=False, use_energy=False, use_log_fbank=True, use_power=True, vtln_high=-500.0, vtln_low=100.0,
          vtln_warp=1.0, window_type="povey"):
    """Kaldi's filterbank features [frames, num_mel_bins], float32, on the device of waveform.

    waveform: float32 [channels, samples] at 16 kHz, in whatever range the caller wants it: full scale 1 or 32768.
    blackman_coeff, energy_floor, htk_compat, raw_energy, vtln_high, vtln_low: without effect, as they are in the original without
        that window, energy and warping.

    Raises ValueError that names what the engine does not compute: dither, another sample_frequency than 16000, use_energy,
    use_power=False, vtln_warp, window_type 'rectangular' and 'blackman'. TypeError for other dtypes. Gradients are not offered.
    """
    made, window = _fbank_front_end(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
                                    preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither,
                                    vtln_warp, use_log_fbank, use_power, use_energy)
    return _features(waveform, channel, min_duration, made, window, subtract_mean)


def mfcc(waveform, blackman_coeff=0.42, cepstral_lifter=22.0, channel=-1, dither=0.0, energy_floor=1.0, frame_length=25.0,
         frame_shift=10.0, high_freq=0.0, htk_compat=False, low_freq=20.0, num_ceps=13, min_duration=0.0, num_mel_bins=23,
         preemphasis_coefficient=0.97, raw_energy=True, remove_dc_offset=True, round_to_power_of_two=True,
         sample_frequency=16000.0, snip_edges=True, subtract_mean=False, use_energy=False, vtln_high=-500.0, vtln_low=100.0,
         vtln_warp=1.0, window_type="povey"):
    """Kaldi's cepstra [frames, num_ceps], float32. As fbank(), and use_energy is taken where raw_energy is True.

    Raises ValueError also for htk_compat.
    """
    made, window = _mfcc_front_end(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
                                   preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither,
                                   vtln_warp, num_ceps, cepstral_lifter, use_energy, raw_energy, htk_compat)
    floor = math.log(energy_floor) if use_energy and energy_floor != 0.0 else None
    return _features(waveform, channel, min_duration, made, window, subtract_mean, floor)


@functools.lru_cache(maxsize=64)
def _fbank_front_end(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
                     preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither, vtln_warp,
                     use_log_fbank, use_power, use_energy):
    """The FrontEnd, and samples of its window."""
    require(not use_energy, "use_energy", use_energy, "is False")
    require(use_power, "use_power", use_power, "is True")
    fields = _common(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
                     preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither, vtln_warp)
    fields.update({"log": "e", "log_floor": FLOAT_EPSILON} if use_log_fbank else {"log": "none"})
    return _made("torchaudio-fbank", fields, frame_length, frame_shift, num_mel_bins, preemphasis_coefficient)


@functools.lru_cache(maxsize=64)
def _mfcc_front_end(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
                    preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither, vtln_warp, num_ceps,
                    cepstral_lifter, use_energy, raw_energy, htk_compat):
    """Likewise."""
    require(not htk_compat, "htk_compat", htk_compat, "is False")
    require(raw_energy or not use_energy, "raw_energy", raw_energy, "is True with use_energy")
    require(1 <= num_ceps <= num_mel_bins, "num_ceps", num_ceps, "are 1 to num_mel_bins (%r)" % num_mel_bins)
    fields = _common(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
                     preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither, vtln_warp)
    fields.update(log="e", log_floor=FLOAT_EPSILON, cepstra=num_ceps, lifter=cepstral_lifter,
                  energy="raw" if use_energy else "cepstrum")
    return _made("torchaudio-mfcc", fields, frame_length, frame_shift, num_mel_bins, preemphasis_coefficient,
                 lifter=("cepstral_lifter", cepstral_lifter))


def _common(frame_length, frame_shift, sample_frequency, snip_edges, round_to_power_of_two, window_type,
            preemphasis_coefficient, remove_dc_offset, num_mel_bins, low_freq, high_freq, dither, vtln_warp):
    """Fields of a spec; what is refused."""
    require_rate("sample_frequency", sample_frequency)
    require(dither == 0.0, "dither", dither, "is 0.0: features are the same each time")
    require(vtln_warp == 1.0, "vtln_warp", vtln_warp, "is 1.0")
    require(window_type in _kaldi.WINDOWS, "window_type", window_type, _kaldi.words(_kaldi.WINDOWS))
    require(num_mel_bins >= _FEWEST_MELS, "num_mel_bins", num_mel_bins, "are %d and more" % _FEWEST_MELS)
    window, shift = (int(sample_frequency * one * 0.001) for one in (frame_length, frame_shift))
    return {
        **_kaldi.framing(window, shift, snip_edges, round_to_power_of_two),
        **_kaldi.pre_emphasis(preemphasis_coefficient),
        **_kaldi.mels(num_mel_bins, low_freq, high_freq, ("low_freq", "high_freq")),
        "window": _kaldi.WINDOWS[window_type],
        "remove_dc": bool(remove_dc_offset),
    }


def _made(name, fields, frame_length, frame_shift, num_mel_bins, preemphasis_coefficient, **given):
    given.update(window_samples=("frame_length", frame_length), n_fft=("frame_length", frame_length),
                 hop_samples=("frame_shift", frame_shift), left_samples=("frame_shift", frame_shift),
                 n_mels=("num_mel_bins", num_mel_bins), pre_emphasis=("preemphasis_coefficient", preemphasis_coefficient))
    return front_end(name, given, **fields), fields["window_samples"]


def _features(waveform, channel, min_duration, made, window, subtract_mean, energy_floor=None):
    """energy_floor: that of column 0; None: no energy."""
    samples = _channel_of(waveform, channel)
    n_samples = samples.shape[0]
    require(n_samples >= window, "waveform", tuple(waveform.shape), "are %d samples and more, those of one frame" % window)
    if n_samples < min_duration * SAMPLE_RATE_HZ:
        return torch.empty(0, dtype=torch.float32, device=waveform.device)
    features = engine.log_mel(samples, made)
    if energy_floor is not None:
        features[:, 0].clamp_(min=energy_floor)
    return features.sub_(features.mean(dim=0)) if subtract_mean else features


def _channel_of(waveform, channel):
    """float32 [samples] that lie one after another. Negative channels are the first, as in the original."""
    if not torch.is_tensor(waveform) or waveform.dtype != torch.float32:
        given = waveform.dtype if torch.is_tensor(waveform) else "a " + type(waveform).__name__
        raise TypeError("waveform: is %s; taken is a tensor of float32" % given)
    require(waveform.dim() == 2, "waveform", tuple(waveform.shape), "is the shape (channels, samples)")
    channel = max(channel, 0)
    require(channel < waveform.shape[0], "channel", channel, "are those of waveform, which has %d" % waveform.shape[0])
    return waveform[channel].contiguous()
