"""Audio to publish: WAV files, arrays, chunks of either bytes or arrays."""
from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Tuple

import numpy as np

from melstream.v1 import audio_service_pb2

from .errors import InvalidArgument, unknown_word

# The daemon takes up to 256,000 bytes a chunk.
MAX_CHUNK_BYTES = 256_000

# WAV's format tag and bits a sample.
_WAV_ENCODINGS = {(1, 16): "s16le", (1, 24): "s24le", (1, 32): "s32le", (3, 32): "f32le", (7, 8): "mulaw", (6, 8): "alaw"}
_EXTENSIBLE = 0xFFFE

ENCODINGS = {
    "s16le": audio_service_pb2.AUDIO_ENCODING_LINEAR16,
    "s24le": audio_service_pb2.AUDIO_ENCODING_LINEAR24,
    "s32le": audio_service_pb2.AUDIO_ENCODING_LINEAR32,
    "f32le": audio_service_pb2.AUDIO_ENCODING_FLOAT32,
    "mulaw": audio_service_pb2.AUDIO_ENCODING_MULAW,
    "alaw": audio_service_pb2.AUDIO_ENCODING_ALAW,
}
SAMPLE_BYTES = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "mulaw": 1, "alaw": 1}


@dataclass(frozen=True)
class Format:
    rate: int
    channels: int
    encoding: str

    @property
    def step_bytes(self) -> int:
        """Of one sample of all channels."""
        if self.encoding not in SAMPLE_BYTES:
            raise unknown_word("encoding", self.encoding, ENCODINGS)
        return SAMPLE_BYTES[self.encoding] * self.channels


def read_wav(path: Any) -> Tuple[Format, bytes]:
    """Format and content of a WAV file: PCM of 16, 24 or 32 bits, float32, mu-law, A-law. Raises InvalidArgument."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InvalidArgument("%s: %s" % (path, error.strerror)) from error
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise InvalidArgument("%s: not a WAV file; decode others first (ffmpeg -i FILE out.wav)" % path)
    form = None
    at = 12
    while at + 8 <= len(content):
        name, size = content[at:at + 4], struct.unpack_from("<I", content, at + 4)[0]
        body = content[at + 8:at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            form = _wav_format(path, body)
        if name == b"data" and form is not None:
            return form, body[: len(body) // form.step_bytes * form.step_bytes]
        at += 8 + size + size % 2
    raise InvalidArgument("%s: has no audio (no fmt and data chunks)" % path)


def _wav_format(path: Any, body: bytes) -> Format:
    tag, channels, rate = struct.unpack_from("<HHI", body)
    bits = struct.unpack_from("<H", body, 14)[0]
    if tag == _EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack_from("<H", body, 24)[0]
    if (tag, bits) not in _WAV_ENCODINGS or not channels or not rate:
        raise InvalidArgument(
            "%s: WAV format %d with %d bits is not taken; convert it (sox FILE -b 16 out.wav)" % (path, tag, bits))
    return Format(rate, channels, _WAV_ENCODINGS[tag, bits])


def array_bytes(samples: Any) -> Tuple[str, int, bytes]:
    """Encoding, channels and bytes of an array [samples] or [samples, channels]: float (full scale 1), int16 or int32.
    Raises InvalidArgument."""
    array = np.asarray(samples)
    if array.ndim not in (1, 2):
        raise InvalidArgument("an array of shape %s: use [samples] or [samples, channels]" % (array.shape,))
    channels = array.shape[1] if array.ndim == 2 else 1
    if array.dtype.kind == "f":
        return "f32le", channels, array.astype("<f4").tobytes()
    if array.dtype in (np.int16, np.int32):
        little = array.dtype.newbyteorder("<")
        return "s16le" if array.dtype == np.int16 else "s32le", channels, array.astype(little).tobytes()
    raise InvalidArgument("samples of type %s: use float (full scale 1), int16 or int32" % array.dtype)


def chunk_bytes(chunk: Any, form: Format) -> bytes:
    """Raises InvalidArgument if an array is of another format than the first was."""
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    encoding, channels, content = array_bytes(chunk)
    if (encoding, channels) != (form.encoding, form.channels):
        raise InvalidArgument(
            "a chunk of %s with %d channels in a stream of %s with %d" % (encoding, channels, form.encoding, form.channels)
        )
    return content


def cut(content: bytes, form: Format, seconds: float) -> Iterator[bytes]:
    """Pieces of so many seconds, and as many bytes as the daemon takes at once, at most."""
    step = form.step_bytes
    size = min(max(1, int(seconds * form.rate)), MAX_CHUNK_BYTES // step) * step
    for at in range(0, len(content), size):
        yield content[at:at + size]


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def first_of(chunks: Iterable[Any]) -> Tuple[Any, Iterator[Any]]:
    """The first chunk, which says the format, and the rest. Raises InvalidArgument if there is none."""
    rest = iter(chunks)
    for first in rest:
        return first, rest
    raise InvalidArgument("the source has no audio: no chunk came")
