"""From blocks to words: keeps the frames since the last committed words, recognises them anew every half second."""
from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, List, Union

import numpy as np

from ..events import RATE, Block, Gap
from .agreement import LocalAgreement, Word
from .recogniser import Recogniser, normalise

# Whisper hears 30 s. From LONG_S on, what is committed is cut off; at LONGEST_S all is.
LONG_S = 15.0
LONGEST_S = 28.0
# Who is behind recognises in steps of this, until it has caught up.
CATCH_UP_S = 2.0
PROMPT_WORDS = 40
# log10 of the mel energy of digital silence.
SILENCE = np.float32(-10)


@dataclass(frozen=True)
class Caption:
    """What one step brought. delays: of each word, seconds from its end at the microphone to here."""

    seconds: float  #: of the stream, up to here
    words: List[Word]  #: committed now: they never change
    delays: List[float]
    partial: str  #: what may follow, as it is heard now


class Captioner:
    """every_seconds: of the stream's time, between two recognitions. now_ns: Unix time, for delays."""

    def __init__(
        self, recogniser: Recogniser, every_seconds: float = 0.5, now_ns: Callable[[], int] = time.time_ns
    ):
        self._recogniser = recogniser
        self._every = every_seconds
        self._now_ns = now_ns
        self._agreement = LocalAgreement()
        self._frames: List[np.ndarray] = []
        self._begin = 0.0  # of the first frame kept, and of the end of the last
        self._end = 0.0
        self._recognised = 0.0
        self._capture_ns = 0  # of self._end

    @property
    def words(self) -> List[Word]:
        """All that are committed."""
        return list(self._agreement.committed)

    def add(self, event: Union[Block, Gap]) -> List[Caption]:
        """Usually none, or one. After a gap the model hears nothing of what was before."""
        if isinstance(event, Gap):
            return self.finish()
        captions = []
        if not self._frames or abs(event.start_seconds - self._end) > 0.005:
            captions += self.finish()
            self._begin = self._recognised = event.start_seconds
        self._frames.append(event.features)
        seconds = event.frame_count * 160 / RATE
        self._end = event.start_seconds + seconds
        self._capture_ns = event.capture_time_ns + round(seconds * 1e9)
        if self._is_due(event):
            captions.append(self._step())
        return captions

    def finish(self) -> List[Caption]:
        """Commits what was heard so far."""
        if not self._frames:
            return []
        words = self._recognise() + self._agreement.flush()
        self._frames = []
        return [self._caption(words)]

    def _is_due(self, block: Block) -> bool:
        new = self._end - self._recognised + 1e-6
        behind = (self._now_ns() - block.received_time_ns) / 1e9
        return new >= self._every and (behind <= self._every or new >= CATCH_UP_S)

    def _step(self) -> Caption:
        words = self._recognise()
        length = self._end - self._begin
        if length > LONGEST_S:
            words += self._agreement.flush()
            self._cut(self._end)
        elif length > LONG_S and self._agreement.committed:
            self._cut(self._agreement.committed[-1].end)
        return self._caption(words)

    def _recognise(self) -> List[Word]:
        frames = np.concatenate(self._frames)
        padded = np.concatenate([frames, np.full((1, frames.shape[1]), SILENCE)])
        prompt = [word for word in self._agreement.committed if word.end <= self._begin]
        heard = self._recogniser.recognise(normalise(padded), "".join(word.text for word in prompt[-PROMPT_WORDS:]))
        self._recognised = self._end
        return self._agreement.update(
            [Word(word.start + self._begin, word.end + self._begin, word.text) for word in heard])

    def _cut(self, seconds: float) -> None:
        """Forgets the frames before."""
        n = round((min(seconds, self._end) - self._begin) * RATE / 160)
        if n > 0:
            self._frames = [np.concatenate(self._frames)[n:]]
            self._begin += n * 160 / RATE

    def _caption(self, words: List[Word]) -> Caption:
        end_ns = self._now_ns() - self._capture_ns
        delays = [end_ns / 1e9 + self._end - word.end for word in words]
        return Caption(self._end, words, delays, "".join(word.text for word in self._agreement.partial))
