#!/usr/bin/env python3
"""Reads a JUnit file of CTest: first line `PASSED FAILED`, then the output of failed tests and the names of skipped ones."""
import sys
import xml.etree.ElementTree as ElementTree

n_passed = 0
n_failed = 0
report = []
for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
    name = case.get("name")
    status = case.get("status")
    if status == "run":
        n_passed += 1
    elif status in ("disabled", "notrun") and case.find("skipped") is not None:
        reason = case.find("skipped").get("message") or "skipped"
        # A test that was not built or could not be started must not count as skipped.
        if reason.startswith("SKIP") or status == "disabled":
            report.append("SKIPPED %s: %s" % (name, reason))
        else:
            n_failed += 1
            report.append("FAILED %s: %s" % (name, reason))
    else:
        n_failed += 1
        output = (case.findtext("system-out") or "").strip().splitlines()
        report.append("FAILED %s" % name)
        # A sanitizer says what is wrong first, GoogleTest last.
        if len(output) > 70:
            output = output[:40] + ["..."] + output[-25:]
        report.extend("    " + line for line in output)
print(n_passed, n_failed)
print("\n".join(report), end="\n" if report else "")
