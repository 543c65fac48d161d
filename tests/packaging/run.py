#!/usr/bin/env python3
"""Tests of what is installed: units, manual pages, completion, and with --package the Debian package and the tarball. The last
line is `N passed, N failed`.

  tests/packaging/run.py --bin build/dev/bin [--package build/package] [--filter REGEX]

Exit status: 0 all passed (or none matches the filter), 1 one failed, 2 the programs are not there.
"""
import argparse
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import run as e2e  # noqa: E402
import surroundings  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of melstreamd and melstream")
    parser.add_argument("--package", help="folder of what scripts/package made; without it, that is not tested")
    parser.add_argument("--filter", help="regular expression that a test's name must match")
    options = parser.parse_args()
    surroundings.bin_folder = os.path.abspath(options.bin)
    surroundings.package_folder = os.path.abspath(options.package) if options.package else None
    for name in ("melstreamd", "melstream"):
        if not os.access(surroundings.program(name), os.X_OK):
            print("tests/packaging: %s is not built" % surroundings.program(name), file=sys.stderr)
            return 2
    loaded = unittest.defaultTestLoader.discover(HERE, pattern="test_*.py")
    tests = [test for test in e2e.flatten(loaded) if not options.filter or re.search(options.filter, test.id())]
    if not surroundings.package_folder:
        tests = [test for test in tests if not getattr(test, "needs_package", False)]
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=e2e.Result)
    result = runner.run(unittest.TestSuite(tests))
    n_failed = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        print("SKIPPED %s: %s" % (test.id(), reason))
    if not tests and not options.filter:
        print("tests/packaging: no test was found", file=sys.stderr)
        n_failed = 1
    print("%d passed, %d failed" % (result.n_passed, n_failed))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
