"""bench/compare.py, with NumPy alone as the other library: what it counts and prints, and that it names what it cannot measure.
clients/python/tests has the run with melstream's engine itself."""
import contextlib
import csv
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

import numpy

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")


@contextlib.contextmanager
def bench_path():
    """The package `compare` of bench/."""
    sys.path.insert(0, BENCH)
    try:
        yield
    finally:
        sys.path.remove(BENCH)


with bench_path():
    from compare import device, features, figures, rounds  # noqa: E402
    from compare.cases import Case  # noqa: E402


def run_compare(*arguments):
    """What it prints, and the rows of its CSV."""
    with tempfile.TemporaryDirectory(prefix="melstream-compare-") as folder:
        path = os.path.join(folder, "compare.csv")
        command = [sys.executable, os.path.join(BENCH, "compare.py"), "--csv", path, "--plot", "", *arguments]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                timeout=120, check=False)
        if result.returncode != 0:
            raise AssertionError("exit status %d: %s" % (result.returncode, result.stderr))
        with open(path, newline="", encoding="utf-8") as file:
            return result.stdout, list(csv.DictReader(file))


class CompareTest(unittest.TestCase):
    def test_measures_each_case_and_names_what_is_missing(self):
        text, rows = run_compare("--peers", "numpy,torchaudio (cuda)", "--forms", "log-mel,whisper-3x3", "--clips", "1",
                                 "--batches", "1,3", "--threads", "1", "--runs", "2")
        numpys = {(row["form"], row["clips"]): row for row in rows if row["contender"] == "numpy"}
        self.assertEqual(set(numpys), {(form, clips) for form in ("log-mel", "whisper-3x3") for clips in ("1", "3")})
        for row in numpys.values():
            self.assertEqual(row["rounds"], "2")
            self.assertGreater(float(row["us_min"]), 0.0)
            self.assertLessEqual(float(row["us_min"]), float(row["us_median"]))
            self.assertGreaterEqual(float(row["rss_peak_mb"]), float(row["rss_before_mb"]))
            self.assertEqual((row["golden_passed"], row["golden_clips"]), ("16", "16"))
            self.assertEqual(row["htod_copies"], "")
        self.assertGreater(float(numpys["log-mel", "1"]["tiny_call_us"]), 0.0)
        if importlib.util.find_spec("melstream") is None:
            self.assertRegex(text, "\n  melstream: not measured: .*melstream")
            self.assertNotIn("melstream", {row["contender"] for row in rows})
        if importlib.util.find_spec("torch") is None:
            self.assertRegex(text, r"\n  torchaudio \(cuda\): not measured: .*torch")
        self.assertIn("torchaudio / melstream: to be reached 7: not measured", text)

    def test_a_worker_that_dies_is_a_reason(self):
        seat = rounds.Seat("numpy", 1)
        try:
            seat.process.kill()
            seat.process.wait()
            self.assertIn("ended with status -9", seat.ask("block", task=0)["not_measured"])
        finally:
            seat.close()

    def test_usage_names_what_there_is(self):
        result = subprocess.run([sys.executable, os.path.join(BENCH, "compare.py"), "--peers", "nobody"], text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(result.returncode, 64)
        self.assertIn("no 'nobody'; there are: melstream, ", result.stderr)


class StepsTest(unittest.TestCase):
    def test_box3x3_is_the_mean_of_the_neighbours_that_exist(self):
        for shape in ((1, 1), (1, 7), (2, 3), (80, 50)):
            values = numpy.random.default_rng(1).normal(size=shape).astype(numpy.float32)
            found = features.box3x3(values)
            for y, x in numpy.ndindex(shape):
                around = values[max(0, y - 1):y + 2, max(0, x - 1):x + 2].astype(float)
                self.assertAlmostEqual(found[y, x], around.mean(), places=5)

    def test_overhead_of_a_call(self):
        # 7 us a call and 50 us a second.
        costs = {"one": 57.0, "many": 7.0 + 65 * 50.0, "long": 107.0, "tiny": 8.25}
        measured = {key: rounds.Measured("x", case, times=[costs[key] * 1e3 / case.n_clips] * 3)
                    for key, case in figures.overhead_cases("log-mel").items()}
        for found in figures.overhead(measured).values():
            self.assertAlmostEqual(found.by_clips, 7.0)
            self.assertAlmostEqual(found.by_length, 7.0)
            self.assertAlmostEqual(found.tiny, 8.25)

    def test_reach_is_judged_by_the_median_of_the_rounds(self):
        case = Case("whisper", 30.0, 1, 1)
        for ratios, verdict in (((7.5, 7.1, 6.0), "yes"), ((7.5, 6.9, 6.0), "missed")):
            lines = list(figures.reach_lines([rounds.Measured("openai-whisper", case, ratios=list(ratios))], {}))
            self.assertTrue(lines[0].endswith("to be reached 7: " + verdict), lines[0])

    def test_overhead_is_judged_by_the_largest_figure(self):
        for values, verdict in (((-5.0, -3.0, 19.0), "yes"), ((-5.0, -3.0, 21.0), "missed"), ((21.0, 1.0, 2.0), "missed")):
            found = {("melstream", "log-mel"): {"min": figures.Overhead(40.0, *values)}}
            line = next(line for line in figures.reach_lines([], found) if line.startswith("log-mel, a call's overhead"))
            self.assertTrue(line.endswith("to be reached 20 us: " + verdict), line)

    def test_copies_are_counted_from_a_trace(self):
        def copy(name, count):
            return {"cat": "gpu_memcpy", "name": name, "args": {"bytes": count}}
        trace = {"traceEvents": [
            {"name": "process_name"}, {"cat": "cpu_op", "name": "aten::to"}, {"cat": "cuda_runtime", "name": "cudaMemcpyAsync"},
            copy("Memcpy HtoD (Pageable -> Device)", 640), copy("Memcpy HtoD (Pinned -> Device)", 4),
            copy("Memcpy DtoH (Device -> Pageable)", 320), copy("Memcpy DtoD (Device -> Device)", 99),
            {"cat": "gpu_memset", "name": "Memset (Device)", "args": {"bytes": 7}}, {"cat": "kernel", "name": "rows"}]}
        self.assertEqual(device.count_copies(trace), {"htod_copies": 2, "htod_bytes": 644, "dtoh_copies": 1, "dtoh_bytes": 320,
                                                      "activities": 6})


if __name__ == "__main__":
    unittest.main()
