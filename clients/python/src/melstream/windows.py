"""One exact window of a stream: the tensor that the model's own front end makes of that part as a file."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

import numpy as np

from melstream.v1 import feature_service_pb2, types_pb2

from . import _requests
from .errors import StreamNotFound, WindowUnavailable
from .events import RATE
from .listings import StreamInfo
from .models import find_model

Ranges = List[Tuple[int, int]]


@dataclass(frozen=True)
class Window:
    """NumPy and whatever speaks DLPack (torch.from_dlpack) take it as it is."""

    features: np.ndarray  #: float32 [frames, bins]; of a model as it wants them: Whisper's are [1, bins, 3000]
    stream: str
    epoch: int
    begin_sample: int
    end_sample: int
    spec_sha256: str
    window_max: float  #: before normalization
    capture_time_ns: int  #: of begin_sample
    filled: Ranges  #: samples that are zeros since they are missing (zero_fill)
    concealed: Ranges  #: samples made up to conceal a loss
    suppressed: Ranges  #: silence that the sender left out

    @property
    def shape(self) -> Tuple[int, ...]:
        return self.features.shape

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        return np.array(self.features, dtype=dtype) if copy else np.asarray(self.features, dtype=dtype)

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.features.__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return self.features.__dlpack_device__()


def newest(streams: List[StreamInfo], stream: str, seconds: float) -> Tuple[int, int]:
    """Samples of the newest so many seconds that are held, or fewer. Raises StreamNotFound, WindowUnavailable."""
    # Of those with one id the live one comes first.
    info = next((one for one in streams if one.stream == stream), None)
    if info is None:
        raise StreamNotFound("no stream %r; there are: %s" % (stream, " ".join(one.stream for one in streams) or "none"))
    if info.audio_held is None:
        raise WindowUnavailable(
            "stream %s keeps no audio for windows: set stream.audio_history_s in the daemon's config" % stream,
            None, None, [])
    begin, end = info.audio_held
    return max(begin, end - round(seconds * RATE)), end


def span(start: float, seconds: float) -> Tuple[int, int]:
    """Samples of a part that is named by seconds from the stream's beginning. Raises InvalidArgument."""
    begin = _requests.samples(start, "start")
    return begin, begin + _requests.samples(seconds, "seconds")


def default_seconds(model: Optional[str]) -> float:
    """Of the newest window, where none are given."""
    return (find_model(model).window_seconds if model else 0) or 30


def make_window(
    request: feature_service_pb2.GetWindowRequest, answer: feature_service_pb2.GetWindowResponse, is_batch: bool
) -> Window:
    """is_batch: a first dimension of 1, as models take it."""
    is_f16 = request.features.element_type == types_pb2.ELEMENT_TYPE_FLOAT16
    # Writable, as DLPack and torch want it; astype copies.
    values = np.frombuffer(answer.values, "<f2" if is_f16 else "<f4").astype(np.float32)
    is_mel_major = request.features.layout == types_pb2.LAYOUT_MEL_MAJOR
    shape = (answer.bins, answer.frame_count) if is_mel_major else (answer.frame_count, answer.bins)
    return Window(
        values.reshape((1, *shape) if is_batch else shape), request.stream, answer.epoch, request.begin_sample,
        request.end_sample, answer.spec_sha256, answer.window_max, answer.capture_time_ns, _ranges(answer.filled),
        _ranges(answer.concealed), _ranges(answer.suppressed))


def _ranges(given: Any) -> Ranges:
    return [(one.begin_sample, one.end_sample) for one in given]
