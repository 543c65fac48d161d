"""melstream.engine: log-mel features exactly as the genuine front ends compute them, offline, in this process.

    features = log_mel(audio)                                             # whisper-80: [frames, 80]
    features = log_mel(audio, normalization="whisper_window", layout="mel", pad_to_samples=480_000)     # what Whisper takes
    features = log_mel([a, b, c], "kaldi-80")                             # a batch: [3, most frames, 80]

NumPy in, NumPy out; PyTorch in, PyTorch out, on the same device. The same code as in the daemon, so that training and serving
have the same features. No daemon, no gRPC.
"""
from __future__ import annotations

import copyreg as _copyreg
import os as _os
import sys as _sys
import threading as _threading
from typing import Any as _Any
from typing import Optional as _Optional
from typing import Sequence as _Sequence
from typing import Union as _Union

import numpy as _numpy

from . import _native
from ._native import ABI_VERSION, Engine, FrontEnd, build_id, front_ends

__all__ = [
    "ABI_VERSION", "Engine", "FrontEnd", "Stream", "build_id", "default_engine", "front_ends", "include_folder", "library",
    "log_mel", "set_default_engine",
]

_front_ends = {}
_engines = {}
_engines_lock = _threading.Lock()


def _renew_lock() -> None:
    """Of a child that is forked: another thread of its parent's may have held it."""
    global _engines_lock
    _engines_lock = _threading.Lock()


_os.register_at_fork(after_in_child=_renew_lock)


def front_end_of(front_end: _Union[str, FrontEnd]) -> FrontEnd:
    """A FrontEnd, of its name too; names are looked up once."""
    if isinstance(front_end, FrontEnd):
        return front_end
    if not isinstance(front_end, str):
        raise TypeError("front_end: a %s is none; taken are a name and a FrontEnd" % type(front_end).__name__)
    known = _front_ends.get(front_end)
    if known is None:
        known = _front_ends[front_end] = FrontEnd(front_end)
    return known


def _read_front_end(spec, name):
    return FrontEnd.from_spec(spec, name)


_copyreg.pickle(FrontEnd, lambda front_end: (_read_front_end, (front_end.spec, front_end.name)))


def default_engine(device: _Optional[int] = None) -> Engine:
    """The Engine that is used where none is given: one thread on the CPU; for a CUDA device (its index) that of the GPU."""
    engine = _engines.get(device)
    if engine is None:
        with _engines_lock:
            engine = _engines.get(device)
            if engine is None:
                engine = Engine() if device is None else Engine(backend="cuda", device=device)
                _engines[device] = engine
    return engine


def set_default_engine(engine: Engine, device: _Optional[int] = None) -> None:
    """What default_engine() gives from now on: an Engine with more threads, say."""
    _check_types(engine=engine)
    with _engines_lock:
        _engines[device] = engine


def library() -> str:
    """Path of libmelstream_engine.so, for callers of its C ABI."""
    return _os.path.join(_os.path.dirname(__file__), "libmelstream_engine.so.%d" % ABI_VERSION)


def include_folder() -> str:
    """Folder of melstream/engine.h."""
    return _os.path.join(_os.path.dirname(__file__), "include")


def log_mel(audio: _Any, front_end: _Union[str, FrontEnd] = "whisper-80", *, smoothing: str = "none", normalization: str = "none",
            fixed_max: _Optional[float] = None, lengths: _Optional[_Sequence[int]] = None, pad_to_samples: int = 0,
            layout: str = "time", fill: float = 0.0, out: _Any = None, engine: _Optional[Engine] = None) -> _Any:
    """Features of one clip or of many.

    audio: float32 (full scale -1 to 1) or int16, mono at 16 kHz: [samples], a batch [clips, samples], or a list of [samples].
        Samples must lie one after another; batches may have any distance between clips. Nothing is copied.
    front_end: the name of a built-in one (front_ends()) or a FrontEnd.
    smoothing: none, box3x3, box3x3-valid: the mean over 3 frames and 3 bins, before any normalization.
    normalization: none, running_max, fixed_max (with fixed_max), whisper_window (Whisper's own), per_feature_window (NeMo's).
    lengths: samples of each clip of a batch; what is behind them is not looked at. Not with a list.
    pad_to_samples: zeros are added at the end or samples cut off, until each clip has that many; 0: as it is.
    layout: "time", [frames, bins], or "mel", [bins, frames].
    fill: what frames of a batch hold behind their clip's own.
    out: an array to write to, float32 of the shape that is returned (more frames are filled up).
    engine: an Engine; default_engine() if None.

    Returns float32 [frames, bins] in the layout, with [clips] before it for a batch; frames are those of the longest clip, a clip's
    own are front_end.rows(samples). A NumPy array, or a tensor on the device of `audio` if that is one of PyTorch.

    Raises TypeError or ValueError that say what was given and what is taken; RuntimeError where an engine is missing or has failed.
    Gradients are not offered: a tensor that requires one is refused.
    """
    front_end = front_end_of(front_end)
    if layout not in ("time", "mel"):
        raise ValueError("layout: %r is none of 'time', 'mel'" % (layout,))
    is_list = isinstance(audio, (list, tuple))
    if not is_list and not hasattr(audio, "shape"):
        audio = _viewed(audio)
    first = audio[0] if is_list and audio else audio
    torch = _torch_of(first)
    if not is_list:
        check_is_mono(audio)
    if torch is not None:
        _check_gradients(audio if is_list else (audio,), out)
    if lengths is not None:
        lengths = _whole_numbers(lengths)
    device = first.device.index if torch is not None and first.is_cuda else None
    if (fixed_max is None) == (normalization == "fixed_max"):
        raise ValueError("fixed_max: %s; it is given with normalization='fixed_max', and only there" % (
            "is not given" if fixed_max is None else "is %r, with normalization=%r" % (fixed_max, normalization)))
    try:
        if out is None:
            out = _make_out(torch, first, _shape_of(audio, is_list, front_end, smoothing, lengths, pad_to_samples, layout))
        cuda_stream = 0 if device is None else torch.cuda.current_stream(device).cuda_stream
        _native.extract(default_engine(device) if engine is None else engine, front_end, audio, lengths, out, smoothing, normalization,
                        0.0 if fixed_max is None else fixed_max, fill, pad_to_samples, layout == "mel", cuda_stream)
    except TypeError:
        _check_types(smoothing=smoothing, normalization=normalization, fixed_max=fixed_max or 0.0, fill=fill,
                     pad_to_samples=pad_to_samples, engine=default_engine(device) if engine is None else engine)
        raise
    return out


