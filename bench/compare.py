#!/usr/bin/env python3
"""melstream's engine beside librosa, torchaudio, openai-whisper, transformers, kaldi-native-fbank and asrfront, and on a GPU
beside flashmel and torchaudio: the same features of the same clips, in one run. scripts/bench-compare installs them all and
runs this.

  bench/compare.py [--quick] [--clips 1,10,30] [--batches 1,8,64] [--threads 1,2] [--runs N] [--peers NAME,NAME]
                   [--forms NAME,NAME] [--csv FILE] [--plot FILE]

Prints tables; writes a CSV and a picture. What cannot be measured is named with the reason. How it is measured and what the
words mean: docs/benchmarks.md.
Exit status: 0; 1 nothing could be measured; 64 usage.
"""
import argparse
import os
import platform
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from compare import figures, report, rounds  # noqa: E402
from compare.cases import FORMS, ROOT, Case  # noqa: E402
from compare.contenders import CONTENDERS, OURS  # noqa: E402
from compare.machine import processor  # noqa: E402

BUILD = os.path.join(ROOT, "build", "compare")
OVERHEAD_ROUNDS = 2  # times the rounds of the rest: differences of times need more of them


def numbers(kind):
    return lambda text: [kind(word) for word in text.split(",")]


def words(known):
    def parse(text):
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError("no '%s'; there are: %s" % (unknown[0], ", ".join(known)))
        return names
    return parse


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="clips of 1 and 30 s, batches of 1 and 8, 5 rounds: minutes less")
    parser.add_argument("--clips", type=numbers(float), help="seconds (1,10,30)")
    parser.add_argument("--batches", type=numbers(int), help="clips a call (1,8,64)")
    parser.add_argument("--threads", type=numbers(int), help="(1,2)")
    parser.add_argument("--runs", type=int, help="rounds of each case (9)")
    parser.add_argument("--peers", type=words(CONTENDERS), help="only these, and melstream")
    parser.add_argument("--forms", type=words(FORMS), default=list(FORMS), help="only these: %s" % ", ".join(FORMS))
    parser.add_argument("--csv", default=os.path.join(BUILD, "compare.csv"))
    parser.add_argument("--plot", default=os.path.join(BUILD, "compare.png"), help="'' for none")
    parser.add_argument("--older-knf", help="folder with kaldi-native-fbank 1.21.0")
    parser.add_argument("--missing", help="file with lines NAME<tab>REASON: packages that could not be installed")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as error:
        sys.exit(64 if error.code else 0)
    options.clips = options.clips or ([1.0, 30.0] if options.quick else [1.0, 10.0, 30.0])
    options.batches = options.batches or ([1, 8] if options.quick else [1, 8, 64])
    options.threads = options.threads or [1, 2]
    options.runs = options.runs or (5 if options.quick else 9)
    if options.peers:
        devices = {CONTENDERS[name].device for name in options.peers}
        options.peers = [name for name in CONTENDERS
                         if name in options.peers or name in {OURS[device] for device in devices}]
    else:
        options.peers = list(CONTENDERS)
    return options


def read_missing(path):
    if not path or not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("\t", 1) for line in file)


