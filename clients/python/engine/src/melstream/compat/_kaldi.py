"""Kaldi's framing and mel filters as fields of a spec, for the two libraries that follow Kaldi."""
from ._specs import SAMPLE_RATE_HZ, require

#: Kaldi's word, the engine's.
WINDOWS = {"povey": "povey", "hamming": "hamming_symmetric", "hanning": "hann_symmetric"}


def words(known):
    return "are " + ", ".join(repr(word) for word in sorted(known))


def framing(window, shift, snip_edges, round_to_power_of_two):
    """Of a window and a shift in samples. Without snip_edges frame t is centred on the middle of its shift, and the signal is
    mirrored at both ends with its last sample repeated."""
    edges = {"edge": "none", "frame_count": "snip", "left_samples": 0} if snip_edges else {
        "edge": "symmetric", "frame_count": "rounded", "left_samples": window // 2 - shift // 2}
    n_fft = 1 << max(0, window - 1).bit_length() if round_to_power_of_two else window
    return dict(edges, window_samples=window, hop_samples=shift, n_fft=n_fft)


def pre_emphasis(coefficient):
    if coefficient == 0.0:
        return {"pre_emphasis_scope": "none"}
    return {"pre_emphasis_scope": "frame", "pre_emphasis": coefficient}


def mels(n_mels, low_freq, high_freq, names):
    """names: what the caller calls (low_freq, high_freq). 0 and less for the upper one count from the Nyquist frequency."""
    nyquist = SAMPLE_RATE_HZ / 2
    high = high_freq + nyquist if high_freq <= 0.0 else high_freq
    require(0.0 <= low_freq < nyquist, names[0], low_freq, "are 0 Hz and more, below 8000 Hz")
    require(low_freq < high <= nyquist, names[1], high_freq,
            "is a frequency in Hz above %s = %r and up to 8000, or 0 and less, counted from 8000" % (names[0], low_freq))
    return {"mel_scale": "kaldi", "mel_norm": "none", "n_mels": n_mels, "f_min_hz": low_freq, "f_max_hz": high}
