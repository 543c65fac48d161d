#!/usr/bin/env python3
"""Runs the end-to-end tests against built programs. The last line is `N passed, N failed`.

  tests/e2e/run.py --bin build/dev/bin [--filter REGEX] [--full]

Exit status: 0 all passed (or none matches the filter), 1 one failed, 2 the programs are not there.
"""
import argparse
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import harness  # noqa: E402


class Result(unittest.TextTestResult):
    """One line a test, with its time."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.n_passed = 0
        self.started = 0.0

    def startTest(self, test):
        self.started = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.n_passed += 1
        print("ok   %s (%.2f s)" % (test.id(), time.monotonic() - self.started), flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print("FAIL %s" % test.id(), flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        print("FAIL %s" % test.id(), flush=True)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of melstreamd and melstream")
    parser.add_argument("--filter", help="regular expression that a test's name must match")
    parser.add_argument("--full", action="store_true", help="also what is slow")
    options = parser.parse_args()
    harness.bin_folder = os.path.abspath(options.bin)
    harness.full = options.full
    for name in ("melstreamd", "melstream"):
        if not os.access(harness.program(name), os.X_OK):
            print("tests/e2e: %s is not built" % harness.program(name), file=sys.stderr)
            return 2

    loaded = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)), pattern="test_*.py")
    tests = [test for test in flatten(loaded) if not options.filter or re.search(options.filter, test.id())]
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Result)
    result = runner.run(unittest.TestSuite(tests))
    n_failed = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        print("SKIPPED %s: %s" % (test.id(), reason))
    if not tests and not options.filter:
        print("tests/e2e: no test was found", file=sys.stderr)
        n_failed = 1
    print("%d passed, %d failed" % (result.n_passed, n_failed))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
