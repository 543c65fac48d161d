"""The tarball, unpacked where no root put it, with libraries of its own only."""
import glob
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import harness
import surroundings
from surroundings import DEADLINE_S, ROOT, run

# The C library is the machine's.
SYSTEM = re.compile(r"^(linux-vdso|.*/ld-linux|ld-linux|lib(c|m|pthread|dl|rt|resolv|util|mvec)\.so)")


class Tarball(unittest.TestCase):
    needs_package = True

    @classmethod
    def setUpClass(cls):
        found = glob.glob(os.path.join(surroundings.package_folder, "melstream-*.tar.gz"))
        if len(found) != 1:
            raise AssertionError("%d tarballs in %s; run scripts/package" % (len(found), surroundings.package_folder))
        folder = tempfile.TemporaryDirectory(prefix="melstream tarball-")  # with a space, as people have them
        cls.addClassCleanup(folder.cleanup)
        with tarfile.open(found[0]) as archive:
            archive.extractall(folder.name)
        (cls.name,) = os.listdir(folder.name)
        # Not where it was made, and moved once.
        cls.folder = os.path.join(folder.name, "elsewhere")
        shutil.move(os.path.join(folder.name, cls.name), cls.folder)
        cls.environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "", "XDG_RUNTIME_DIR": cls.folder}

    def bin(self, name):
        return os.path.join(self.folder, "bin", name)

    def test_libraries_come_from_the_tarball(self):
        for name in ("melstreamd", "melstream"):
            listed = run("ldd", self.bin(name), env=self.environment).stdout
            self.assertNotIn("not found", listed)
            for line in listed.splitlines():
                library = line.split()[0]
                if not SYSTEM.match(library):
                    self.assertIn(" => %s/bin/../lib/" % self.folder, line)
            self.assertRegex(listed, r"libgrpc\+\+\.so.* => ")

    def test_every_library_has_its_license(self):
        licenses = os.path.join(self.folder, "share", "licenses")
        packages = run("dpkg-query", "-L", *os.listdir(licenses)).stdout.splitlines()
        provided = {os.path.basename(path) for path in packages if ".so" in path}
        self.assertEqual(set(os.listdir(os.path.join(self.folder, "lib"))) - provided, set())

    def test_daemon_and_client_run(self):
        """Nothing of the libraries' is opened outside the tarball either: what the running daemon has mapped."""
        with open(os.path.join(self.folder, "log"), "wb") as log:
            daemon = subprocess.Popen([self.bin("melstreamd"), "--config", self.config()], stdout=log, stderr=log,
                                      stdin=subprocess.DEVNULL, env=self.environment)
        self.addCleanup(daemon.kill)
        clip = os.path.join(ROOT, "tests", "golden", "audio", "espeak.wav")
        out = os.path.join(self.folder, "out.npy")
        self.wait_until_it_answers(daemon)
        with open("/proc/%d/maps" % daemon.pid, encoding="utf-8") as maps:
            mapped = {line.split(None, 5)[5].strip() for line in maps if ".so" in line}
        foreign = [path for path in mapped if not path.startswith(self.folder) and not SYSTEM.match(os.path.basename(path))]
        self.assertEqual(foreign, [])
        run(self.bin("melstream"), "extract", clip, "--front-end", "kaldi-80", "--out", out, env=self.environment)
        self.assertGreater(os.path.getsize(out), 80 * 4 * 100)
        run(self.bin("melstream"), "verify", env=self.environment)
        daemon.terminate()
        self.assertEqual(daemon.wait(DEADLINE_S), 0)

    def config(self):
        """That of the tarball, without the ports, which another test may have."""
        with open(os.path.join(self.folder, "etc", "melstream.toml"), encoding="utf-8") as file:
            text = file.read()
        path = os.path.join(self.folder, "melstream.toml")
        with open(path, "w", encoding="utf-8") as file:
            text = text.replace('# listen = ["127.0.0.1:50071"]', "listen = []")
            file.write(text.replace('# listen = "127.0.0.1:9464"', 'listen = ""'))
        return path

    def wait_until_it_answers(self, daemon):
        def answers():
            if daemon.poll() is not None:
                with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                    raise AssertionError("the daemon ended with %d:\n%s" % (daemon.returncode, log.read()))
            return run(self.bin("melstream"), "info", check=False, env=self.environment).returncode == 0

        harness.wait_until(answers, "the daemon's start")
