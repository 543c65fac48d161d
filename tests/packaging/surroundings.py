"""Where things are, and how commands are run. Set by run.py before any test."""
import os
import shutil
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
PACKAGING = os.path.join(ROOT, "packaging")
DEADLINE_S = 300.0

bin_folder = None
package_folder = None


def program(name):
    return os.path.join(bin_folder, name)


def run(*command, check=True, **keywords):
    """The completed process, with text. Fails with all that it said unless it ends with 0, or check is False."""
    keywords.setdefault("stdin", subprocess.DEVNULL)
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False, **keywords)
    if check and result.returncode != 0:
        raise AssertionError("%s ended with %d:\n%s%s" % (" ".join(command), result.returncode, result.stdout, result.stderr))
    return result


def need(tool):
    """Skips the test, in plain sight, where a tool is not installed: `scripts/install-deps --packaging` brings all."""
    if not shutil.which(tool):
        raise unittest.SkipTest("%s is not installed" % tool)


def need_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can do this")
