#!/usr/bin/env python3
"""Writes the manual pages: those of the programs from their --help and a frame of prose, that of the config from its comments.

  packaging/manual/make_man.py --bin FOLDER --config config/melstream.toml --version 1.2.3 --out FOLDER

Exit status: 0 written, 1 what it reads is not as it should be.
"""
import argparse
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cli_help  # noqa: E402
import config_pages  # noqa: E402
import roff  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def option_tag(entry):
    tag = ", ".join(roff.bold(name) for name in entry.names)
    value = entry.value.replace(" REQUIRED", "").strip()
    value = re.sub(r"^(\w+):\1\b", r"\1", value)  # INT:INT in [1 - 10]
    return tag + (" " + roff.italic(value) if value else "")


def option_text(entry):
    text = entry.text if entry.text.endswith(".") else entry.text + "."
    return text + (" Required." if " REQUIRED" in entry.value else "")


def option_list(options):
    return "".join(roff.tagged(option_tag(entry), option_text(entry)) for entry in options)


def footer(help_):
    """Prose as paragraphs, what is typed as it stands. A paragraph ends at an empty line, or with a full stop or a colon at
    a line's end."""
    text, prose, typed = "", [], []
    for line in [*help_.footer.split("\n"), ""]:
        if line.startswith("  "):
            typed.append(line[2:])
            continue
        if typed:
            text, typed = text + roff.verbatim("\n".join(typed)), []
        if line.strip():
            prose.append(line)
        if prose and (not line.strip() or line.endswith((".", ":"))):
            text, prose = text + roff.paragraph(" ".join(prose)), []
    return text


def commands(help_):
    text = ""
    for command in help_.commands:
        text += roff.subheading(command.usage)
        text += roff.escape(command.description + ".") + "\n"
        text += option_list(command.positionals) + option_list(command.options[1:] if command.options else [])
        text += footer(command)
    return text


def program_page(name, section, help_, version):
    """The frame has lines `@OPTIONS@`, `@COMMANDS@` and `@NOTES@`; the rest is roff."""
    with open(os.path.join(HERE, "%s.%s.in" % (name, section)), encoding="utf-8") as file:
        frame = file.read()
    parts = {"@TITLE@\n": roff.title(name, section, version), "@OPTIONS@\n": option_list(help_.options),
             "@COMMANDS@\n": commands(help_), "@NOTES@\n": footer(help_)}
    for mark, text in parts.items():
        frame = frame.replace(mark, text)
    return frame


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of melstreamd and melstream")
    parser.add_argument("--config", required=True, help="the packaged config, with every key")
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", required=True, help="folder, made if it is not there")
    options = parser.parse_args()
    with open(options.config, encoding="utf-8") as file:
        config = file.read()
    try:
        pages = {
            "melstreamd.8": program_page("melstreamd", "8", cli_help.read(os.path.join(options.bin, "melstreamd")),
                                         options.version),
            "melstream.1": program_page("melstream", "1", cli_help.read(os.path.join(options.bin, "melstream")),
                                        options.version),
            "melstream.toml.5": config_pages.page(config, options.version),
        }
    except (cli_help.FormatError, config_pages.FormatError) as error:
        print("make_man: %s" % error, file=sys.stderr)
        return 1
    os.makedirs(options.out, exist_ok=True)
    for name, text in pages.items():
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
