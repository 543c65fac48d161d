#!/usr/bin/env python3
"""Histories: a daemon under faults, what everybody saw of it, and whether that is what was promised (docs/delivery.md).

  tests/history/run.py --bin build/dev/bin --seconds 60 [--seed S] [--jobs N]
  tests/history/run.py --bin build/dev/bin --count 4          so many seeds, however long they take
  tests/history/run.py --bin build/dev/bin --plan FILE        one plan again, such as a kept plan.json
  tests/history/run.py --check FOLDER --bin build/dev/bin     only judges a run that was kept

Tests the checks themselves, runs the plans of regressions/, then one of each seed from S on until the time is up. A history
that breaks a promise is kept; its folder is printed. The last line is `N passed, N failed`. Exit status: 0 all passed, 1 one
failed, 2 the programs are not there.
"""
import argparse
import collections
import concurrent.futures
import glob
import io
import json
import os
import shutil
import statistics
import sys
import threading
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import harness  # noqa: E402
import history as model  # noqa: E402
import options as client_options  # noqa: E402
import reference  # noqa: E402
import scenario  # noqa: E402
import scenario_run  # noqa: E402
import test_history  # noqa: E402
import test_invariants_1_to_6  # noqa: E402
import test_invariants_7_to_11  # noqa: E402
import validator  # noqa: E402

MAX_SENTENCES = 12


class Runner:
    def __init__(self, arguments):
        self.bin_folder = os.path.abspath(arguments.bin)
        self.keep = os.path.abspath(arguments.keep)
        self.options = client_options.Options(os.path.join(self.bin_folder, "melstream"))
        harness.bin_folder = self.bin_folder
        self.oracle = harness.Daemon()
        self.lock = threading.Lock()
        self.n_passed = 0
        self.n_failed = 0
        self.seen = collections.Counter()
        self.latencies = {"before": [], "beside": []}

    def close(self):
        self.oracle.close()

    def test_the_checks(self):
        """A check that cannot fail would make all of this worthless."""
        said = io.StringIO()
        load = unittest.defaultTestLoader.loadTestsFromModule
        tests = unittest.TestSuite(
            load(module) for module in (test_history, test_invariants_1_to_6, test_invariants_7_to_11))
        result = unittest.TextTestRunner(stream=said, verbosity=0).run(tests)
        n_failed = len(result.failures) + len(result.errors)
        self.n_failed += n_failed
        self.n_passed += result.testsRun - n_failed
        print(said.getvalue() if n_failed else "ok   tests of the checks (%d)" % result.testsRun, flush=True)

    def one(self, name, plan):
        folder = os.path.join(self.keep, name)
        shutil.rmtree(folder, ignore_errors=True)
        began = time.monotonic()
        try:
            scenario_run.Run(plan, self.bin_folder, folder, self.options).go()
            wrong, note = self.judge(folder)
        except Exception:  # pylint: disable=broad-except
            wrong, note = [("run", traceback.format_exc())], ""
        self.report(name, folder, wrong, "%s, %.1f s" % (note, time.monotonic() - began))
        return not wrong

    def judge(self, folder):
        history = model.load(folder)
        # One at a time: the other daemon's files have one name.
        with self.lock:
            expected = reference.compute(history, self.oracle)
            self.seen.update(validator.seen(history))
            for when, measured in validator.latencies(history).items():
                self.latencies[when] += measured
        wrong = validator.check_all(history, expected)
        n_checked, n_all = validator.checked_frames(history, expected)
        n_tracks = len(model.all_tracks(history))
        return wrong, "%d lives, %d sessions, %d tracks, %d frames, %d of them recomputed" % (
            len(history.lives), len(history.sessions), n_tracks, n_all, n_checked)

    def summary(self):
        """What occurred, and I7's ratio: for information, since other work on the machine decides it too."""
        print("seen: " + ", ".join("%d %s" % (n, what) for what, n in sorted(self.seen.items()) if n))
        if all(self.latencies.values()):
            before, beside = (statistics.median(self.latencies[when]) for when in ("before", "beside"))
            print("added latency p99 of a reader: %.1f ms, beside stopped readers %.1f ms, ratio %.2f (medians of %d and %d)" % (
                before, beside, beside / before, len(self.latencies["before"]), len(self.latencies["beside"])))

    def report(self, name, folder, wrong, note):
        with self.lock:
            if not wrong:
                self.n_passed += 1
                print("ok   %s (%s)" % (name, note), flush=True)
                shutil.rmtree(folder, ignore_errors=True)
                return
            self.n_failed += 1
            print("FAIL %s (%s), kept in %s" % (name, note, folder), flush=True)
            for invariant, sentence in wrong[:MAX_SENTENCES]:
                print("     %s: %s" % (invariant, sentence), flush=True)
            if len(wrong) > MAX_SENTENCES:
                print("     and %d more" % (len(wrong) - MAX_SENTENCES), flush=True)


def plans(arguments, runner):
    """[(name, plan)] without end; those of mistakes that were found come first."""
    if arguments.plan:
        with open(arguments.plan, encoding="utf-8") as file:
            yield os.path.splitext(os.path.basename(arguments.plan))[0], json.load(file)
        return
    for path in sorted(glob.glob(os.path.join(HERE, "regressions", "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield "regression-" + os.path.splitext(os.path.basename(path))[0], json.load(file)
    seed = arguments.seed
    while True:
        if arguments.count is not None and seed >= arguments.seed + arguments.count:
            return
        yield "seed-%d" % seed, scenario.make(seed, arguments.length, runner.options.many)
        seed += 1


def run_all(arguments, runner):
    end_s = time.monotonic() + (arguments.seconds if arguments.count is None else float("inf"))
    todo = plans(arguments, runner)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = set()
        for name, plan in todo:
            if time.monotonic() >= end_s and not arguments.plan and not name.startswith("regression-"):
                break
            if len(running) >= arguments.jobs:
                _, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                if time.monotonic() >= end_s and not name.startswith("regression-"):
                    break
            running.add(pool.submit(runner.one, name, plan))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of melstreamd and melstream")
    parser.add_argument("--seconds", type=float, default=60.0, help="no run begins later than that")
    parser.add_argument("--count", type=int, help="of seeds, instead of a time")
    parser.add_argument("--length", type=float, default=8.0, help="seconds of one run")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each next one takes the next")
    parser.add_argument("--jobs", type=int, default=3, help="runs beside each other")
    parser.add_argument("--plan", help="run this plan alone")
    parser.add_argument("--check", help="judge the run that was kept in this folder")
    parser.add_argument("--keep", default="build/history", help="where runs are kept that failed")
    arguments = parser.parse_args()
    for name in ("melstreamd", "melstream"):
        if not os.access(os.path.join(arguments.bin, name), os.X_OK):
            print("tests/history: %s is not built" % os.path.join(arguments.bin, name), file=sys.stderr)
            return 2
    runner = Runner(arguments)
    try:
        if arguments.check:
            wrong, note = runner.judge(arguments.check)
            for invariant, sentence in wrong:
                print("%s: %s" % (invariant, sentence))
            print("%s: %d broken" % (note, len(wrong)))
            return 1 if wrong else 0
        if not arguments.plan:
            runner.test_the_checks()
        run_all(arguments, runner)
    finally:
        runner.close()
    runner.summary()
    print("%d passed, %d failed" % (runner.n_passed, runner.n_failed))
    return 1 if runner.n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
