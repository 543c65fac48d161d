"""What the tests of the engine share: golden audio and features. No daemon."""
import importlib.util
import json
import os
import re
import unittest
import wave

import numpy as np

REPOSITORY = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", ".."))
GOLDEN = os.path.join(REPOSITORY, "tests", "golden")
IS_FULL = os.environ.get("MELSTREAM_FULL") == "1"

_spec = importlib.util.spec_from_file_location("golden_check", os.path.join(GOLDEN, "check.py"))
golden_check = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden_check)
with open(os.path.join(GOLDEN, "manifest.json"), encoding="utf-8") as _file:
    manifest = json.load(_file)


def samples(clip, dtype="float32"):
    """A golden clip: float32, full scale 1, or int16."""
    with wave.open(os.path.join(GOLDEN, "audio", clip + ".wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return pcm if dtype == "int16" else (pcm / np.float32(32768)).astype(np.float32)


def entries(preset):
    """Golden data of a preset."""
    return [one for one in manifest["entries"] if one["preset"] == preset]


def cmvn():
    """(shift, scale) of the golden CMVN, 560 values each."""
    with open(os.path.join(GOLDEN, "cmvn", "am.mvn"), encoding="utf-8") as file:
        vectors = re.findall(r"<LearnRateCoef> 0 \[([^\]]*)\]", file.read())
    return tuple(vector.split() for vector in vectors)


class GoldenTest(unittest.TestCase):
    def assert_golden(self, entry, features):
        golden = np.load(os.path.join(GOLDEN, entry["file"]), allow_pickle=False)
        report = golden_check.compare(golden, np.asarray(features), entry["tolerance"])
        self.assertTrue(report["pass"], (entry["preset"], entry["audio"], report))
