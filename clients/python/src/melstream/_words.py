"""Words of the package for enumerators of the wire contract."""
from __future__ import annotations

from typing import Any, Dict, List

from melstream.v1 import audio_service_pb2, feature_service_pb2, types_pb2

from .errors import unknown_word

# Enumerators have a type of their own for each enumeration.
Words = Dict[str, Any]

SMOOTHINGS: Words = {
    "none": types_pb2.SMOOTHING_NONE,
    "box3x3": types_pb2.SMOOTHING_BOX3X3,
    "box3x3-valid": types_pb2.SMOOTHING_BOX3X3_VALID,
}
NORMALIZATIONS: Words = {
    "none": types_pb2.NORMALIZATION_NONE,
    "running_max": types_pb2.NORMALIZATION_RUNNING_MAX,
    "fixed_max": types_pb2.NORMALIZATION_FIXED_MAX,
    "whisper_window": types_pb2.NORMALIZATION_WHISPER_WINDOW,
    "per_feature_window": types_pb2.NORMALIZATION_PER_FEATURE_WINDOW,
}
ELEMENT_TYPES: Words = {"f32": types_pb2.ELEMENT_TYPE_FLOAT32, "f16": types_pb2.ELEMENT_TYPE_FLOAT16}
SLOW_POLICIES: Words = {
    "drop_oldest": feature_service_pb2.SLOW_POLICY_DROP_OLDEST,
    "disconnect": feature_service_pb2.SLOW_POLICY_DISCONNECT,
    "block": feature_service_pb2.SLOW_POLICY_BLOCK,
}
CONCEALS: Words = {
    "none": audio_service_pb2.CONCEAL_NONE,
    "zero": audio_service_pb2.CONCEAL_ZERO,
    "hold": audio_service_pb2.CONCEAL_HOLD,
}
PACES: Words = {"realtime": audio_service_pb2.PACING_LIVE, "fast": audio_service_pb2.PACING_FAST}


def value_of(words: Words, what: str, word: str) -> Any:
    """Raises InvalidArgument."""
    if word not in words:
        raise unknown_word(what, word, words)
    return words[word]


def names_of(words: Words, values: List[int]) -> List[str]:
    return [word for word, value in words.items() if value in values]


def short_name(enum: object, prefix: str, value: int) -> str:
    """"NET_LOSS" of GAP_REASON_NET_LOSS; the number of what a later daemon knows and we do not."""
    try:
        return enum.Name(value)[len(prefix):]  # type: ignore[attr-defined]
    except ValueError:
        return str(value)


def gap_reason(value: int) -> str:
    return short_name(types_pb2.GapReason, "GAP_REASON_", value)


def end_reason(value: int) -> str:
    return short_name(types_pb2.EndReason, "END_REASON_", value)
