"""What captions ask of a recogniser, and faster-whisper as one."""
from __future__ import annotations

from typing import Any, List, Optional, Protocol

import numpy as np

from .agreement import Word


class Recogniser(Protocol):
    @property
    def front_end(self) -> str:
        """Name of the features that its model was trained on."""

    def recognise(self, features: np.ndarray, prompt: str) -> List[Word]:
        """features: float32 [bins, frames], normalised as Whisper does; prompt: the text before. Word times count from the
        first frame."""


def normalise(frames: np.ndarray) -> np.ndarray:
    """Whisper's clamp and scale, from log10 mels [frames, bins] to [bins, frames]."""
    return ((np.maximum(frames, frames.max() - 8) + 4) / 4).astype(np.float32).T


class ModelError(Exception):
    """The model cannot be loaded."""


class FasterWhisper:
    """model: a name, or a folder of a model for CTranslate2. language: None lets the model find out. Raises ModelError,
    ImportError."""

    def __init__(self, model: str, language: Optional[str] = None, **options: Any):
        try:
            import faster_whisper
        except ImportError as error:
            raise ImportError("captions need faster-whisper: pip install 'melstream[captions]'") from error
        try:
            self._model = faster_whisper.WhisperModel(model, **options)
        except Exception as error:  # noqa: BLE001 - of CTranslate2, of the hub, of the network
            raise ModelError("the model %s cannot be loaded: %s" % (model, error)) from error
        self._language = language
        # Where it would compute features, it takes ours.
        self._features: Optional[np.ndarray] = None
        self._model.feature_extractor = _Given(self._model.feature_extractor, self)

    @property
    def front_end(self) -> str:
        return "whisper-%d" % self._model.model.n_mels

    @property
    def features(self) -> Optional[np.ndarray]:
        return self._features

    def segments(self, features: np.ndarray, **options: Any) -> List[Any]:
        """faster-whisper's segments of features [bins, frames]. options: those of WhisperModel.transcribe."""
        self._features = np.ascontiguousarray(features, np.float32)
        n_samples = 160 * (features.shape[1] - 1)  # of its length alone; the last frame is padding
        options.setdefault("language", self._language)
        segments, _ = self._model.transcribe(np.zeros(n_samples, np.float32), **options)
        return list(segments)

    def recognise(self, features: np.ndarray, prompt: str) -> List[Word]:
        segments = self.segments(
            features, word_timestamps=True, initial_prompt=prompt or None, condition_on_previous_text=False,
            temperature=0.0)
        return [Word(word.start, word.end, word.word) for segment in segments for word in segment.words]


class _Given:
    """Stands in for faster-whisper's feature extractor: its constants, our features."""

    def __init__(self, genuine: Any, owner: FasterWhisper):
        self._genuine = genuine
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._genuine, name)

    def __call__(self, waveform: np.ndarray, **_: Any) -> Optional[np.ndarray]:
        return self._owner.features
