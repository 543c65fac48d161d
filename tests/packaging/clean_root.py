"""A root folder in which a package can be installed, used and purged, and what that left behind: the machine's own files
underneath, read-only, in namespaces of its own. Nothing reaches the machine, not even its ports."""
import os
import subprocess
import tempfile

from surroundings import DEADLINE_S

# Runs with the mount namespace to itself: $1 is an empty folder, the rest the command. /run is new and empty: systemd does not run
# here, as in a container.
ENTER = r"""
set -eu
base=$1; shift
ip link set lo up
mount -t tmpfs -o mode=755 melstream "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
mount -t proc proc "$base/root/proc"
mount --rbind /dev "$base/root/dev"
mount -t tmpfs tmpfs "$base/root/run"
mount -t tmpfs tmpfs "$base/root/tmp"
status=0
MELSTREAM_BASE=$base "$@" || status=$?
exit $status
"""


class CleanRoot:
    """One script is run in it, by /bin/sh -e; afterwards it is gone."""

    def __init__(self, files=()):
        """files: paths of the machine that lie in /tmp inside."""
        self.files = list(files)

    def run(self, script):
        """The completed process. `left` of it: paths below / that are there now and were not, or are others, besides what dpkg
        itself keeps of its work."""
        with tempfile.TemporaryDirectory(prefix="melstream-root-") as base:
            outer = 'cp "$@" "$MELSTREAM_BASE/root/tmp/"\n' if self.files else ""
            outer += 'chroot "$MELSTREAM_BASE/root" /bin/sh -ec "$MELSTREAM_SCRIPT" || status=$?\n'
            outer += 'cd "$MELSTREAM_BASE/upper" && find . ! -type d -printf "LEFT %P\\n" -o -empty -printf "LEFT %P\\n"\n'
            outer += 'cd "$MELSTREAM_BASE/root/run" && find . -mindepth 1 -printf "LEFT run/%P\\n"\n'
            outer += "exit ${status:-0}\n"
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive",
                           "MELSTREAM_SCRIPT": script}
            result = subprocess.run(
                ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", ENTER, "enter", base, "/bin/sh", "-c",
                 outer, "outer", *self.files], capture_output=True, text=True, timeout=DEADLINE_S, check=False,
                stdin=subprocess.DEVNULL, env=environment)
        lines = result.stdout.split("\n")
        result.left = sorted(line[5:] for line in lines if line.startswith("LEFT ") and not is_bookkeeping(line[5:]))
        result.stdout = "\n".join(line for line in lines if not line.startswith("LEFT "))
        return result


def is_bookkeeping(path):
    """What every installation of any package changes."""
    return path.startswith(("var/lib/dpkg/", "var/log/", "var/cache/", "tmp/", "var/lib/systemd/deb-systemd-helper-")) or (
        # passwd's tools write these anew, with a backup.
        os.path.basename(path).rstrip("-") in ("group", "gshadow", "passwd", "shadow") and path.startswith("etc/"))
