"""What a contender is: a library, and the calls that make features with it."""
import importlib.metadata
from concurrent.futures import ThreadPoolExecutor

from .features import finish


class Contender:
    """Made in a process of its own, after the number of threads is set. Imports belong into __init__: what is missing raises.

    `is_normalized`: the library gives Whisper's normalized values and nothing before them.
    `is_bins_first`: [bins, rows], as Whisper's models take it; else [rows, bins].
    `has_pools`: of threads (OpenBLAS, OpenMP), which can be told to take fewer.
    """

    name = ""
    package = ""  # on PyPI
    device = "cpu"
    forms = ("log-mel", "log-mel-3x3", "whisper", "whisper-3x3")
    is_normalized = False
    is_bins_first = True
    has_pools = False

    def __init__(self, n_threads):
        self.n_threads = n_threads

    def version(self):
        return "%s %s" % (self.package, importlib.metadata.version(self.package))

    def ways(self, form, clips):
        """Ways to the same features of all clips, by name: functions without arguments. The fastest one counts.

        `clips`: [n_clips, n_samples], float32, C order."""
        raise NotImplementedError

    def set_threads(self, n_threads):
        """For the calls that follow; only where `has_pools`."""

    def spared(self, form, clips):
        """A function that costs what the library's binding to Python costs and no computing; None: nothing is taken off."""
        del form, clips

    def features(self, form, samples):
        """[rows, bins] of one clip, for the comparison with the golden."""
        raise NotImplementedError


POOL = "clip by clip, a pool of threads"


def limit_pools(n_threads):
    """Those of OpenBLAS and OpenMP; without threadpoolctl they stay as the environment has it."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return
    threadpool_limits(n_threads)


class ClipByClip(Contender):
    """A library that takes one clip a call: subclasses give `one(samples)`, which returns a NumPy matrix."""

    def prepare(self, samples):
        """What `one` takes, made of float32 samples before any time is taken."""
        return samples

    def one(self, prepared):
        raise NotImplementedError

    def complete(self, values, form):
        return finish(values, form, self.is_normalized)

    def thread_init(self):
        """Run in each thread of a pool: inside it, a call shall take one thread."""

    def ways(self, form, clips):
        prepared = [self.prepare(clip) for clip in clips]

        def call(clip):
            return self.complete(self.one(clip), form)

        found = {"clip by clip": lambda: [call(clip) for clip in prepared]}
        if self.n_threads > 1 and len(prepared) > 1:
            pool = ThreadPoolExecutor(self.n_threads, initializer=self.thread_init)
            found[POOL] = lambda: list(pool.map(call, prepared))
        return found

    def features(self, form, samples):
        values = self.complete(self.one(self.prepare(samples)), form)
        return values.T if self.is_bins_first else values
