#!/usr/bin/env python3
"""Writes bash's completion of a program from its --help: subcommands, options, and values where there are only a few.

  packaging/manual/make_completion.py --program build/dev/bin/melstream --out melstream

Exit status: 0 written, 1 --help is not as it should be.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import cli_help  # noqa: E402

TEMPLATE = """\
# bash completion for {program}. Made from its --help.
_{program}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= word i words=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${{COMP_WORDS[i]}}
    case $word in
{find_command}
    esac
    [ -z "$command" ] || break
  done
  case $command:$previous in
{values}
  esac
  case $command in
{words}
  esac
  # Words of which none fits: names of files (complete -o default).
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _{program} {program}
"""


def case_line(pattern, words):
    return "    %s) words='%s' ;;" % (pattern, " ".join(words))


def value_lines(help_, command):
    """Options that take a value: its choices, or names of files."""
    lines = []
    for entry in help_.options:
        if not entry.value:
            continue
        pattern = "|".join("%s:%s" % (command, name) for name in entry.names)
        answer = 'COMPREPLY=($(compgen -W "%s" -- "$current")); ' % " ".join(entry.choices) if entry.choices else ""
        lines.append("    %s) %sreturn ;;" % (pattern, answer))
    return lines


def option_names(help_):
    return [name for entry in help_.options for name in entry.names]


def completion(help_):
    commands = {command.name.split()[-1]: command for command in help_.commands}
    values = value_lines(help_, "")
    words = []
    for name, command in commands.items():
        values += value_lines(command, name)
        words.append(case_line(name, option_names(command)))
    words.append(case_line("*", [*commands, *option_names(help_)]))
    find = "      %s) command=$word ;;" % "|".join(commands) if commands else "      *) ;;"
    return TEMPLATE.format(program=help_.name, find_command=find, values="\n".join(values), words="\n".join(words))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    try:
        text = completion(cli_help.read(options.program))
    except cli_help.FormatError as error:
        print("make_completion: %s" % error, file=sys.stderr)
        return 1
    os.makedirs(os.path.dirname(os.path.abspath(options.out)), exist_ok=True)
    with open(options.out, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
