"""The engine in programs of others: installed, found by find_package(melstream), and exact."""
import os
import shutil
import subprocess
import tempfile
import unittest

import numpy

import harness

SOURCE = os.path.normpath(os.path.join(harness.HERE, "..", ".."))


class Embedding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="melstream-embed-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.prefix = os.path.join(cls.folder, "prefix")
        run_tool("cmake", "--install", os.path.dirname(harness.bin_folder), "--prefix", cls.prefix, "--component", "devel")

    def test_cpp_finds_the_package_and_is_exact(self):
        self.assert_exact(self.build_by_cmake("embed"))

    def test_c_finds_the_package_and_is_exact(self):
        self.assert_exact(self.build_by_cmake("c", "log_mel"))

    def test_c_by_pkg_config_is_exact(self):
        libraries = os.path.dirname(self.find("melstream-engine.pc"))
        flags = run_tool("pkg-config", "--cflags", "--libs", "melstream-engine", PKG_CONFIG_PATH=libraries).split()
        program = os.path.join(self.folder, "by_pkg_config")
        source = os.path.join(SOURCE, "examples", "c", "log_mel.c")
        run_tool("cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", source, "-o", program, *flags)
        self.assert_exact(program, LD_LIBRARY_PATH=os.path.dirname(libraries))

    def test_an_unknown_front_end_is_named(self):
        program = self.build_by_cmake("c", "log_mel")
        result = subprocess.run([program, "whisper-81"], input=b"", capture_output=True, timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"did you mean 'whisper-80'", result.stderr)

    def test_the_library_has_its_own_symbols_alone_and_needs_nothing_of_the_daemon(self):
        library = self.find("libmelstream_engine.so.1")
        symbols = run_tool("nm", "-D", "--defined-only", library).split("\n")
        names = {line.split()[-1] for line in symbols if " T " in line or " D " in line or " B " in line}
        self.assertIn("melstream_extract@@MELSTREAM_ENGINE_1", names)
        self.assertEqual([name for name in names if not name.startswith("melstream_")], [])
        needed = run_tool("readelf", "-d", library)
        for other in ("grpc", "protobuf", "boost", "portaudio", "soxr", "sndfile"):
            self.assertNotIn(other, needed)

    def build_by_cmake(self, example, program=None):
        build = os.path.join(self.folder, example)
        run_tool("cmake", "-S", os.path.join(SOURCE, "examples", example), "-B", build, "-DCMAKE_PREFIX_PATH=" + self.prefix)
        run_tool("cmake", "--build", build)
        return os.path.join(build, program or example)

    def find(self, name):
        return next(os.path.join(folder, name) for folder, _, names in os.walk(self.prefix) if name in names)

    def assert_exact(self, program, **environment):
        samples = numpy.frombuffer(harness.pcm16("espeak"), "<i2").astype("<f4") / 32768
        result = subprocess.run([program], input=samples.tobytes(), capture_output=True, timeout=harness.DEADLINE_S,
                                env={**os.environ, **environment}, check=True)
        features = numpy.frombuffer(result.stdout, "<f4").reshape(-1, 80)
        report = harness.compare_with_golden("whisper80_raw", "espeak", features)
        self.assertTrue(report["pass"], report)


def run_tool(*command, **environment):
    """What it prints. Raises AssertionError with all of that if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=harness.DEADLINE_S,
                            env={**os.environ, **environment}, check=False)
    if result.returncode != 0:
        raise AssertionError(result.stdout + result.stderr)
    return result.stdout


if __name__ == "__main__":
    unittest.main()