_TYPES = {"smoothing": (str, "a word"), "normalization": (str, "a word"), "fixed_max": ((int, float), "a number"),
          "fill": ((int, float), "a number"), "pad_to_samples": (int, "a whole number"), "engine": (Engine, "an Engine")}


def _check_types(**arguments):
    """Raises TypeError for the first that is of another type: asked when a call has failed."""
    for name, value in arguments.items():
        taken, words = _TYPES[name]
        if not isinstance(value, taken) and not (taken is not str and taken is not Engine and hasattr(value, "__index__")):
            raise TypeError("%s: is %r, a %s; taken is %s" % (name, value, type(value).__name__, words)) from None


def _viewed(audio):
    """Memory of others (array.array, bytes) as an array, without a copy; what is none, _native names."""
    try:
        return _numpy.asarray(memoryview(audio))
    except (TypeError, ValueError):
        return audio


def _check_gradients(clips, out):
    for clip in (*clips, out):
        if getattr(clip, "requires_grad", False):
            raise ValueError("%s: requires a gradient, which is not offered; pass a detached tensor (.detach())" % (
                "out" if clip is out else "audio"))


def _torch_of(array):
    """The module torch if the array is a tensor; a program that has not imported it has none."""
    torch = _sys.modules.get("torch")
    return torch if torch is not None and isinstance(array, getattr(torch, "Tensor", ())) else None


def _shape_of(audio, is_list, front_end, smoothing, lengths, pad_to_samples, layout):
    """Of the features, before anything is checked: what is wrong with the audio, _native says."""
    if is_list:
        clips = (len(audio),)
        n_samples = max([one.shape[-1] for one in audio if getattr(one, "shape", ())], default=0)
    else:
        shape = getattr(audio, "shape", ()) or (0,)
        clips = tuple(shape[:-1])
        n_samples = shape[-1] if lengths is None else max(lengths, default=0)
    n_rows = front_end.rows(max(0, pad_to_samples or n_samples), smoothing)
    n_bins = front_end.bins(smoothing)
    return clips + ((n_rows, n_bins) if layout == "time" else (n_bins, n_rows))


#: An array of more clips than this with fewer samples each is none of clips.
_FEWEST_FRAMES = 100
_MOST_CHANNELS = 8


def check_is_mono(audio: _Any) -> None:
    """Raises ValueError for what looks like [samples, channels]."""
    shape = getattr(audio, "shape", ())
    if len(shape) == 2 and 1 <= shape[1] <= _MOST_CHANNELS and shape[0] > _FEWEST_FRAMES:
        raise ValueError("audio: has the shape %s, which looks like (samples, channels); taken is (clips, samples), mono: mix the "
                         "channels first, of float32 audio.mean(1), of int16 audio.mean(1).astype('float32') / 32768" % (tuple(shape),))


def _whole_numbers(lengths):
    """A list of ints, of an array or tensor too. Nothing is rounded."""
    if hasattr(lengths, "tolist"):
        lengths = lengths.tolist()
    if not isinstance(lengths, (list, tuple)):
        raise TypeError("lengths: is %r; taken is a sequence of whole numbers, one a clip" % (lengths,))
    for length in lengths:
        if isinstance(length, bool) or not hasattr(length, "__index__"):
            raise TypeError("lengths: has %r, a %s; taken are whole numbers" % (length, type(length).__name__))
    return [length.__index__() for length in lengths]


def _make_out(torch, first, shape):
    if torch is not None:
        return torch.empty(shape, dtype=torch.float32, device=first.device)
    return _numpy.empty(shape, _numpy.float32)


class Stream(_native.Stream):
    """Features of samples as they come: push(samples), then pull() the rows that are ready; flush() at the end.

    Rows equal those of log_mel() of all samples together, however they are pushed. Calls of several threads take turns.
    normalization: none, running_max or fixed_max; the others need the whole clip. dtype: float32 or int16.
    """

    def __init__(self, front_end: _Union[str, FrontEnd] = "whisper-80", *, smoothing: str = "none", normalization: str = "none",
                 fixed_max: _Optional[float] = None, dtype: _Any = "float32", engine: _Optional[Engine] = None) -> None:
        if (fixed_max is None) == (normalization == "fixed_max"):
            raise ValueError("fixed_max: it is given with normalization='fixed_max', and only there")
        super().__init__(default_engine() if engine is None else engine, front_end_of(front_end), smoothing, normalization, fixed_max or 0.0,
                         _numpy.dtype(dtype).name)
