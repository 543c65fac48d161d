"""Units, sysusers.d and tmpfiles.d, judged by systemd's own tools. Nothing here needs systemd to run."""
import configparser
import glob
import os
import re
import tempfile
import unittest

from surroundings import PACKAGING, ROOT, need, program, run

FILES = os.path.join(PACKAGING, "systemd")
EXPOSURE_LIMIT = 2.0


class Units(unittest.TestCase):
    def setUp(self):
        need("systemd-analyze")
        folder = tempfile.TemporaryDirectory(prefix="melstream-units-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # As CMake fills them in.
        places = {"CMAKE_INSTALL_FULL_BINDIR": os.path.dirname(program("melstreamd")),
                  "CMAKE_INSTALL_FULL_SYSCONFDIR": "/etc", "CMAKE_INSTALL_FULL_DATADIR": "/usr/share"}
        self.write("melstreamd.service", os.path.join(FILES, "melstreamd.service.in"), places)
        self.write("user/melstreamd.service", os.path.join(FILES, "melstreamd.user.service.in"), places)
        for path in glob.glob(os.path.join(FILES, "*.socket")):
            self.write(os.path.basename(path), path, {})
        self.sockets = sorted(glob.glob(os.path.join(self.folder, "*.socket")))
        self.service = os.path.join(self.folder, "melstreamd.service")

    def write(self, name, path, places):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"@([A-Z_]+)@", lambda found: places[found.group(1)], file.read())
        target = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)

    def drop_in(self, name):
        self.write("melstreamd.service.d/%s" % name, os.path.join(FILES, "examples", name), {})

    def assert_silent(self, *arguments):
        environment = dict(os.environ, XDG_RUNTIME_DIR=self.folder, SYSTEMD_UNIT_PATH=self.folder + ":")
        result = run("systemd-analyze", "verify", "--man=no", *arguments, check=False, env=environment)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def exposure(self):
        result = run("systemd-analyze", "security", "--offline=true", "--no-pager",
                     "--threshold=%d" % round(EXPOSURE_LIMIT * 10), self.service, check=False)
        found = re.search(r"exposure level for melstreamd\.service: ([0-9.]+)", result.stdout)
        self.assertTrue(found, result.stdout + result.stderr)
        return result.returncode, float(found.group(1))

    def test_verify_is_silent(self):
        self.assertEqual(len(self.sockets), 5)
        self.assert_silent(self.service, *self.sockets)

    def test_user_unit_verifies_silently(self):
        self.assert_silent("--user", os.path.join(self.folder, "user", "melstreamd.service"))

    def test_each_drop_in_verifies_silently(self):
        for name in ("gpu.conf", "local-only.conf", "credentials.conf"):
            self.drop_in(name)
            self.assert_silent(self.service)

    def test_verify_hears_a_wrong_key(self):
        with open(self.service, "a", encoding="utf-8") as file:
            file.write("\n[Service]\nProtectEverything=yes\n")
        environment = dict(os.environ, SYSTEMD_UNIT_PATH=self.folder + ":")
        result = run("systemd-analyze", "verify", "--man=no", self.service, check=False, env=environment)
        self.assertIn("ProtectEverything", result.stderr)

    def test_exposure(self):
        code, exposure = self.exposure()
        self.assertLessEqual(exposure, EXPOSURE_LIMIT)
        self.assertEqual(code, 0)

    def test_exposure_is_lower_when_it_is_local_only(self):
        _, exposure = self.exposure()
        with open(self.service, "a", encoding="utf-8") as file, \
                open(os.path.join(FILES, "examples", "local-only.conf"), encoding="utf-8") as drop_in:
            file.write(drop_in.read())
        self.assertLess(self.exposure()[1], exposure)

    def test_a_service_without_a_sandbox_is_found_exposed(self):
        with open(self.service, "w", encoding="utf-8") as file:
            file.write("[Service]\nExecStart=/bin/true\n")
        code, exposure = self.exposure()
        self.assertGreater(exposure, EXPOSURE_LIMIT)
        self.assertNotEqual(code, 0)

    def test_locked_memory_is_enough_for_the_packaged_config(self):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read(self.service)
        limit_mib = int(unit["Service"]["LimitMEMLOCK"].removesuffix("M"))
        plan = run(program("melstreamd"), "--config", os.path.join(ROOT, "config", "melstream.toml"), "--check-config").stdout
        parts = [float(found) for found in re.findall(r"([0-9.]+) MiB[^;\n]*, locked", plan)]
        self.assertGreaterEqual(len(parts), 2, plan)  # rings, audio history
        self.assertLess(sum(parts), limit_mib, plan)

    def test_sockets_have_the_names_that_the_daemon_knows(self):
        names = {}
        for path in self.sockets:
            unit = configparser.ConfigParser(strict=False, interpolation=None)
            unit.optionxform = str
            unit.read(path)
            self.assertEqual(unit["Socket"]["Service"], "melstreamd.service")
            names[unit["Socket"]["FileDescriptorName"]] = unit["Socket"]
        self.assertEqual(set(names), {"all", "publisher", "subscriber", "admin", "tcp"})
        for name, socket in names.items():
            if name != "tcp":
                self.assertEqual(socket["SocketMode"], "0660")
                self.assertTrue(socket["SocketGroup"].startswith("melstream"))


class Groups(unittest.TestCase):
    """In a root folder of their own; never in that of the machine."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="melstream-root-")
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        os.makedirs(os.path.join(self.root, "etc"))

    def groups(self):
        with open(os.path.join(self.root, "etc", "group"), encoding="utf-8") as file:
            return {line.split(":")[0]: int(line.split(":")[2]) for line in file if line.strip()}

    def test_sysusers_makes_all_that_units_and_folders_name(self):
        need("systemd-sysusers")
        run("systemd-sysusers", "--root", self.root, os.path.join(PACKAGING, "sysusers.d", "melstream.conf"))
        made = set(self.groups())
        named = set()
        for path in [*glob.glob(os.path.join(FILES, "*.socket")), os.path.join(FILES, "melstreamd.service.in")]:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    if line.startswith(("SocketGroup=", "Group=", "SupplementaryGroups=")):
                        named.update(line.strip().split("=")[1].split())
        self.assertEqual(named - made, {"audio"})  # every Debian has it
        self.assertEqual(made - named, set())

    def test_tmpfiles_makes_the_folder_of_sockets(self):
        need("systemd-tmpfiles")
        with open(os.path.join(self.root, "etc", "group"), "w", encoding="utf-8") as file:
            file.write("root:x:0:\nmelstream-daemon:x:%d:\n" % os.getegid())
        with open(os.path.join(self.root, "etc", "passwd"), "w", encoding="utf-8") as file:
            file.write("root:x:%d:0:root:/root:/bin/sh\n" % os.geteuid())
        run("systemd-tmpfiles", "--create", "--root", self.root, os.path.join(PACKAGING, "tmpfiles.d", "melstream.conf"))
        about = os.stat(os.path.join(self.root, "run", "melstream"))
        self.assertEqual(about.st_mode & 0o7777, 0o775)
        self.assertEqual((about.st_uid, about.st_gid), (os.geteuid(), os.getegid()))
