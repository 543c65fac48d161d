"""How many frames a segment gives, and where they stand: tests/golden/README.md section 2, written a second time."""
import dataclasses

HOP = 160


def whisper(n):
    return n // HOP if n > 200 else 0


def nemo(n):
    return n // HOP


def rounded(n):
    return (n + HOP // 2) // HOP


def snip(n):
    return 1 + (n - 400) // HOP if n >= 400 else 0


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of one front end with one smoothing."""
    count: object  # base frames of n samples
    stack: int = 1  # base frames from one row to the next
    valid: bool = False  # smoothed without borders

    def stride(self):
        return HOP * self.stack

    def of(self, n):
        """Rows of a whole segment of n samples."""
        frames = self.count(n)
        if self.valid:
            return max(0, frames - 2)
        return -(-frames // self.stack)

    def offset(self):
        """Where row 0 stands in its segment."""
        return HOP if self.valid else 0


FRONT_ENDS = {"whisper-80": (whisper, 1), "whisper-128": (whisper, 1), "kaldi-80": (rounded, 1), "nemo-80": (nemo, 1),
              "nemo-128": (nemo, 1), "funasr-80": (snip, 1), "wenet-80": (snip, 1), "paraformer-560": (snip, 6)}


def rows_of(front_end, smoothing="none"):
    count, stack = FRONT_ENDS[front_end]
    return Rows(count, stack, smoothing == "box3x3-valid")
