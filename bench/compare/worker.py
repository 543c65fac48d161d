"""The process of one contender: does what it is told by lines of JSON on standard input, answers by lines on standard output.

A process of its own, so that each has its own thread pools, and its memory can be told from that of the others.
  python -m compare.worker NAME N_THREADS"""
import ctypes
import gc
import json
import math
import os
import sys
import time
import warnings
from dataclasses import dataclass

from .cases import FORMS, Case, make_clips
from .contender import POOL
from .contenders import CONTENDERS
from .device import DeviceMemory, copies_of
from .golden import compare

BLOCK_S = 0.03      # of calls in a round
WARM_S = 0.1        # what is shorter is called once before its time is taken
LIMIT_S = 3.0       # a way that takes longer for one call is left out
TRIALS = 2          # of each way, besides the first call
ONE_THREAD = ", on one thread"  # of two that it may take: waiting for each other can cost more than it gives
SETTLE_S = 0.03     # pools of other processes may spin for a while after their last call


def _status_bytes(key):
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    raise KeyError(key)


def peak_memory(call):
    """Resident bytes before the call, and the most during it. Linux resets the mark of a process at its own request."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = _status_bytes("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    result = call()
    peak = _status_bytes("VmHWM")
    del result
    return {"rss_before": before, "rss_peak": peak}


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@dataclass
class Task:
    case: Case
    way: str
    call: object
    spared: object  # its time is taken off; None
    call_s: float


class Worker:
    def __init__(self, name, n_threads):
        self.contender = CONTENDERS[name](n_threads)
        self.tasks = []
        self.n_threads = None  # that the contender was told last
        self.rss_ready = _status_bytes("VmRSS")
        if self.contender.device == "cuda":
            self.device_memory = DeviceMemory(self.contender.torch)

    def describe(self):
        return {"version": self.contender.version(), "rss_ready": self.rss_ready}

    def golden(self, form):
        return compare(self.contender, FORMS[form])

    def prepare(self, **fields):
        """Chooses the fastest way for the case, which becomes the last task. Memory is looked at in a call after those that
        chose it."""
        case = Case(**fields)
        form, clips = FORMS[case.form], make_clips(case)
        times = {}
        ways = self.contender.ways(form, clips)
        if case.n_threads > 1 and self.contender.has_pools:
            ways.update({way + ONE_THREAD: call for way, call in ways.items() if way != POOL})
        for way, call in ways.items():
            self.enter(way)
            first_s = _seconds(call)
            times[way] = first_s if first_s > LIMIT_S else min(first_s, *(_seconds(call) for _ in range(TRIALS)))
        way = min(times, key=times.get)
        if times[way] > LIMIT_S:
            return {"not_measured": "one call takes %.1f s" % times[way]}
        self.tasks.append(Task(case, way, ways[way], self.contender.spared(form, clips), times[way]))
        self.enter(way)
        found = {"way": way, "task": len(self.tasks) - 1, **peak_memory(ways[way])}
        if self.contender.device == "cuda":
            found.update(self.device_memory.peak_of(ways[way]))
            found.update(copies_of(self.contender.torch, ways[way]))
        return found

    def enter(self, way):
        n_threads = 1 if way == POOL or way.endswith(ONE_THREAD) else self.contender.n_threads
        if n_threads != self.n_threads:
            self.contender.set_threads(n_threads)
            self.n_threads = n_threads

    def clear(self):
        self.tasks = []
        return {}

    def block(self, task):
        """Nanoseconds a clip: the mean of a round's calls."""
        task = self.tasks[task]
        self.enter(task.way)
        if task.case.n_threads > 1:
            time.sleep(SETTLE_S)
        ns = _mean_ns(task.call, task.call_s)
        if task.spared:
            ns -= _mean_ns(task.spared, task.call_s)
        return {"ns": ns / task.case.n_clips}


def _mean_ns(call, call_s):
    if call_s < WARM_S:
        call()  # other processes have pushed its data out of the caches
    n_calls = max(1, math.ceil(BLOCK_S / call_s))
    start = time.perf_counter_ns()
    for _ in range(n_calls):
        call()
    return (time.perf_counter_ns() - start) / n_calls


def main():
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.filterwarnings("ignore")
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if worker is None:
                worker = Worker(sys.argv[1], int(sys.argv[2]))
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # pylint: disable=broad-except
            words = str(error).strip().splitlines() or [""]
            answer = {"not_measured": ("%s: %s" % (type(error).__name__, words[0]))[:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
