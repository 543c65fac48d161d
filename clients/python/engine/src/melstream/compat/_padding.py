"""How long clips are cut and padded, by the words of transformers. Lengths are in samples."""
import numpy as np

from ._specs import refuse, require

_STRATEGIES = {"max_length": "max_length", "longest": "longest", "do_not_pad": "do_not_pad", True: "longest", False: "do_not_pad"}


class Padding:
    """Of clips of these lengths. n_samples: of each clip when it is padded. lengths: what it has of its own then."""

    def __init__(self, lengths, max_length, truncation, padding, multiple, is_left):
        strategy = _STRATEGIES.get(getattr(padding, "value", padding))
        if strategy is None:
            refuse("padding", padding, "are 'max_length', 'longest', 'do_not_pad', True and False")
        limit = _rounded_up(max_length, multiple)
        self.lengths = [min(n, limit) for n in lengths] if truncation else list(lengths)
        self._is_left = is_left
        n_samples = {"max_length": limit, "longest": _rounded_up(max(self.lengths), multiple), "do_not_pad": 0}[strategy]
        padded = {max(n, n_samples) for n in self.lengths}
        require(len(padded) == 1, "padding", padding,
                "are 'longest', or truncation=True, for clips that then have %s samples" % sorted(padded))
        self.n_samples = padded.pop()

    def samples(self, clips, value):
        """A copy, float32 [clips, n_samples]."""
        padded = np.full((len(clips), self.n_samples), value, np.float32)
        for row, clip, n in zip(padded, clips, self.lengths):
            row[self._own(n)] = clip[:n]
        return padded

    def mask(self):
        """int32 [clips, n_samples]: 1 where a sample is a clip's own."""
        mask = np.zeros((len(self.lengths), self.n_samples), np.int32)
        for row, n in zip(mask, self.lengths):
            row[self._own(n)] = 1
        return mask

    def _own(self, n):
        return slice(self.n_samples - n, None) if self._is_left else slice(n)


def _rounded_up(n, multiple):
    return n if multiple is None else -(-n // multiple) * multiple
