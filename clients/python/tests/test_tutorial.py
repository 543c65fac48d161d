"""The code of docs/python.md runs as it stands there."""
import contextlib
import io
import os
import re
import unittest

from case import CONFIG, REPOSITORY
from melstream import testing


class Tutorial(unittest.TestCase):
    def test_every_block(self):
        with open(os.path.join(REPOSITORY, "docs", "python.md"), encoding="utf-8") as file:
            page = file.read()
        blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        self.assertEqual(re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0], CONFIG)
        self.assertGreater(len(blocks), 5)
        names = {"__name__": "tutorial"}
        folder = os.getcwd()
        self.addCleanup(os.chdir, folder)
        os.chdir(REPOSITORY)
        with testing.daemon(CONFIG) as daemon:
            os.environ["MELSTREAM_SERVER"] = daemon.server
            self.addCleanup(os.environ.pop, "MELSTREAM_SERVER")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                for number, block in enumerate(blocks, 1):
                    exec(compile(block, "docs/python.md, block %d" % number, "exec"), names)
        self.assertIn("290 frames", out.getvalue())
        self.assertIn("(1, 80, 3000) float32", out.getvalue())
        self.assertIn("trained on whisper-128, not on whisper-80", out.getvalue())
        self.assertTrue(out.getvalue().rstrip().endswith("['test']"))


if __name__ == "__main__":
    unittest.main()
