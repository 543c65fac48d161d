"""melstream.compat: what importing its parts imports."""
import subprocess
import sys
import unittest

from compat_case import CompatTest, module_or_skip

ORIGINALS = ("whisper", "transformers", "torchaudio", "kaldi_native_fbank", "nemo", "librosa")


def imported_with(*modules):
    """Names of all modules of a fresh process that imports these."""
    program = "import sys, %s; print(' '.join(sys.modules))" % ", ".join(modules)
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split())


class CompatImports(CompatTest):
    def test_numpy_is_enough_for_the_parts_without_tensors(self):
        found = imported_with("melstream.compat", "melstream.compat.transformers", "melstream.compat.kaldi_native_fbank")
        self.assertIn("melstream.compat.transformers", found)
        self.assertFalse(found & {"torch", *ORIGINALS})

    def test_parts_with_tensors_import_none_of_the_originals(self):
        module_or_skip("torch")
        found = imported_with("melstream.compat.whisper", "melstream.compat.torchaudio", "melstream.compat.nemo")
        self.assertIn("torch", found)
        self.assertFalse(found & set(ORIGINALS))


if __name__ == "__main__":
    unittest.main()
