"""Runs the tests with the installed package; run_tests.py starts it. Argument: a regular expression for names, or ""."""
import os
import re
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Result(unittest.TextTestResult):
    """One line a test, with its time."""

    n_passed = 0
    started = 0.0

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
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    loaded = unittest.defaultTestLoader.discover(HERE, pattern="test_*.py")
    tests = [test for test in flatten(loaded) if re.search(pattern, test.id())]
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Result).run(unittest.TestSuite(tests))
    for test, reason in result.skipped:
        print("SKIPPED %s: %s" % (test.id(), reason))
    n_failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.n_passed, n_failed))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
