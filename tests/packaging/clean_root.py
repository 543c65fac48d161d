"""A root folder in which a package can be installed, used and purged, and what that left behind: the machine's own files
underneath, read-only, in namespaces of its own. Nothing reaches the machine, not even its ports."""
import os
import subprocess
import tempfile
import unittest

from surroundings import DEADLINE_S

# Runs with the namespaces to itself: $1 is an empty folder, the rest the command. /run is new and empty: systemd does not run here,
# as in a container.
ENTER = r"""
set -eu
base=$1; shift
ip link set lo up
mount -t tmpfs -o mode=755 melstream "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
mount -t proc proc "$base/root/proc"
mount -t tmpfs tmpfs "$base/root/run"
mount -t tmpfs -o mode=1777 tmpfs "$base/root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$base/root/dev"
cd "$base/root/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 ${device%:*} c 1 ${device#*:}; done
mkdir shm && mount -t tmpfs -o mode=1777 tmpfs shm
ln -s /proc/self/fd fd
ln -s fd/1 stdout
cd "$base/root"
[ $# -eq 0 ] || cp "$@" tmp/
"""

# A script in the root folder, then what is there that was not.
USE = ENTER + r"""
status=0
chroot . /bin/sh -ec "$MELSTREAM_SCRIPT" || status=$?
cd "$base/upper" && find . ! -type d -printf 'LEFT %P\n' -o -empty -printf 'LEFT %P\n'
cd "$base/root/run" && find . -mindepth 1 -printf 'LEFT run/%P\n'
exit $status
"""

# systemd as the first process of the root folder: with the units that the script enables and nothing else, no setting of the
# kernel in reach.
BOOT = ENTER + r"""
chroot . /bin/sh -ec "$MELSTREAM_PREPARE"
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd sys/fs/cgroup/devices
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -t cgroup -o devices cgroup sys/fs/cgroup/devices || rmdir sys/fs/cgroup/devices
fi
rm -rf usr/lib/systemd/system/*.target.wants etc/systemd/system/*.wants etc/systemd/system/default.target
: > etc/fstab
for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket systemd-udevd.service \
    systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-remount-fs.service systemd-sysctl.service; do
  ln -sf /dev/null etc/systemd/system/$unit
done
printf '[Unit]\nDefaultDependencies=no\nWants=script.service\n' > etc/systemd/system/default.target
printf '%s\n' "$MELSTREAM_SCRIPT" > tmp/script.sh
cat > etc/systemd/system/script.service <<'END'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -e /tmp/script.sh
ExecStopPost=/bin/sh -c 'echo "script: $$EXIT_STATUS"; systemctl --force --force poweroff'
StandardOutput=append:/tmp/said
StandardError=append:/tmp/said
END
: > tmp/said
tail -n +1 -f tmp/said --pid=$$ &
# The root of the namespace as well, not only of the process: whoever enters the namespace is in this folder.
mkdir old
pivot_root . old
umount -l /old
rmdir /old
exec env -i container=melstream PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --system --show-status=false
"""


class CleanRoot:
    """One script is run in it, by /bin/sh -e as root; afterwards it is gone."""

    def __init__(self, files=()):
        """files: paths of the machine that lie in /tmp inside."""
        self.files = list(files)

    def run(self, script):
        """The completed process. `left` of it: paths below / that are there now and were not, or are others, besides what dpkg
        itself keeps of its work."""
        result = self._enter(USE, {"MELSTREAM_SCRIPT": script})
        lines = result.stdout.split("\n")
        result.left = sorted(line[5:] for line in lines if line.startswith("LEFT ") and not is_bookkeeping(line[5:]))
        result.stdout = "\n".join(line for line in lines if not line.startswith("LEFT "))
        return result

    def boot(self, prepare, script):
        """What `script` said, under a systemd of its own; `prepare` runs before that starts. Skips where a systemd cannot run in a
        namespace."""
        result = self._enter(BOOT, {"MELSTREAM_PREPARE": prepare, "MELSTREAM_SCRIPT": "echo up\n" + script}, "--cgroup", "--uts",
                             "--ipc")
        if not result.stdout.startswith("up\n"):
            raise unittest.SkipTest("systemd does not start in a namespace here: %s%s" % (result.stdout, result.stderr))
        return result.stdout

    def _enter(self, enter, environment, *namespaces):
        environment.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
        with tempfile.TemporaryDirectory(prefix="melstream-root-") as base:
            return subprocess.run(
                ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", *namespaces, "/bin/sh", "-c", enter, "enter", base,
                 *self.files], capture_output=True, text=True, timeout=DEADLINE_S, check=False, stdin=subprocess.DEVNULL,
                env=environment)


def is_bookkeeping(path):
    """What every installation of any package changes, and folders that the machine has."""
    if os.path.isdir("/" + path) or path == "etc/.pwd.lock":
        return True
    return path.startswith(("var/lib/dpkg/", "var/log/", "var/cache/", "tmp/", "dev/", "var/lib/systemd/deb-systemd-helper-")) or (
        # passwd's tools write these anew, with a backup.
        os.path.basename(path).rstrip("-") in ("group", "gshadow", "passwd", "shadow") and path.startswith("etc/"))
