"""All workers in turn: in each round every contender computes the case once, in an order that changes, so that what slows the
machine down slows all of them. Ratios are taken within a round."""
import contextlib
import dataclasses
import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from .contenders import CONTENDERS

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass
class Measured:
    """One contender in one case; or why not."""

    contender: str
    case: object
    not_measured: str = ""
    facts: dict = field(default_factory=dict)  # of Worker.prepare()
    times: list = field(default_factory=list)  # ns a clip, one a round
    ratios: list = field(default_factory=list)  # to melstream on the same device, in the same round


def worker_environment(n_threads, path):
    """Libraries as they choose for themselves, but for the number of threads: no settings of the caller for BLAS and OpenMP."""
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith(("OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_"))}
    environment.update({key: str(n_threads) for key in THREADS})
    paths = [path, BENCH, os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(one for one in paths if one)
    environment["TOKENIZERS_PARALLELISM"] = "false"
    return environment


class Seat:
    """A running worker. What it cannot do stays a reason."""

    def __init__(self, name, n_threads, path=None):
        self.name = name
        self.contender = CONTENDERS[name]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "compare.worker", name, str(n_threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env=worker_environment(n_threads, path))
        self.description = self.ask("describe")

    def ask(self, verb, **fields):
        try:
            self.process.stdin.write(json.dumps({"do": verb, **fields}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return json.loads(line)
        self.log.seek(0)
        last = (self.log.read().decode("utf-8", "replace").strip().splitlines() or ["no word"])[-1]
        return {"not_measured": "its process ended with status %s: %s" % (self.process.wait(), last[:200])}

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


def measure(seats, ours, cases, n_rounds):
    """[Measured] of all seats in those cases whose form they have; the cases take turns as well. `ours`: the name to whose
    times the ratios are."""
    found = {}
    for seat in seats:
        seat.ask("clear")
        for case in cases:
            if case.form in seat.contender.forms:
                answer = seat.ask("prepare", **dataclasses.asdict(case))
                found[seat.name, case] = Measured(seat.name, case, answer.pop("not_measured", ""), answer)
    turns = [(seat, case) for seat in seats for case in cases
             if (seat.name, case) in found and not found[seat.name, case].not_measured]
    order = random.Random(1)
    for _ in range(n_rounds):
        order.shuffle(turns)
        for seat, case in turns:
            one = found[seat.name, case]
            answer = {"not_measured": one.not_measured} if one.not_measured else seat.ask("block", task=one.facts["task"])
            if "ns" in answer:
                one.times.append(answer["ns"])
            else:
                one.not_measured = answer["not_measured"]
    for one in found.values():
        base = found.get((ours, one.case))
        if base and not base.not_measured and not one.not_measured:
            one.ratios = [theirs / mine for theirs, mine in zip(one.times, base.times)]
    return list(found.values())


def golden(seats, forms):
    """{(contender, form): what golden.compare() found}."""
    return {(seat.name, form): seat.ask("golden", form=form)
            for seat in seats for form in forms if form in seat.contender.forms}
