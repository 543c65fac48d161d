"""The Python packages as scripts/python-packages makes them, for this CPython."""
import glob
import os
import re
import shutil
import sys
import tarfile
import tempfile
import unittest

from surroundings import ROOT, run

LOG_MEL = """
import numpy
from melstream import engine
print(engine.log_mel(numpy.zeros(16000, "float32")).shape, engine.library())
"""


class PythonPackages(unittest.TestCase):
    needs_package = True

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="melstream packages-")  # with a space, as people have them
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run(os.path.join(ROOT, "scripts", "python-packages"), "--out", os.path.join(cls.folder, "out"), sys.executable)

    def package(self, pattern):
        (found,) = glob.glob(os.path.join(self.folder, "out", pattern))
        return found

    def test_names(self):
        names = "\n".join(sorted(os.listdir(os.path.join(self.folder, "out")))) + "\n"
        self.assertRegex(names, re.compile(r"""\A
            melstream-[\d.]+-py3-none-any\.whl\n
            melstream-[\d.]+\.tar\.gz\n
            melstream_engine-[\d.]+-(cp3(9|1[01])-cp3(9|1[01])|cp312-abi3)-manylinux_2_\d+_\w+\.whl\n
            melstream_engine-[\d.]+\.tar\.gz\n\Z""", re.VERBOSE))

    def test_sources_are_what_the_wheel_is_built_of(self):
        """The wheel was built of them: nothing is missing. Nor is there more."""
        with tarfile.open(self.package("melstream_engine-*.tar.gz")) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        self.assertLessEqual({"PKG-INFO", "pyproject.toml", "CMakeLists.txt", "LICENSE", "include/melstream/engine.h"}, names)
        self.assertEqual([one for one in names if re.match(r"(src/melstream/(rpc|audio|pipeline)|daemon|tests|.*/tests)/", one)], [])

    def test_wheels_need_no_compiler_and_bring_their_libraries(self):
        venv = os.path.join(self.folder, "venv")
        run(sys.executable, "-m", "venv", venv)
        python = os.path.join(venv, "bin", "python")
        run(python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", self.package("melstream-*.whl"),
            self.package("melstream_engine-*.whl"), env={**os.environ, "PATH": "/nowhere"})
        said = run(python, "-c", LOG_MEL, cwd=self.folder).stdout
        self.assertIn("(100, 80) %s/lib/" % venv, said)
        folder = os.path.dirname(said.split(") ", 1)[1].strip())
        for library in glob.glob(os.path.join(folder, "*.so*")):
            for line in run("ldd", library).stdout.splitlines():
                if "libhwy" in line or "libmelstream" in line:
                    self.assertIn("=> %s/" % folder, line)
        self.assertEqual(run(python, "-c", "import melstream; print(melstream.connect.__name__)").stdout, "connect\n")


if __name__ == "__main__":
    unittest.main()
