"""Which features models were trained on. Recognisers give wrong words, and no error, on any others."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict

from .errors import InvalidArgument, WrongFrontEnd


@dataclass(frozen=True)
class Model:
    """A model's input. window_seconds: length that its clips are padded with zeros, or cut, to; 0: any length."""

    name: str
    front_end: str
    normalization: str = "none"
    window_seconds: float = 0
    is_mel_major: bool = False  #: [bins, frames]


_WHISPER = Model("", "whisper-80", "whisper_window", 30, True)
_WHISPER_128 = replace(_WHISPER, front_end="whisper-128")
_KALDI = Model("", "kaldi-80")
_PARAFORMER = Model("", "paraformer-560")

MODELS: Dict[str, Model] = {
    "whisper": _WHISPER,
    "zipformer": _KALDI,
    "paraformer": _PARAFORMER,
    "sense-voice": _PARAFORMER,
}
for _size in "tiny tiny.en base base.en small small.en medium medium.en large-v1 large-v2".split():
    MODELS["whisper-" + _size] = _WHISPER
for _size in "small.en medium.en large-v2".split():
    MODELS["distil-" + _size] = _WHISPER
for _name in "whisper-large-v3 whisper-large whisper-large-v3-turbo whisper-turbo distil-large-v3 distil-large-v3.5".split():
    MODELS[_name] = _WHISPER_128


def find_model(name: str) -> Model:
    """By its name, with or without the owner: "openai/whisper-large-v3", "whisper". Raises InvalidArgument."""
    short = name.rpartition("/")[2].lower()
    if short.startswith("faster-"):
        short = short[len("faster-"):]
    if short not in MODELS:
        raise InvalidArgument(
            "unknown model %r: use one of %s; `melstream doctor --model PATH` tells the front end of any model from its "
            "own files" % (name, ", ".join(MODELS))
        )
    return replace(MODELS[short], name=name)


def require_front_end(model: str, front_end: str) -> None:
    """Raises WrongFrontEnd if the model wants another one."""
    wanted = find_model(model).front_end
    if wanted != front_end:
        raise WrongFrontEnd(
            "the model %s was trained on %s, not on %s, and would give wrong words: front_end=%r"
            % (model, wanted, front_end, wanted)
        )
