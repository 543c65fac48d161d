"""What the tests of melstream.compat share: golden clips and tolerances by name, and the originals."""
import contextlib
import importlib
import os
import unittest

import numpy as np

from engine_case import GOLDEN, IS_FULL, golden_check, manifest, samples

__all__ = ["CLIPS", "CompatTest", "IS_FULL", "clips", "frame_tolerance", "golden", "golden_clips", "manifest", "module_or_skip",
           "original_or_skip", "path_of", "samples", "tolerance"]

_entries = {(one["preset"], one["audio"]): one for one in manifest["entries"]}

#: Clips with features, the longest last; not those that are for decoders.
CLIPS = sorted({audio for _, audio in _entries}, key=lambda clip: manifest["audio"][clip]["samples"])


def path_of(clip):
    return os.path.join(GOLDEN, "audio", clip + ".wav")


def clips(at_least=1):
    """Names of the clips of that many samples and more."""
    return [clip for clip in CLIPS if manifest["audio"][clip]["samples"] >= at_least]


def golden(preset, clip):
    return np.load(os.path.join(GOLDEN, _entries[preset, clip]["file"]), allow_pickle=False)


def golden_clips(preset):
    """Names of the clips that the preset has features of."""
    return [clip for clip in CLIPS if (preset, clip) in _entries]


def tolerance(preset, clip):
    """Of that clip; where it has none, as the genuine code took none so short, that of speech."""
    return (_entries.get((preset, clip)) or _entries[preset, "espeak"])["tolerance"]


def frame_tolerance(preset, clip):
    """Between two implementations in single precision, for frames of other options and numbers of bins: each may be that far from
    the definition. The rule of each cell alone: how many cells of a clip are loud, and so the mean, depends on the options."""
    rule = tolerance(preset, clip)
    twice = {key: 2 * value for key, value in rule.items() if key in ("atol", "lam", "kappa")}
    return dict(rule, group=None, mean_atol=None, **twice)


def module_or_skip(name):
    """A package that a test cannot do without."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest("%s is not installed (%s)" % (name.split(".")[0], error)) from None


def original_or_skip(name):
    """What a part of melstream.compat stands for."""
    if not IS_FULL:
        raise unittest.SkipTest("compares with the genuine %s: MELSTREAM_FULL=1" % name.split(".")[0])
    return module_or_skip(name)


class CompatTest(unittest.TestCase):
    def assert_golden(self, preset, clip, features):
        self.assert_equal_by_rule(golden(preset, clip), features, tolerance(preset, clip), "%s of %s" % (preset, clip))

    def assert_equal_by_rule(self, wanted, found, rule, what=""):
        """By the rule of tests/golden/check.py for [frames, bins]."""
        wanted, found = np.asarray(wanted), np.asarray(found)
        self.assertEqual(wanted.shape, found.shape, what)
        report = golden_check.compare(wanted, found, rule)
        self.assertTrue(report["pass"], "%s: %s" % (what, report))

    @contextlib.contextmanager
    def assert_refused(self, error, *words):
        """An error whose line has all of the words."""
        with self.assertRaises(error) as caught:
            yield
        for word in words:
            self.assertIn(word, str(caught.exception))
