"""Whether the daemon's numbers are those of the genuine libraries, as they are installed here.

    python -m melstream.testing CLIP.wav [...] [--against LIBRARY] [--markdown]

Needs 16 kHz mono clips of 16-bit PCM, up to 30 s; prints the worst of each figure over them. Exit status: 0 all that
could be compared is within its tolerance, 1 not, 69 nothing could be compared."""
from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import dataclass, replace
from typing import Any, List, Optional

import numpy as np

from .. import _audio
from ..client import Client
from ..errors import Error, InvalidArgument, unknown_word
from ._daemon import daemon as private_daemon
from ._references import RATE, Reference, by_library


@dataclass(frozen=True)
class Tolerance:
    """Allowed difference of each cell, as docs/numerics.md grants it: what the genuine float32 code itself needs against
    double precision. base: of the logarithm; 0: absolute; 1: linear power."""

    base: float = 0
    atol: float = 0
    lam: float = 0
    kappa: float = 0
    group: int = 0  #: bins of one frame, where a row has several; 0: all

    def of(self, reference: np.ndarray) -> np.ndarray:
        if self.base == 0:
            return np.full(reference.shape, self.atol)
        v = reference.astype(np.float64).reshape(-1, self.group or reference.shape[1])
        return self._of_frames(v).reshape(reference.shape)

    def _of_frames(self, v: np.ndarray) -> np.ndarray:
        neighbour = np.full(v.shape, -np.inf)
        neighbour[:, 1:] = v[:, :-1]
        neighbour[:, :-1] = np.maximum(neighbour[:, :-1], v[:, 1:])
        peak = v.max(axis=1, keepdims=True)
        if self.base == 1:
            neighbour = np.maximum(neighbour, 0)
            return self.atol * v + self.lam * neighbour + self.kappa * np.sqrt(v * peak) + self.kappa**2 * peak + 1e-30
        return self.atol + self.lam * self.base ** (neighbour - v) + self.kappa * self.base ** ((peak - v) / 2)


_WHISPER = Tolerance(atol=1.12e-4)
_KALDI = Tolerance(np.e, 3e-5, 2e-5, 5e-6, 80)
_NEMO = Tolerance(np.e, 3e-5, 1e-6, 5e-6)
_PER_FEATURE = Tolerance(atol=5.68e-4)
_MFCC = Tolerance(atol=0.0201)


def tolerance_of(reference: Reference) -> Tolerance:
    """As tests/golden/manifest.json has it for speech."""
    if reference.normalization == "per_feature_window":
        return _PER_FEATURE
    family = reference.front_end.partition("-")[0]
    linear = {"librosa": Tolerance(1, 2e-5, 1e-6, 3e-6), "torchaudio": Tolerance(1, 2e-5, 2e-5, 3e-6)}
    return {"whisper": _WHISPER, "nemo": _NEMO, "mfcc": _MFCC, **linear}.get(family, _KALDI)


@dataclass(frozen=True)
class Parity:
    front_end: str
    normalization: str
    library: str
    version: str
    call: str
    frames: int
    max_error: float  #: largest absolute difference
    mean_error: float
    peak: float  #: largest absolute value of the library's, to see what the errors are of
    worst_ratio: float  #: largest difference / what is allowed there
    passed: bool


def _read(wav: Any) -> np.ndarray:
    form, content = _audio.read_wav(wav)
    if (form.rate, form.channels, form.encoding) != (RATE, 1, "s16le"):
        raise InvalidArgument("%s: use a 16 kHz mono clip of 16-bit PCM" % wav)
    samples = np.frombuffer(content, "<i2").astype(np.float32) / np.float32(32768)
    if not 400 < len(samples) <= 30 * RATE:
        raise InvalidArgument("%s: use a clip of 0.025 to 30 s" % wav)
    return samples


