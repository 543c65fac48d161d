"""melstream.toml(5), from the comments of config/melstream.toml. A paragraph of it is a comment that explains, then lines
`# key = value` with the defaults; or explains a whole section; or ends with an example of several lines."""
import re

import roff

KEY = re.compile(r"#? ?([a-z_0-9]+) = (.*)")
SECTION = re.compile(r"\[([a-z_0-9.]+)\]")


class FormatError(Exception):
    """The config is not written as above."""


def paragraphs(text):
    return [block.split("\n") for block in re.split(r"\n\s*\n", text.strip())]


def without_mark(line):
    return line[2:] if line.startswith("# ") else line[1:] if line.startswith("#") else line


def split_example(lines):
    """(prose, example): the example begins with a commented table header."""
    for i, line in enumerate(lines):
        if re.match(r"#? ?\[\[", line):
            return lines[:i], lines[i:]
    return lines, []


def section_of(lines):
    """(name, lines before its header, lines behind it) of a paragraph that opens a section, else (None, [], lines)."""
    for i, line in enumerate(lines):
        found = SECTION.fullmatch(line.strip())
        if found:
            return found.group(1), lines[:i], lines[i + 1:]
    return None, [], lines


def split_keys(lines):
    """(prose, [(key, default)]): the keys are the last lines."""
    keys = []
    while lines and KEY.fullmatch(lines[-1]):
        keys.insert(0, KEY.fullmatch(lines[-1]).groups())
        lines = lines[:-1]
    return lines, keys


def block(lines):
    """One paragraph as roff."""
    prose, example = split_example(lines)
    keys = []
    if not example:
        prose, keys = split_keys(prose)
    words = " ".join(without_mark(line) for line in prose).strip()
    if keys:
        if not words:
            raise FormatError("the config says nothing about '%s'" % keys[0][0])
        tags = ["%s = %s" % (roff.bold(key), roff.escape(value)) for key, value in keys]
        return roff.tagged("\n.TQ\n".join(tags), words)
    text = roff.paragraph(words) if words else ""
    if example:
        text += roff.verbatim("\n".join(without_mark(line) for line in example))
    return text


def page(config, version):
    """The whole page. Raises FormatError."""
    first, *others = paragraphs(config)
    text = roff.title("melstream.toml", "5", version)
    text += roff.heading("Name") + "melstream.toml \\- configuration of melstreamd\n"
    text += roff.heading("Description")
    text += roff.paragraph("The daemon reads this file (TOML) at its start: the one that --config names, else "
                           "/etc/melstream/melstream.toml if it exists, else it takes the defaults.")
    text += roff.paragraph("`melstreamd --check-config` finds all mistakes at once, with line and column, and prints the memory "
                           "plan; `melstreamd --print-config` prints what is in effect. " + purpose(first))
    for lines in others:
        name, before, lines = section_of(lines)
        if name:
            text += roff.heading("Section [%s]" % name) + (block(before) if before else "")
        prose, example = split_example(lines)
        if example and prose:
            header = re.search(r"\[\[([a-z_.]+)\]\]", example[0])
            text += roff.heading("Sections [[%s]]" % header.group(1))
        if lines:
            text += block(lines)
    text += roff.heading("See also") + "\\fBmelstreamd\\fR(8), \\fBmelstream\\fR(1)\n"
    return text


def purpose(lines):
    """The file's head is about the file; a reader of the page needs one sentence of it."""
    if not lines or not lines[0].startswith("#"):
        raise FormatError("the config does not begin with a comment")
    return "The value shown for a key is its default."
