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
    def test_the_example_finds_the_package_and_is_exact(self):
        build = os.path.dirname(harness.bin_folder)
        folder = tempfile.mkdtemp(prefix="melstream-embed-")
        self.addCleanup(shutil.rmtree, folder)
        prefix = os.path.join(folder, "prefix")
        self.run_tool("cmake", "--install", build, "--prefix", prefix, "--component", "devel")
        self.run_tool("cmake", "-S", os.path.join(SOURCE, "examples", "embed"), "-B", os.path.join(folder, "build"),
                      "-DCMAKE_PREFIX_PATH=" + prefix)
        self.run_tool("cmake", "--build", os.path.join(folder, "build"))
        samples = numpy.frombuffer(harness.pcm16("espeak"), "<i2").astype("<f4") / 32768
        result = subprocess.run([os.path.join(folder, "build", "embed")], input=samples.tobytes(), capture_output=True,
                                timeout=harness.DEADLINE_S, check=True)
        features = numpy.frombuffer(result.stdout, "<f4").reshape(-1, 80)
        report = harness.compare_with_golden("whisper80_raw", "espeak", features)
        self.assertTrue(report["pass"], report)

    def run_tool(self, *command):
        result = subprocess.run(command, capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
