"""The op's place in a graph: its operands, its parameters, and the type of what it gives."""
import hashlib
import pathlib

import numpy as np
from max.dtype import DType
from max.graph import DeviceRef, StaticDim, SymbolicDim, TensorType, TensorValue, ops

from ._library import NORMALIZATIONS, SMOOTHINGS, FrontEnd

#: The Mojo package of the op, for Graph(..., custom_extensions=[OPS]).
OPS = pathlib.Path(__file__).parent / "ops"

LAYOUTS = ("time", "mel")
MAX_THREADS = 256


def log_mel(samples, front_end="whisper-80", *, smoothing="none", normalization="none", fixed_max=None, lengths=None,
            pad_to_samples=0, layout="time", fill=0.0, threads=1, rows=None):
    """Features of whole clips, as a value of the graph.

    samples: a value [n] or [batch, n] of the graph on the CPU: float32 in -1..1, or int16. 16 kHz mono.
    front_end: a name, or a melstream.engine.FrontEnd. The graph keeps the definition, not the name.
    lengths: a value [batch], int64, on the CPU: samples of each clip, where they are fewer than n. Rows behind those of
        a clip are `fill`.
    pad_to_samples: zeros are added to a clip, or samples cut off, until there are that many (Whisper: 480000).
    threads: of the engine, for one call; all ops of a process with one front end and as many threads share an engine.
    rows: name of the dimension, where n is not known while the graph is built. Unless it is given, it says what the number
        follows from, so that values of different front ends have the same name only where they have as many rows.
    Returns float32 [rows, bins] or [batch, rows, bins]; with layout "mel" [bins, rows] or [batch, bins, rows].

    Wrong arguments are a ValueError or a TypeError here. What is seen only as the graph runs (a sample that is not a
    number, a length out of range) is a ValueError of Model.execute() with the engine's message in it.
    """
    _check_samples(samples)
    _check_choices(smoothing, normalization, fixed_max, layout, pad_to_samples, threads)
    definition = FrontEnd(front_end)
    n_bins = definition.bins(smoothing)
    if n_bins == 0:
        raise ValueError("front end %s has no smoothing %s: use smoothing=\"none\"" % (definition.name, smoothing))
    *batch, n_samples = samples.shape
    if lengths is not None:
        _check_lengths(lengths, batch)
    n_rows = _n_rows(definition, smoothing, pad_to_samples or n_samples, rows)
    parameters = {
        "front_end": definition.name,
        "spec": definition.spec,
        "n_bins": n_bins,
        "n_threads": threads,
        "smoothing": SMOOTHINGS.index(smoothing),
        "normalization": NORMALIZATIONS.index(normalization),
        "fixed_max_bits": _bits(fixed_max or 0.0),
        "fill_bits": _bits(fill),
        "pad_to_samples": pad_to_samples,
        "has_lengths": lengths is not None,
        "mel_major": layout == "mel",
    }
    shape = [*batch, n_rows, n_bins] if layout == "time" else [*batch, n_bins, n_rows]
    # Where there are no lengths, anything may be in their place.
    operands = [samples, samples if lengths is None else lengths]
    return _call(operands, TensorType(DType.float32, shape, device=DeviceRef.CPU()), parameters)


def _check_samples(samples):
    if not isinstance(samples, TensorValue):
        raise TypeError("samples are a %s: give a value of the graph (graph.inputs[0].tensor); for arrays there is "
                        "melstream.engine.log_mel" % type(samples).__name__)
    if samples.dtype not in (DType.float32, DType.int16):
        raise TypeError("samples are %s: give float32 in -1..1 (samples.cast(DType.float32)) or int16"
                        % samples.dtype.name)
    if samples.rank not in (1, 2):
        raise ValueError("samples have %d dimensions: give [n] or [batch, n]" % samples.rank)
    _check_device("samples", samples)


def _check_device(name, value):
    if value.device.device_type.value != "cpu":
        raise ValueError("%s are on %s: the op runs on the CPU, give %s.to(DeviceRef.CPU())"
                         % (name, value.device, name))


def _check_choices(smoothing, normalization, fixed_max, layout, pad_to_samples, threads):
    for name, value, known in (("smoothing", smoothing, SMOOTHINGS), ("normalization", normalization, NORMALIZATIONS),
                               ("layout", layout, LAYOUTS)):
        if value not in known:
            raise ValueError("%s is %r: use one of %s" % (name, value, ", ".join(known)))
    if (fixed_max is not None) != (normalization == "fixed_max"):
        raise ValueError("fixed_max is %s with normalization %s: give it with \"fixed_max\", and only then"
                         % (fixed_max, normalization))
    if pad_to_samples < 0:
        raise ValueError("pad_to_samples is %d: give 0 (as they are) or more" % pad_to_samples)
    if not 1 <= threads <= MAX_THREADS:
        raise ValueError("threads is %d: give 1 to %d" % (threads, MAX_THREADS))


def _bits(value):
    """Of a float32: MAX 26.6 takes no float as a parameter of an op."""
    return int(np.float32(value).view(np.uint32))


def _n_rows(definition, smoothing, n_samples, name):
    """Rows, or their dimension where the number of samples is a dimension with a name."""
    if isinstance(n_samples, (int, StaticDim)):
        return definition.rows(int(n_samples), smoothing)
    return SymbolicDim(name or _name_of_rows(definition, smoothing, n_samples))


_FRAMING = ("edge", "frame_count", "hop_samples", "left_samples", "lfr_n", "window_samples")


def _name_of_rows(definition, smoothing, n_samples):
    spec = dict(line.split("=", 1) for line in definition.spec.splitlines())
    framing = [spec[key] for key in _FRAMING] + [str(smoothing == "box3x3-valid")]
    return "rows_of_%s_%s" % (n_samples, hashlib.sha256(" ".join(framing).encode()).hexdigest()[:8])


def _check_lengths(lengths, batch):
    if not isinstance(lengths, TensorValue) or lengths.dtype != DType.int64 or lengths.rank != 1:
        raise TypeError("lengths are not an int64 [batch] of the graph: give such a value (lengths.cast(DType.int64))")
    _check_device("lengths", lengths)
    given, wanted = lengths.shape[0], batch[0] if batch else StaticDim(1)
    if isinstance(given, StaticDim) and isinstance(wanted, StaticDim) and given != wanted:
        raise ValueError("lengths has %s values for %s clips: give one for each" % (given, wanted))


def _call(operands, features, parameters):
    try:
        return ops.custom("melstream.log_mel", DeviceRef.CPU(), operands, [features], parameters)[0].tensor
    except ValueError as error:
        if "melstream.log_mel" not in str(error):
            raise
        raise ValueError("%s; make the graph with custom_extensions=[melstream.max.OPS]" % error) from error
