"""Runs the tests with the installed packages; run_tests.py starts it. Argument: a regular expression for names, or ""."""
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ENGINE = os.path.join(os.path.dirname(HERE), "engine", "tests")
sys.path.insert(0, HERE)

from case import load, REPOSITORY  # noqa: E402

e2e = load(os.path.join(REPOSITORY, "tests", "e2e", "run.py"))


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    # A loader each: one remembers the folder that it began with.
    loaded = [unittest.TestLoader().discover(folder, pattern="test_*.py") for folder in (HERE, ENGINE)]
    tests = [test for one in loaded for test in e2e.flatten(one) if re.search(pattern, test.id())]
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=e2e.Result).run(unittest.TestSuite(tests))
    for test, reason in result.skipped:
        print("SKIPPED %s: %s" % (test.id(), reason))
    n_failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.n_passed, n_failed))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
