"""What a subscriber saw, taken apart: segments of rows, and the holes between them."""
import json
import os
import subprocess

import numpy

import harness


class Segment:
    """Rows without a hole."""

    def __init__(self, block):
        self.first_frame = block["first_frame"]
        self.first_sample = block["first_sample"]
        self.rows = []
        self.concealed = []  # share, a block

    def features(self):
        return numpy.array(self.rows, numpy.float32)


class Recording:
    """A `melstream subscribe` of a stream, from its first frame, that waits for it to come."""

    def __init__(self, daemon, stream, front_end, *arguments):
        self.path = os.path.join(daemon.folder, "%s.%s.jsonl" % (stream, front_end))
        self.process = daemon.start_client("subscribe", stream, "--front-end", front_end, "--wait", "--start", "frame:0",
                                           "--out", self.path, *arguments)

    def finish(self, timeout=harness.DEADLINE_S):
        """Waits for the stream's end, and reads what came."""
        _, errors = self.process.communicate(timeout=timeout)
        # 1: it ended with an error or has gaps; the lines say which.
        if self.process.returncode not in (0, 1):
            raise AssertionError("subscribe ended with %d: %s" % (self.process.returncode, errors.decode()))
        with open(self.path, encoding="utf-8") as file:
            self.responses = [json.loads(line) for line in file]
        self.holes = [one for one in self.responses if one["type"] in ("gap", "discontinuity")]
        self.end = next((one for one in self.responses if one["type"] == "end"), None)
        self.segments = []
        begins = True
        for one in self.responses:
            if one["type"] == "block":
                if begins:
                    self.segments.append(Segment(one))
                begins = False
                self.segments[-1].rows += one["values"]
                self.segments[-1].concealed.append(one["concealed_share"])
            elif one["type"] in ("gap", "discontinuity"):
                begins = True
        return self

    def lost_source_samples(self):
        return sum(hole["lost_source_samples"] for hole in self.holes)

    def features(self):
        """Of a stream without holes."""
        if self.holes or len(self.segments) != 1:
            raise AssertionError("not one segment: %s" % self.holes)
        return self.segments[0].features()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def run(command, timeout=harness.DEADLINE_S, **keywords):
    """Runs a program that somebody else wrote to its end."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False, **keywords)
    if result.returncode != 0:
        raise AssertionError("%s ended with %d: %s" % (command[0], result.returncode, result.stderr.decode(errors="replace")))
    return result
