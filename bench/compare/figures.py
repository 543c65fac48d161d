"""Numbers out of the rounds: what a call costs besides its clips, and what was to be reached."""
import statistics
from dataclasses import dataclass

from .cases import RATE, Case
from .contenders import OURS, CONTENDERS

OVERHEAD_FORMS = ("log-mel", "whisper")
MANY = 65
TINY_S = 400 / RATE  # one window of samples


def overhead_cases(form):
    """Of these one clip's cost is found: one clip, many clips, a clip twice as long, and hardly any clip."""
    return {"one": Case(form, 1.0, 1, 1), "many": Case(form, 1.0, MANY, 1), "long": Case(form, 2.0, 1, 1),
            "tiny": Case(form, TINY_S, 1, 1)}


@dataclass
class Overhead:
    """Microseconds of a call with one clip of 1 s."""

    call: float
    by_clips: float   # less what a clip more costs within a call of many
    by_length: float  # less what a second of audio more costs in a call with one clip
    tiny: float       # a whole call with a clip of 400 samples: an upper limit


def _overhead(us):
    per_clip = (us["many"] - us["one"]) / (MANY - 1)
    return Overhead(us["one"], us["one"] - per_clip, 2.0 * us["one"] - us["long"], us["tiny"])


def overhead(measured):
    """`measured`: {key of overhead_cases(): Measured}. Of the fastest times, and the median of what each round gives."""
    us = {key: [ns * one.case.n_clips / 1e3 for ns in one.times] for key, one in measured.items()}
    by_round = [_overhead(dict(zip(us, times))) for times in zip(*us.values())]
    median = {name: statistics.median(getattr(one, name) for one in by_round) for name in Overhead.__annotations__}
    return {"min": _overhead({key: min(times) for key, times in us.items()}), "median": Overhead(**median)}


@dataclass
class Reach:
    """`times`: how many times longer `peer` must take than melstream; None: that peer is shown without a claim."""

    form: str
    peer: str
    seconds: float
    n_clips: int
    times: float


REACHES = (
    Reach("whisper", "openai-whisper", 30.0, 1, 7.0),
    Reach("log-mel", "torchaudio", 30.0, 1, 7.0),
    Reach("log-mel", "librosa", 30.0, 1, 10.0),
    Reach("log-mel", "librosa (melspectrogram)", 30.0, 1, 10.0),
    Reach("whisper", "asrfront", 30.0, 1, 1.0),
    Reach("log-mel", "kaldi-native-fbank (whisper)", 30.0, 1, 1.0),
    Reach("kaldi", "kaldi-native-fbank", 30.0, 1, 1.0),
    Reach("kaldi", "kaldi-native-fbank 1.21.0", 30.0, 1, 1.0),
    Reach("log-mel", "torchaudio (cuda)", 30.0, 64, 5.0),
    Reach("log-mel", "flashmel (cuda)", 30.0, 64, 1.0),
)
REACH_CALL_US = 20.0


def find(measured, contender, form, seconds, n_clips, n_threads=1):
    for one in measured:
        if one.contender == contender and one.case == Case(form, seconds, n_clips, n_threads):
            return one
    return None


def reach_lines(measured, overheads):
    """What was to be reached and what was, one line each."""
    for reach in REACHES:
        ours = OURS[CONTENDERS[reach.peer].device]
        name = "%s, %g s x %d, one thread: %s / %s" % (reach.form, reach.seconds, reach.n_clips, reach.peer, ours)
        one = find(measured, reach.peer, reach.form, reach.seconds, reach.n_clips)
        if not one or not one.ratios:
            yield "%s: to be reached %g: not measured" % (name, reach.times)
            continue
        ratio = statistics.median(one.ratios)
        is_reached = ratio >= reach.times if reach.times > 1.0 else ratio > 1.0
        yield "%s: %.1f times (lowest round %.1f), to be reached %g: %s" % (
            name, ratio, min(one.ratios), reach.times, "yes" if is_reached else "missed")
    for form in OVERHEAD_FORMS:
        name = "%s, a call's overhead at 1 s x 1" % form
        found = overheads.get((OURS["cpu"], form))
        if not found:
            yield "%s: to be reached %g us: not measured" % (name, REACH_CALL_US)
            continue
        least = found["min"]
        most = max(least.by_clips, least.by_length, least.tiny)
        yield "%s: %.1f us by clips, %.1f us by length, %.1f us a call with 400 samples, to be reached %g us: %s" % (
            name, least.by_clips, least.by_length, least.tiny, REACH_CALL_US, "yes" if most <= REACH_CALL_US else "missed")
    one = find(measured, OURS["cuda"], "log-mel", 30.0, 64)
    if not one or "htod_copies" not in one.facts:
        yield "copies between host and GPU, audio there already: to be reached 0: not measured"
    else:
        n_copies = one.facts["htod_copies"] + one.facts["dtoh_copies"]
        yield "copies between host and GPU, audio there already: %d, to be reached 0: %s" % (
            n_copies, "missed" if n_copies else "yes")
