"""Slaney's mel filters as a matrix: for those who read a feature extractor's filters. The engine has its own.

Formula: tests/golden/README.md section 1 of the repository; librosa.filters.mel with htk=False.
"""
import numpy as np

_BREAK_HZ = 1000.0
_BREAK_MEL = 15.0
_LOG_STEP = np.log(6.4) / 27.0


def _mel(hz):
    return 3.0 * hz / 200.0 if hz < _BREAK_HZ else _BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP


def _hz(mel):
    return np.where(mel < _BREAK_MEL, 200.0 * mel / 3.0, _BREAK_HZ * np.exp((mel - _BREAK_MEL) * _LOG_STEP))


def slaney(n_fft, n_mels, f_min_hz, f_max_hz, is_area_normalized, rate_hz=16000):
    """float64 [n_mels, n_fft / 2 + 1]."""
    corners = _hz(np.linspace(_mel(f_min_hz), _mel(f_max_hz), n_mels + 2))
    left, centre, right = (corners[i:i + n_mels, None] for i in range(3))
    bins = np.arange(n_fft // 2 + 1) * (rate_hz / n_fft)
    filters = np.maximum(0.0, np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)))
    return filters * (2.0 / (right - left)) if is_area_normalized else filters
