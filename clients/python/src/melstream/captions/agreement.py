"""Which words of a live hypothesis will stay: those on which two hypotheses in a row agree (LocalAgreement-2; Liu et al.,
"Low-latency sequence-to-sequence speech recognition and translation by partial hypothesis selection", 2020)."""
from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence

# Two recognitions place the same word this much apart.
SLACK_S = 0.2
# Words at the seam that may have been heard before.
MOST_REPEATED = 5


@dataclass(frozen=True)
class Word:
    """Times in seconds from the stream's beginning."""

    start: float
    end: float
    text: str

    @property
    def key(self) -> str:
        """Without case and punctuation, which change from one hypothesis to the next; a word of nothing else is itself."""
        return "".join(one for one in self.text.casefold() if one.isalnum()) or self.text.strip()


def _keys(words: Sequence[Word]) -> List[str]:
    return [word.key for word in words]


class LocalAgreement:
    """committed: words that never change. partial: the newest hypothesis of what follows."""

    def __init__(self) -> None:
        self.committed: List[Word] = []
        self.partial: List[Word] = []

    def update(self, hypothesis: Sequence[Word]) -> List[Word]:
        """Takes a hypothesis of the newest audio, which may begin before the end of what is committed. Returns the words
        that are committed by it."""
        words = self._unheard(hypothesis)
        n = 0
        while n < min(len(words), len(self.partial)) and words[n].key == self.partial[n].key:
            n += 1
        self.committed += words[:n]
        self.partial = words[n:]
        return words[:n]

    def flush(self) -> List[Word]:
        """Commits what is left: nothing will follow."""
        words, self.partial = self.partial, []
        self.committed += words
        return words

    def _unheard(self, hypothesis: Sequence[Word]) -> List[Word]:
        """Without the words that are committed: by their times, and at the seam by their texts."""
        if not self.committed:
            return list(hypothesis)
        end = self.committed[-1].end
        words = [word for word in hypothesis if (word.start + word.end) / 2 > end]
        # Near the seam times are not sure: what was the last to be committed may come again.
        if words and words[0].start < end + SLACK_S:
            for n in range(min(MOST_REPEATED, len(words), len(self.committed)), 0, -1):
                if _keys(words[:n]) == _keys(self.committed[-n:]):
                    return words[n:]
        return words