class _Published:
    """The clip as a stream that lives as long as windows of it are asked for."""

    def __init__(self, client: Client, samples: np.ndarray):
        self._client = client
        self._samples = samples
        self._finished = threading.Event()
        self._thread = threading.Thread(target=client.push, args=("parity", self._chunks()), daemon=True)

    def _chunks(self) -> Any:
        yield (self._samples * 32768).astype(np.int16)
        self._finished.wait()

    def __enter__(self) -> "_Published":
        self._thread.start()
        # Its start: from then on there is a stream of that name.
        with self._client.subscribe("parity", front_end="whisper-80", wait=True) as subscription:
            next(subscription.events())
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self._thread.join()

    def features(self, reference: Reference) -> np.ndarray:
        window = self._client.window(
            "parity", front_end=reference.front_end, start=0, seconds=len(self._samples) / RATE,
            normalization=reference.normalization, pad_to_seconds=reference.pad_to_seconds)
        return window.features


def compare(reference: Reference, genuine: np.ndarray, ours: np.ndarray) -> Parity:
    """Frames that only one has fail it."""
    n = min(len(genuine), len(ours))
    difference = np.abs(ours[:n].astype(np.float64) - genuine[:n])
    ratio = difference / tolerance_of(reference).of(genuine[:n])
    return Parity(
        reference.front_end, reference.normalization, reference.library, reference.version or "", reference.call, n,
        float(difference.max()), float(difference.mean()), float(np.abs(genuine).max()), float(ratio.max()),
        bool(genuine.shape == ours.shape and ratio.max() <= 1))


def parity(wav: Any, against: str = "whisper", client: Optional[Client] = None) -> List[Parity]:
    """Runs the genuine library on a clip, for each front end that it computes, and compares the daemon's numbers.
    client: of a daemon with an audio history; None: a private one. Raises Error if the library is not installed."""
    known = by_library()
    if against not in known:
        raise unknown_word("library", against, known)
    samples = _read(wav)
    if client is None:
        with private_daemon() as daemon, daemon.connect() as own:
            return _all(own, samples, known[against])
    return _all(client, samples, known[against])


def _all(client: Client, samples: np.ndarray, references: List[Reference]) -> List[Parity]:
    results = []
    with _Published(client, samples) as published:
        for reference in references:
            try:
                genuine = np.asarray(reference.compute(samples))
            except ImportError as error:
                raise Error(
                    "%s cannot be used: %s; pip install %s" % (reference.library, error, reference.package)) from error
            results.append(compare(reference, genuine, published.features(reference)))
    return results


def worst_of(results: List[Parity]) -> Parity:
    """Of one reference on several clips: the worst of each figure."""
    return replace(
        results[0],
        frames=sum(one.frames for one in results),
        **{name: max(getattr(one, name) for one in results) for name in ("max_error", "mean_error", "peak", "worst_ratio")},
        passed=all(one.passed for one in results))


def _row(one: Parity, is_markdown: bool) -> str:
    name = one.front_end + ("" if one.normalization == "none" else ", " + one.normalization)
    cells = [
        name, "%s %s" % (one.library, one.version), "`%s`" % one.call, "%d" % one.frames, "%.2g" % one.max_error,
        "%.2g" % one.mean_error, "%.2f" % one.worst_ratio, "yes" if one.passed else "NO"]
    return "| %s |" % " | ".join(cells) if is_markdown else "  ".join(cells)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m melstream.testing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wav", nargs="+")
    parser.add_argument("--against", action="append", choices=list(by_library()), help="default: all that are installed")
    parser.add_argument("--markdown", action="store_true", help="rows of docs/parity.md")
    options = parser.parse_args()
    n_compared = n_failed = 0
    for library in options.against or by_library():
        try:
            by_clip = [parity(wav, library) for wav in options.wav]
        except Error as error:
            print("%s: not measured: %s" % (library, error), file=sys.stderr)
            continue
        for results in zip(*by_clip):
            worst = worst_of(list(results))
            print(_row(worst, options.markdown), flush=True)
            n_compared += 1
            n_failed += not worst.passed
    return 69 if not n_compared else 1 if n_failed else 0
