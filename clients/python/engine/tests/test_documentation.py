"""The code of docs/library.md runs as it stands there; what needs PyTorch or MAX only with --full."""
import contextlib
import importlib.util
import io
import os
import re
import unittest

from engine_case import IS_FULL, REPOSITORY


class Library(unittest.TestCase):
    def test_every_block(self):
        with open(os.path.join(REPOSITORY, "docs", "library.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```python\n(.*?)^```", file.read(), re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 5)
        names = {"__name__": "library"}
        folder = os.getcwd()
        self.addCleanup(os.chdir, folder)
        os.chdir(REPOSITORY)
        for number, block in enumerate(blocks, 1):
            if not self.can_run(block):
                continue
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block, "docs/library.md, block %d" % number, "exec"), names)
            # What a comment says of a print is what it prints.
            for line in block.splitlines():
                if line.startswith("print(") and "# " in line:
                    said = line.split("# ", 1)[1]
                    if said[0] in "([" or said.startswith("torch.Size"):
                        self.assertIn(said, out.getvalue(), "block %d" % number)

    def can_run(self, block):
        needed = [name for name in ("torch", "max") if re.search(r"\b(import|from|melstream\.) *%s" % name, block)]
        return not needed or (IS_FULL and all(importlib.util.find_spec(name) for name in needed))
