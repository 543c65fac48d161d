"""Shapes of features as expressions of the samples, which may be symbols of a compiler rather than numbers.

The counts are those of FrontEnd.rows(): tests compare the two.
"""
import functools

from .. import engine


@functools.lru_cache(maxsize=256)
def front_end_of_text(text):
    """By a name, or by a spec: a text of key=value lines."""
    return engine.FrontEnd.from_spec(text) if "=" in text else engine.FrontEnd(text)


@functools.lru_cache(maxsize=256)
def _spec_of_text(text):
    spec = dict(line.split("=", 1) for line in front_end_of_text(text).spec.splitlines())
    words = ("edge", "frame_count")
    numbers = ("hop_samples", "left_samples", "lfr_n", "window_samples")
    return {**{key: spec[key] for key in words}, **{key: int(spec[key]) for key in numbers}}


def frame_count(n_samples, spec):
    """Frames of a whole clip (docs/numerics.md)."""
    hop = spec["hop_samples"]
    if spec["edge"] == "reflect" and n_samples <= spec["left_samples"]:
        return 0
    count = spec["frame_count"]
    if count == "floor":
        return n_samples // hop
    if count == "floor_plus_one":
        return 0 if n_samples == 0 else n_samples // hop + 1
    if count == "rounded":
        return (n_samples + hop // 2) // hop
    return 0 if n_samples < spec["window_samples"] else (n_samples - spec["window_samples"]) // hop + 1


def row_count(n_samples, front_end, smoothing):
    spec = _spec_of_text(front_end)
    frames = frame_count(n_samples, spec)
    if smoothing == "box3x3-valid":
        return 0 if frames < 3 else frames - 2
    return (frames + spec["lfr_n"] - 1) // spec["lfr_n"]


def features_shape(audio_shape, front_end, smoothing, pad_to_samples, layout):
    """Of the features of [samples] or [clips, samples]."""
    if len(audio_shape) not in (1, 2):
        raise ValueError("audio: has the shape %s; taken are (samples,) and (clips, samples)" % (tuple(audio_shape),))
    if layout not in ("time", "mel"):
        raise ValueError("layout: %r is none of 'time', 'mel'" % (layout,))
    rows = row_count(pad_to_samples or audio_shape[-1], front_end, smoothing)
    bins = front_end_of_text(front_end).bins(smoothing)
    return (*audio_shape[:-1], *((rows, bins) if layout == "time" else (bins, rows)))
