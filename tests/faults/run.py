#!/usr/bin/env python3
"""Faults in real time against a real daemon: each prints what it measured and its bound, and fails at three times that
(memory and counts: at the bound). The last line is `N passed, N failed`.

  tests/faults/run.py --bin build/dev/bin [--filter REGEX] [--full] [--table]

--full: also what takes long. --table: as rows for docs/operations.md. Exit status: 0 all passed (or none matches the
filter), 1 one failed, 2 the programs are not there.
"""
import argparse
import os
import re
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import harness  # noqa: E402
import fault  # noqa: E402


def load_faults():
    for name in sorted(os.listdir(HERE)):
        if name.endswith("_faults.py"):
            __import__(name[:-3])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of melstreamd and melstream")
    parser.add_argument("--filter", help="regular expression that a fault's name must match")
    parser.add_argument("--full", action="store_true", help="also what takes long")
    parser.add_argument("--table", action="store_true", help="print rows of a table in Markdown")
    options = parser.parse_args()
    harness.bin_folder = os.path.abspath(options.bin)
    for name in ("melstreamd", "melstream"):
        if not os.access(harness.program(name), os.X_OK):
            print("tests/faults: %s is not built" % harness.program(name), file=sys.stderr)
            return 2
    load_faults()

    n_passed = n_failed = 0
    for name, function, full in fault.faults:
        if (full and not options.full) or (options.filter and not re.search(options.filter, name)):
            continue
        begin = time.monotonic()
        try:
            measured = function()
            good = measured.good()
        except fault.Unable as error:
            print("SKIPPED %s: %s" % (name, error), flush=True)
            continue
        except Exception:  # noqa: BLE001 - whatever a fault raises is its failure
            measured, good = traceback.format_exc(), False
        n_passed += good
        n_failed += not good
        if options.table and good:
            what = " ".join((function.__doc__ or "").split()).rstrip(".")
            value, bound = str(measured)[len("measured "):-1].split(" (bound ")
            print("| `%s` | %s | %s | %s |" % (name, what, value, bound), flush=True)
        else:
            print("%s %s %s [%.1f s]" % ("ok  " if good else "FAIL", name, measured, time.monotonic() - begin), flush=True)
    print("%d passed, %d failed" % (n_passed, n_failed))
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
