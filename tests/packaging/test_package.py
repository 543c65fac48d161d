"""The Debian package as scripts/package made it: what is in it, and installing, using, upgrading and purging it."""
import glob
import os
import re
import unittest

import surroundings
from clean_root import CleanRoot
from surroundings import ROOT, need, need_root, run

# Starts the daemon by the command of its unit, as the user and groups of the unit, and waits until it answers.
START = r"""
mkdir -p /run/melstream
command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/melstreamd.service)
groups=$(sed -n 's/^SupplementaryGroups=//p' /usr/lib/systemd/system/melstreamd.service | sed 's/ /,/g')
setpriv --reuid=61234 --regid=melstream-daemon --groups="$groups" --bounding-set=-all --no-new-privs $command > /tmp/log 2>&1 &
daemon=$!
tries=0
until melstream info > /tmp/info 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ] || ! kill -0 $daemon; then cat /tmp/log /tmp/info; exit 9; fi
  sleep 0.1
done
"""
STOP = 'kill -TERM $daemon; status=0; wait $daemon || status=$?; echo "daemon: $status"\n'


class PackageTest(unittest.TestCase):
    needs_package = True

    @classmethod
    def setUpClass(cls):
        found = glob.glob(os.path.join(surroundings.package_folder, "melstream_*.deb"))
        if len(found) != 1:
            raise AssertionError("%d packages in %s; run scripts/package" % (len(found), surroundings.package_folder))
        cls.package = found[0]
        cls.install = "dpkg -i /tmp/%s > /tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; exit 8; }\n" % os.path.basename(cls.package)


class Contents(PackageTest):
    def members(self):
        """{path: (permissions, owner)}"""
        listed = run("dpkg-deb", "--contents", self.package).stdout
        return {line.split(None, 5)[5].split(" -> ")[0]: tuple(line.split(None, 2)[:2]) for line in listed.splitlines()}

    def control(self, field):
        return run("dpkg-deb", "--field", self.package, field).stdout.strip()

    def test_everything_has_its_place(self):
        members = self.members()
        for path in ("usr/bin/melstreamd", "usr/bin/melstream", "usr/lib/systemd/system/melstreamd.service",
                     "usr/lib/systemd/system/melstreamd.socket", "usr/lib/systemd/system/melstreamd-publisher.socket",
                     "usr/lib/systemd/system/melstreamd-subscriber.socket", "usr/lib/systemd/system/melstreamd-admin.socket",
                     "usr/lib/systemd/system/melstreamd-tcp.socket", "usr/lib/systemd/user/melstreamd.service",
                     "usr/lib/sysusers.d/melstream.conf", "usr/lib/tmpfiles.d/melstream.conf",
                     "usr/share/man/man8/melstreamd.8.gz", "usr/share/man/man1/melstream.1.gz",
                     "usr/share/man/man5/melstream.toml.5.gz", "usr/share/bash-completion/completions/melstream",
                     "usr/share/bash-completion/completions/melstreamd", "usr/share/doc/melstream/copyright",
                     "usr/share/doc/melstream/changelog.gz", "usr/share/doc/melstream/examples/gpu.conf",
                     "usr/share/doc/melstream/examples/melstream.json", "usr/share/doc/melstream/examples/melstream.rules.yml",
                     "usr/share/melstream/user.toml", "usr/share/melstream/golden/manifest.json"):
            self.assertIn("./" + path, members)
        self.assertEqual(members["./etc/melstream/melstream.toml"], ("-rw-r-----", "root/root"))
        for path, (permissions, owner) in members.items():
            self.assertEqual(owner, "root/root", path)
            self.assertNotRegex(permissions, "^.{5}w|^.{8}w|s", path)

    def test_dependencies_are_those_of_the_programs(self):
        depends = self.control("Depends")
        for library in ("libc6", "libgrpc++1.51", "libsoxr0", "libportaudio2", "libsndfile1"):
            self.assertIn(library, depends)
        self.assertNotIn("-dev", depends)

    def test_config_is_a_conffile(self):
        self.assertEqual(run("dpkg-deb", "--info", self.package, "conffiles").stdout.split(), ["/etc/melstream/melstream.toml"])

    def test_lintian_finds_no_errors(self):
        need("lintian")
        result = run("lintian", "--allow-root", "--no-tag-display-limit", "--fail-on", "error", self.package, check=False)
        self.assertEqual((result.returncode, re.findall(r"(?m)^E: .*", result.stdout)), (0, []), result.stdout + result.stderr)


class Hardening(PackageTest):
    """By readelf, as Debian's hardening-check does it."""

    def test_programs(self):
        need("readelf")
        for name in ("melstreamd", "melstream"):
            path = os.path.join(surroundings.package_folder, "bin", name)
            self.assertIn("DYN (Position-Independent Executable file)", run("readelf", "-hW", path).stdout)
            segments = run("readelf", "-lW", path).stdout
            self.assertIn("GNU_RELRO", segments)
            self.assertRegex(segments, r"GNU_STACK.* RW ")
            self.assertRegex(run("readelf", "-dW", path).stdout, r"FLAGS_1.*NOW")
            symbols = run("readelf", "--dyn-syms", "-W", path).stdout
            self.assertIn("__stack_chk_fail", symbols)
            self.assertRegex(symbols, r"__[a-z]+_chk\b.*GLIBC")
            if os.uname().machine == "x86_64":
                # The program as a whole does not say so, since Debian's C runtime does not.
                compiled = glob.glob(os.path.join(surroundings.package_folder, "**", name + ".dir", "main.cpp.o"), recursive=True)
                self.assertEqual(len(compiled), 1)
                self.assertRegex(run("readelf", "-nW", compiled[0]).stdout, r"x86 feature: IBT, SHSTK")


