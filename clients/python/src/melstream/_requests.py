"""Requests of the wire contract from the package's arguments."""
from __future__ import annotations

import difflib
import math
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from melstream.v1 import feature_service_pb2, types_pb2

from . import _words
from .errors import InvalidArgument, UnknownFrontEnd
from .models import find_model, require_front_end

RATE = 16000

_FEATURE_OPTIONS = "expect_spec_sha256 model smoothing normalization fixed_max cmvn element_type".split()

Streams = Union[str, Sequence[str], None]
Cmvn = Tuple[Sequence[float], Sequence[float]]


def feature_request(
    front_end: str,
    *,
    expect_spec_sha256: Optional[str] = None,
    model: Optional[str] = None,
    smoothing: str = "none",
    normalization: str = "none",
    fixed_max: Optional[float] = None,
    cmvn: Optional[Cmvn] = None,
    element_type: str = "f32",
) -> types_pb2.FeatureRequest:
    """cmvn: shift and scale, of each bin. Raises InvalidArgument, WrongFrontEnd."""
    if model is not None:
        require_front_end(model, front_end)
    request = types_pb2.FeatureRequest(
        front_end=front_end,
        spec_sha256=expect_spec_sha256 or "",
        smoothing=_words.value_of(_words.SMOOTHINGS, "smoothing", smoothing),
        normalization=_words.value_of(_words.NORMALIZATIONS, "normalization", normalization),
        element_type=_words.value_of(_words.ELEMENT_TYPES, "element type", element_type),
    )
    if fixed_max is not None:
        request.fixed_max = fixed_max
    if cmvn is not None:
        request.cmvn.shift.extend(cmvn[0])
        request.cmvn.scale.extend(cmvn[1])
    return request


def select_streams(ids: Streams, labels: Optional[str], all_streams: bool) -> feature_service_pb2.StreamSelection:
    """Of many streams; nothing given: no selection. Raises InvalidArgument."""
    selection = feature_service_pb2.StreamSelection()
    if sum((ids is not None, labels is not None, all_streams)) > 1:
        raise InvalidArgument("say which streams by one of: ids, labels=, all_streams=True")
    if labels is not None:
        selection.labels = labels
    elif all_streams:
        selection.all.SetInParent()
    elif ids is not None:
        selection.ids.ids.extend([ids] if isinstance(ids, str) else ids)
    return selection


def list_request(ids: Streams, labels: Optional[str]) -> feature_service_pb2.ListStreamsRequest:
    """Of all streams, if nothing is given. Raises InvalidArgument."""
    request = feature_service_pb2.ListStreamsRequest()
    if ids is not None or labels is not None:
        request.streams.CopyFrom(select_streams(ids, labels, False))
    return request


def subscribe_config(
    streams: Streams,
    features: types_pb2.FeatureRequest,
    *,
    labels: Optional[str] = None,
    all_streams: bool = False,
    start: str = "live",
    seconds_back: Optional[float] = None,
    frame: Optional[int] = None,
    wait: bool = False,
    block_frames: int = 4,
    max_delay_ms: int = 50,
    slow_policy: str = "drop_oldest",
) -> feature_service_pb2.SubscribeConfig:
    """Without resume tokens: those belong to the positions. Raises InvalidArgument."""
    config = feature_service_pb2.SubscribeConfig(
        features=features,
        wait=wait,
        block_frames=block_frames,
        max_delay_ms=max_delay_ms,
        slow_policy=_words.value_of(_words.SLOW_POLICIES, "slow policy", slow_policy),
    )
    if isinstance(streams, str) and labels is None and not all_streams:
        if not streams:
            raise InvalidArgument("the id of a stream is not empty")
        config.stream = streams
    else:
        selection = select_streams(streams, labels, all_streams)
        if selection.WhichOneof("selection") is None:
            raise InvalidArgument("say which streams by one of: ids, labels=, all_streams=True")
        config.streams.CopyFrom(selection)
    _set_start(config, start, seconds_back, frame)
    return config


def subscribe_config_of(
    streams: Streams, front_end: str, options: Dict[str, Any]
) -> feature_service_pb2.SubscribeConfig:
    """options: keywords of feature_request() and of subscribe_config(). Raises InvalidArgument, WrongFrontEnd."""
    features = {name: value for name, value in options.items() if name in _FEATURE_OPTIONS}
    others = {name: value for name, value in options.items() if name not in _FEATURE_OPTIONS}
    return subscribe_config(streams, feature_request(front_end, **features), **others)


def _set_start(
    config: feature_service_pb2.SubscribeConfig, start: str, seconds_back: Optional[float], frame: Optional[int]
) -> None:
    if start not in ("live", "first"):
        raise InvalidArgument("start=%r: use live or first, or seconds_back=, frame=, resume_token=" % start)
    if sum((start != "live", seconds_back is not None, frame is not None)) > 1:
        raise InvalidArgument("say where to start by one of: start=, seconds_back=, frame=, resume_token=")
    if start == "first":
        frame = 0
    if frame is not None:
        if config.HasField("streams"):
            raise InvalidArgument("many streams have no frame in common: use live or seconds_back=, or one stream")
        config.frame = frame
    elif seconds_back is not None:
        if not (math.isfinite(seconds_back) and seconds_back >= 0):
            raise InvalidArgument("seconds_back=%r: must be seconds, 0 or more" % seconds_back)
        config.seconds_back = seconds_back
    else:
        config.live.SetInParent()


def samples(seconds: float, what: str) -> int:
    """At 16 kHz. Raises InvalidArgument."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidArgument("%s=%r: must be seconds, 0 or more" % (what, seconds))
    return round(seconds * RATE)


def window_request(
    stream: str,
    begin_sample: int,
    end_sample: int,
    front_end: Optional[str] = None,
    *,
    model: Optional[str] = None,
    pad_to_seconds: Optional[float] = None,
    zero_fill: bool = False,
    epoch: Optional[int] = None,
    normalization: Optional[str] = None,
    **features: Any,
) -> feature_service_pb2.GetWindowRequest:
    """A model says front end, normalization and padding, where they are not given. Raises InvalidArgument,
    WrongFrontEnd."""
    wanted = find_model(model) if model is not None else None
    if front_end is None:
        if wanted is None:
            raise InvalidArgument("window needs front_end=, or model=")
        front_end = wanted.front_end
    if wanted is not None:
        normalization = normalization or wanted.normalization
        if pad_to_seconds is None and wanted.window_seconds > 0:
            pad_to_seconds = wanted.window_seconds
    request = feature_service_pb2.GetWindowRequest(
        stream=stream,
        begin_sample=begin_sample,
        end_sample=end_sample,
        features=feature_request(front_end, model=model, normalization=normalization or "none", **features),
        gaps=feature_service_pb2.WINDOW_GAPS_ZERO_FILL if zero_fill else feature_service_pb2.WINDOW_GAPS_REFUSE,
    )
    if wanted is not None and wanted.is_mel_major:
        request.features.layout = types_pb2.LAYOUT_MEL_MAJOR
    if pad_to_seconds is not None:
        request.pad_to_samples = samples(pad_to_seconds, "pad_to_seconds")
    if epoch is not None:
        request.epoch = epoch
    return request


def check_front_end(name: str, known: List[str]) -> None:
    """Raises UnknownFrontEnd, which lists those that there are."""
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = " (did you mean %r?)" % close[0] if close else ""
        raise UnknownFrontEnd("unknown front end %r%s; the daemon has: %s" % (name, hint, " ".join(known)))
