"""The steps that a library leaves to its caller, in the fastest exact way found with NumPy.

torch's avg_pool2d(3, 1, 1, count_include_pad=False) is as exact and takes several times as long on a CPU."""
import numpy as np

FLOOR = np.float32(1e-10)


def log10_mel(mels):
    """log10(max(mel, 1e-10)), in place where `mels` is float32."""
    mels = np.maximum(mels, FLOOR, out=mels)
    return np.log10(mels, out=mels)


def _counts(size):
    """How many of three neighbours exist, one float a place."""
    counts = np.full(size, 3.0, np.float32)
    counts[0] -= 1.0
    counts[-1] -= 1.0
    return counts


def box3x3(values):
    """Mean of the 3x3 neighbourhood of a matrix; at borders of those cells that exist."""
    if values.shape[0] == 0 or values.shape[1] == 0:
        return values.copy()
    down = values.copy()
    down[1:] += values[:-1]
    down[:-1] += values[1:]
    across = down.copy()
    across[:, 1:] += down[:, :-1]
    across[:, :-1] += down[:, 1:]
    across /= np.outer(_counts(values.shape[0]), _counts(values.shape[1]))
    return across


def normalize(values):
    """Whisper's: (max(v, largest - 8) + 4) / 4, in place."""
    np.maximum(values, values.max() - np.float32(8.0), out=values)
    values += np.float32(4.0)
    values *= np.float32(0.25)
    return values


def finish(values, form, is_normalized):
    """From what a library gave ([bins, rows], log10 mel or normalized already) to the form.

    Smoothing comes before normalization, as in melstream, unless the library has normalized already."""
    if form.smoothing == "box3x3":
        values = box3x3(values)
    if form.normalization == "whisper_window" and not is_normalized:
        values = normalize(values)
    return values
