"""What is compared: forms of features, and cases: so many clips of such a length on so many threads."""
import os
import wave
from dataclasses import dataclass

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.join(ROOT, "tests", "golden")
RATE = 16000
HOP = 160
N_FFT = 400
N_MELS = 80


@dataclass(frozen=True)
class Form:
    """What is to come out; `front_end`, `smoothing` and `normalization` are melstream's names for it."""

    name: str
    front_end: str
    smoothing: str
    normalization: str
    what: str


FORMS = {form.name: form for form in (
    Form("log-mel", "whisper-80", "none", "none", "log10 mel of whisper-80, before Whisper's normalization"),
    Form("log-mel-3x3", "whisper-80", "box3x3", "none", "the same, mean over 3 frames and 3 bins"),
    Form("whisper", "whisper-80", "none", "whisper_window", "what Whisper's models take: normalized by the clip's largest value"),
    Form("whisper-3x3", "whisper-80", "box3x3", "whisper_window", "the same with the 3x3 mean"),
    Form("kaldi", "kaldi-80", "none", "none", "log mel of kaldi-80 (Kaldi's fbank)"),
)}


@dataclass(frozen=True)
class Case:
    """`n_clips` clips of `seconds` in one call, on `n_threads` threads."""

    form: str
    seconds: float
    n_clips: int
    n_threads: int

    @property
    def n_samples(self):
        return round(self.seconds * RATE)

    @property
    def size(self):
        return "%g s x %d" % (self.seconds, self.n_clips)


def read_clip(name):
    """float32 samples of a clip of tests/golden."""
    with wave.open(os.path.join(GOLDEN, "audio", name + ".wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768.0


def make_clips(case):
    """[n_clips, n_samples]: the same speech over and over, each clip from another place on."""
    speech = np.concatenate([read_clip("jfk"), read_clip("espeak")])
    clips = np.empty((case.n_clips, case.n_samples), np.float32)
    for index, clip in enumerate(clips):
        start = 16007 * index % speech.size
        times = -(-(start + clip.size) // speech.size)
        clip[:] = np.tile(speech, times)[start:start + clip.size]
    return clips
