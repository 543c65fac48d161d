"""Manual pages and completion against what the programs and the config have, found here in other ways than by what makes them."""
import os
import re
import shlex
import sys
import tempfile
import unittest

from surroundings import PACKAGING, ROOT, need, program, run

CONFIG = os.path.join(ROOT, "config", "melstream.toml")


def help_text(*words):
    return run(program(words[0]), *words[1:], "--help").stdout


def options_in(text):
    """The options that a help text lists: they begin a line."""
    return set(re.findall(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)", text, re.MULTILINE))


def commands_in(text):
    return re.findall(r"^  ([a-z][a-z-]*) ", text.split("Subcommands:")[1], re.MULTILINE)


def keys_in_config():
    """(section, key) of every `# key = value`, and of the tables that users repeat."""
    keys, section = [], None
    with open(CONFIG, encoding="utf-8") as file:
        for line in file:
            found = re.match(r"(?:# ?)?\[+([a-z_.]+)\]+\s*$", line)
            section = found.group(1) if found else section
            found = re.match(r"#? ?([a-z_0-9]+) = ", line)
            if found:
                keys.append((section, found.group(1)))
    return keys


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need("man")
        folder = tempfile.TemporaryDirectory(prefix="melstream-man-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        run(sys.executable, os.path.join(PACKAGING, "manual", "make_man.py"), "--bin", os.path.dirname(program("melstream")),
            "--config", CONFIG, "--version", "1.2.3", "--out", cls.folder)

    def page(self, name):
        """As a reader sees it, on lines so long that nothing is broken."""
        environment = dict(os.environ, MANWIDTH="4000", LC_ALL="C", MAN_KEEP_FORMATTING="", GROFF_NO_SGR="1")
        result = run("man", "--warnings", "--nh", "--nj", "-E", "ascii", "-l", os.path.join(self.folder, name), env=environment)
        self.assertEqual(result.stderr, "")
        return re.sub(".\b", "", result.stdout)

    def test_melstreamd_has_every_option(self):
        page = self.page("melstreamd.8")
        options = options_in(help_text("melstreamd"))
        self.assertIn("--check-config", options)
        for option in options:
            self.assertRegex(page, r"(?m)^ +(-\w, )?%s( |$)" % option)

    def test_melstream_has_every_command_and_option(self):
        page = self.page("melstream.1")
        commands = commands_in(help_text("melstream"))
        self.assertIn("subscribe", commands)
        parts = re.split(r"(?m)^   melstream ", page)
        self.assertEqual([part.split()[0] for part in parts[1:]], commands)
        for command, part in zip(commands, parts[1:]):
            for option in options_in(help_text("melstream", command)) - {"--help"}:
                self.assertRegex(part, r"(?m)^ +%s( |$)" % option, command)

    def test_config_page_has_every_key(self):
        page = self.page("melstream.toml.5")
        keys = keys_in_config()
        self.assertIn(("server", "socket"), keys)
        self.assertIn(("source", "uri"), keys)
        sections = re.split(r"(?m)^SECTIONS? ", page, flags=re.IGNORECASE)
        for section, key in keys:
            part = [text for text in sections if text.lower().startswith(("[%s]" % section, "[[%s]]" % section))]
            self.assertEqual(len(part), 1, section)
            self.assertRegex(part[0], r"(?m)^ +%s = " % key)

    def test_version_is_in_the_footer(self):
        self.assertIn("melstream 1.2.3", self.page("melstreamd.8"))


class Completion(unittest.TestCase):
    """Asked as bash asks it."""

    @classmethod
    def setUpClass(cls):
        need("bash")
        folder = tempfile.TemporaryDirectory(prefix="melstream-completion-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        for name in ("melstream", "melstreamd"):
            run(sys.executable, os.path.join(PACKAGING, "manual", "make_completion.py"), "--program", program(name), "--out",
                os.path.join(cls.folder, name))

    def complete(self, *words):
        """What bash offers for the last word."""
        script = 'source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _%s; printf "%%s\\n" "${COMPREPLY[@]}"' % (
            shlex.quote(os.path.join(self.folder, words[0])), " ".join(map(shlex.quote, words)), len(words) - 1, words[0])
        return set(run("bash", "--norc", "-euc", script).stdout.split())

    def test_every_command(self):
        self.assertEqual(set(commands_in(help_text("melstream"))) - self.complete("melstream", ""), set())

    def test_every_option_of_every_command(self):
        for command in commands_in(help_text("melstream")):
            offered = self.complete("melstream", command, "--")
            self.assertEqual(options_in(help_text("melstream", command)), offered, command)

    def test_every_option_of_the_daemon(self):
        self.assertEqual(self.complete("melstreamd", "--"), options_in(help_text("melstreamd")))

    def test_a_prefix_narrows(self):
        self.assertEqual(self.complete("melstream", "subscriber"), {"subscribers"})
        self.assertEqual(self.complete("melstream", "push", "--takeo"), {"--takeover"})

    def test_choices_of_a_value(self):
        self.assertEqual(self.complete("melstreamd", "--log-format", ""), {"human", "json"})

    def test_a_file_name_is_left_to_bash(self):
        self.assertEqual(self.complete("melstreamd", "--config", ""), set())
