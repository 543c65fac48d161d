"""What a program's --help says, as a value: the manual pages and the completion are made from it, so they cannot lag
behind. The format is that of CLI11 2.1."""
import dataclasses
import re
import subprocess

DESCRIPTION_COLUMN = 30


class FormatError(Exception):
    """The text is not what CLI11 prints."""


@dataclasses.dataclass
class Entry:
    """A line of "Options", "Positionals" or "Subcommands": `-h,--help`, `--block INT:INT in [1 - 1000]=4`."""
    spec: str
    text: str

    @property
    def names(self):
        """["-h", "--help"] of an option, ["STREAM"] of a positional, ["push"] of a subcommand."""
        return self.spec.split()[0].split(",")

    @property
    def value(self):
        """The option's value as --help shows it, "" for a flag."""
        rest = self.spec[len(self.spec.split()[0]):].strip()
        return "" if rest.startswith("Excludes:") else rest

    @property
    def choices(self):
        """["human", "json"] of `--log-format TEXT:{human,json}`."""
        found = re.search(r":\{([^}]*)\}", self.value)
        return found.group(1).split(",") if found else []


@dataclasses.dataclass
class Help:
    """name: "melstream push"; sections: by their heading, without the colon; footer: what follows them."""
    name: str
    description: str
    usage: str
    sections: dict
    footer: str
    commands: list

    def entries(self, heading):
        return self.sections.get(heading, [])

    @property
    def options(self):
        return [entry for entries in self.sections.values() for entry in entries if entry.names[0].startswith("-")]

    @property
    def positionals(self):
        return self.entries("Positionals")


def parse(name, text):
    """Raises FormatError with the line that it does not understand."""
    lines = text.split("\n")
    if not any(line.startswith("Usage: ") for line in lines):
        raise FormatError("%s --help has no line 'Usage: '" % name)
    at = next(i for i, line in enumerate(lines) if line.startswith("Usage: "))
    help_ = Help(name, " ".join(lines[:at]).strip(), lines[at][len("Usage: "):].strip(), {}, "", [])
    at += 1
    while at < len(lines):
        if re.fullmatch(r"[A-Z][A-Za-z ]*:", lines[at]) and at + 1 < len(lines) and re.match(r"  \S", lines[at + 1]):
            at = parse_section(lines, at, help_)
        elif lines[at].strip():
            help_.footer = "\n".join(lines[at:]).rstrip()
            break
        else:
            at += 1
    return help_


def parse_section(lines, at, help_):
    """Returns the first line behind it. The examples of a footer look like a section."""
    heading = lines[at][:-1]
    if heading in ("Example", "Examples"):
        help_.footer = "\n".join(lines[at:]).rstrip()
        return len(lines)
    entries = []
    at += 1
    while at < len(lines) and lines[at].startswith("  "):
        line = lines[at]
        at += 1
        follows = []
        while at < len(lines) and lines[at].startswith(" " * DESCRIPTION_COLUMN):
            follows.append(lines[at].strip())
            at += 1
        spec, text = line.strip(), ""
        if len(line) > DESCRIPTION_COLUMN and line[DESCRIPTION_COLUMN - 1] == " " and not follows:
            spec, text = line[:DESCRIPTION_COLUMN].strip(), line[DESCRIPTION_COLUMN:].strip()
        elif len(line) > DESCRIPTION_COLUMN and "  " in line.strip():
            spec, text = re.split(r" {2,}", line.strip(), maxsplit=1)
        text = " ".join([text, *follows]).strip()
        if not text:
            raise FormatError("%s --help: no description in '%s'" % (help_.name, line))
        entries.append(Entry(spec, text))
    help_.sections[heading] = entries
    return at


def read(program, *words):
    """Asks the program, and about each of its subcommands."""
    name = " ".join([program.rsplit("/", 1)[-1], *words])
    result = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True,
                            stdin=subprocess.DEVNULL, timeout=60)
    help_ = parse(name, result.stdout)
    help_.commands = [read(program, *words, entry.names[0]) for entry in help_.entries("Subcommands")]
    return help_