class Installed(PackageTest):
    def setUp(self):
        need_root()
        need("unshare")

    def root(self, *files):
        return CleanRoot([self.package, *files])

    def run_in(self, script, *files):
        result = self.root(*files).run(script)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result

    def test_install_start_use_stop_purge(self):
        clip = os.path.join(ROOT, "tests", "golden", "audio", "espeak.wav")
        result = self.run_in(
            self.install + "stat -c '%n %a %U:%G' /etc/melstream/melstream.toml /run/melstream\n" +
            "[ -e /etc/systemd/system/multi-user.target.wants/melstreamd.service ] && echo enabled\n" + START +
            "stat -c '%n %a %u %G' /run/melstream/melstream.sock\n" +
            "melstream extract /tmp/espeak.wav --front-end whisper-80 --out /tmp/demo.npy\n" +
            "head -c 6 /tmp/demo.npy | tail -c 5; echo\n" +
            "melstream verify > /tmp/verify || { cat /tmp/verify; exit 7; }\n" + STOP +
            "ls /run/melstream\n" +
            "dpkg --purge melstream > /dev/null\n" +
            "getent group melstream melstream-daemon melstream-publish melstream-subscribe melstream-admin || echo no groups\n",
            clip)
        self.assertIn("/etc/melstream/melstream.toml 640 root:melstream\n/run/melstream 775 root:melstream-daemon\n", result.stdout)
        self.assertNotIn("enabled", result.stdout)
        self.assertIn("/run/melstream/melstream.sock 660 61234 melstream\n", result.stdout)
        self.assertIn("NUMPY\n", result.stdout)
        self.assertIn("daemon: 0\n", result.stdout)
        self.assertIn("no groups\n", result.stdout)
        self.assertEqual(result.left, [])

    def test_the_user_units_command_listens_in_the_users_folder_only(self):
        result = self.run_in(self.install + START + r"""
system=$daemon
export XDG_RUNTIME_DIR=/tmp/user; mkdir -m 0700 $XDG_RUNTIME_DIR; chown 61234 $XDG_RUNTIME_DIR
sed -n '/^ExecStart=/,/[^\\]$/p' /usr/lib/systemd/user/melstreamd.service |
  sed -e 's,^ExecStart=,exec ,' -e 's,%E,/tmp/config,' -e 's,[$][$],$,g' > /tmp/start
setpriv --reuid=61234 --regid=61234 --clear-groups /bin/sh /tmp/start > /tmp/log 2>&1 &
daemon=$!
tries=0
until melstream info --server unix:$XDG_RUNTIME_DIR/melstream.sock > /tmp/info 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 200 ] || ! kill -0 $daemon; then cat /tmp/log /tmp/info /tmp/start; exit 9; fi
  sleep 0.1
done
grep '^server' /tmp/info
grep -c 127.0.0.1 /tmp/log || true
""" + STOP + "daemon=$system\n" + STOP)
        self.assertRegex(result.stdout, r"server +unix:/tmp/user/melstream\.sock\n0\ndaemon: 0\ndaemon: 0\n")

    def test_purge_takes_the_links_of_enabled_units_along(self):
        link = "/etc/systemd/system/multi-user.target.wants/melstreamd.service"
        result = self.run_in(self.install + "systemctl enable melstreamd.service melstreamd.socket > /dev/null 2>&1\n" +
                             "[ -L %s ] && echo linked\n" % link + "dpkg --purge melstream > /dev/null\n")
        self.assertIn("linked\n", result.stdout)
        self.assertEqual(result.left, [])

    def test_what_was_left_would_be_seen(self):
        result = self.run_in("mkdir -p /etc/melstream && touch /etc/melstream/mine /run/other\n")
        self.assertEqual(result.left, ["etc/melstream/mine", "run/other"])

    def test_removed_keeps_the_config_and_an_upgrade_keeps_changes(self):
        result = self.run_in(self.install + "echo '# mine' >> /etc/melstream/melstream.toml\n" + self.install +
                             "tail -n 1 /etc/melstream/melstream.toml\n" + "dpkg --remove melstream > /dev/null\n" +
                             "stat -c '%n %a' /etc/melstream/melstream.toml\n" + "ls /usr/bin/melstreamd 2>&1 || true\n")
        self.assertIn("# mine\n/etc/melstream/melstream.toml 640\n", result.stdout)
        self.assertIn("No such file", result.stdout)
        self.assertEqual([path for path in result.left if not path.startswith("run/")], ["etc/melstream/melstream.toml"])

    def test_without_systemds_tools_the_groups_are_made_all_the_same(self):
        hide = "rm /usr/bin/systemd-sysusers /usr/bin/systemd-tmpfiles\n"
        result = self.run_in(hide + self.install + "stat -c '%a %U:%G' /etc/melstream/melstream.toml\n" +
                             "getent group melstream-daemon > /dev/null && echo made\n" + "dpkg --purge melstream > /dev/null\n")
        self.assertIn("640 root:melstream\nmade\n", result.stdout)
        self.assertEqual([path for path in result.left if "systemd-" not in path], [])