class Comparison:
    """Gathers what the tables show."""

    def __init__(self, options):
        self.options = options
        self.load_before = os.getloadavg()[0]
        self.missing = read_missing(options.missing)
        self.measured = []
        self.descriptions = {}
        self.goldens = {}
        self.overheads = {}

    def seat(self, names, n_threads):
        """Workers of those that can be had; of the others the reason is kept."""
        seats = []
        for name in names:
            path = self.options.older_knf if CONTENDERS[name].name.endswith("1.21.0") else None
            seat = rounds.Seat(name, n_threads, path)
            reason = seat.description.get("not_measured")
            if reason and CONTENDERS[name].package in self.missing:
                seat.description["not_measured"] = "not installed: " + self.missing[CONTENDERS[name].package]
            self.descriptions[name, n_threads] = seat.description
            if reason:
                seat.close()
            else:
                seats.append(seat)
        return seats

    def run(self):
        for device in OURS:
            names = [name for name in self.options.peers if CONTENDERS[name].device == device]
            # On a GPU the number of threads is nothing to choose.
            for index, n_threads in enumerate(self.options.threads if device == "cpu" else [1]):
                seats = self.seat(names, n_threads)
                try:
                    self.run_seats(seats, names, n_threads, is_first=index == 0)
                finally:
                    for seat in seats:
                        seat.close()

    def run_seats(self, seats, names, n_threads, is_first):
        if not seats:
            return
        ours = OURS[seats[0].contender.device]
        if is_first:
            self.tell("golden clips")
            self.goldens.update(rounds.golden(seats, self.options.forms))
        for form in self.options.forms:
            for n_clips in self.options.batches:
                for seconds in self.options.clips:
                    case = Case(form, seconds, n_clips, n_threads)
                    self.tell("%s, %s, threads %d" % (form, case.size, n_threads))
                    self.measured.extend(rounds.measure(seats, ours, [case], self.options.runs))
        if n_threads == 1:
            self.run_overhead(seats, ours)

    def run_overhead(self, seats, ours):
        for form in figures.OVERHEAD_FORMS:
            if form not in self.options.forms:
                continue
            self.tell("%s, overhead of a call" % form)
            cases = figures.overhead_cases(form)
            found = {}
            for one in rounds.measure(seats, ours, list(cases.values()), OVERHEAD_ROUNDS * self.options.runs):
                if not one.not_measured:
                    found.setdefault(one.contender, {})[one.case] = one
            for name, ones in found.items():
                if len(ones) == len(cases):
                    self.overheads[name, form] = figures.overhead({key: ones[case] for key, case in cases.items()})

    @staticmethod
    def tell(text):
        print("compare: " + text, file=sys.stderr, flush=True)

    def print(self):
        print("%s, %d processors, Python %s; %d rounds; load %.1f before, %.1f after, of which 1 is this run's own"
              % (processor(), os.cpu_count(), platform.python_version(), self.options.runs, self.load_before, os.getloadavg()[0]))
        for name in self.options.peers:
            description = next((found for key, found in self.descriptions.items() if key[0] == name), {})
            print("  %s: %s" % (name, description.get("version") or "not measured: " + description.get("not_measured", "")))
        ours = [name for name in OURS.values() if name in self.options.peers]
        for table in report.time_tables(self.measured, ours):
            print(table)
        for table in (report.golden_table(self.goldens), report.overhead_table(self.overheads),
                      report.memory_table(self.measured), report.device_table(self.measured)):
            print(table)
        print("\nTo be reached\n")
        for line in figures.reach_lines(self.measured, self.overheads):
            print("- " + line)
        reasons = {(one.contender, one.case.size, one.not_measured): one for one in self.measured if one.not_measured}
        for (name, size, reason), one in reasons.items():
            print("\nNot measured: %s, %s, %s: %s" % (name, one.case.form, size, reason))

    def write(self):
        devices = {name: one.device for name, one in CONTENDERS.items()}
        rows = report.rows_of(self.measured, self.descriptions, self.goldens, self.overheads, devices)
        report.write_csv(self.options.csv, rows)
        print("\nCSV: " + os.path.relpath(self.options.csv))
        if not self.options.plot:
            return
        form = "whisper" if "whisper" in self.options.forms else self.options.forms[0]
        try:
            from compare import plot
            plot.draw(self.options.plot, self.measured, form, "%s, one clip a call, one thread" % FORMS[form].what)
            print("picture: " + os.path.relpath(self.options.plot))
        except (ImportError, ValueError) as error:
            print("picture: not drawn: %s" % error)


def main():
    comparison = Comparison(parse_arguments(sys.argv[1:]))
    comparison.run()
    comparison.print()
    comparison.write()
    return 0 if any(one.times for one in comparison.measured) else 1


if __name__ == "__main__":
    sys.exit(main())
