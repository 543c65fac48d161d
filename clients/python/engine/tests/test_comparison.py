"""bench/compare.py with the installed engine: ratios of the same round, and the engine's features within the tolerance."""
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import unittest

from engine_case import REPOSITORY

COMPARE = os.path.join(REPOSITORY, "bench", "compare.py")


class EngineCompareTest(unittest.TestCase):
    def test_the_engine_beside_numpy(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "compare.csv")
            result = subprocess.run(
                [sys.executable, COMPARE, "--peers", "numpy", "--clips", "1", "--batches", "1,2", "--threads", "1", "--runs", "3",
                 "--csv", path, "--plot", ""], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, timeout=240, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        ours = {(row["form"], row["clips"]): row for row in rows if row["contender"] == "melstream"}
        self.assertEqual({form for form, _ in ours}, {"log-mel", "log-mel-3x3", "whisper", "whisper-3x3", "kaldi"})
        for (form, clips), row in ours.items():
            with self.subTest(form=form, clips=clips):
                self.assertEqual(row["not_measured"], "")
                self.assertEqual(row["golden_passed"], row["golden_clips"])
                self.assertEqual((row["ratio_min"], row["ratio_median"]), ("1.000", "1.000"))
        theirs = [float(row["ratio_median"]) for row in rows if row["contender"] == "numpy"]
        self.assertEqual(len(theirs), 8)
        # Three times and more on any machine that was seen: a ratio that is upside down would be below 1.
        self.assertGreater(statistics.median(theirs), 1.0)


if __name__ == "__main__":
    unittest.main()
