"""Histories made by hand, good ones, and what the tests of the checks have in common."""
import os
import sys
import unittest
import zlib

import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import framing  # noqa: E402
import history as model  # noqa: E402
import validator  # noqa: E402

S = 10 ** 9
RECEIVED = 100 * S  # when sample 0 came
EPOCH = "77"


def crc(epoch, sample):
    return zlib.crc32(b"%s %d" % (epoch.encode(), sample))


def start(first_frame=0, epoch=EPOCH, stream="a"):
    return {"type": "start", "stream": stream, "epoch": epoch, "first_frame": first_frame, "first_sample": 160 * first_frame}


def block(first_frame, n_frames, first_sample=None, epoch=EPOCH, stream="a", flags=0):
    sample = 160 * first_frame if first_sample is None else first_sample
    return {"type": "block", "stream": stream, "epoch": epoch, "first_frame": first_frame, "n_frames": n_frames,
            "first_sample": sample, "capture_ns": RECEIVED + sample * 62500, "received_ns": RECEIVED + sample * 62500,
            "flags": flags, "crc": [crc(epoch, sample + 160 * i) for i in range(n_frames)]}


def gap(first_frame, n_frames, reason, next_sample=0, lost=0, epoch=EPOCH, stream="a"):
    return {"type": "gap", "stream": stream, "epoch": epoch, "first_frame": first_frame, "n_frames": n_frames,
            "reason": reason, "next_sample": next_sample, "lost_samples": lost, "lost_source_samples": lost}


def discontinuity(next_frame, next_sample, lost, epoch=EPOCH, stream="a"):
    return {"type": "discontinuity", "stream": stream, "epoch": epoch, "next_frame": next_frame, "reason": "NET_LOSS",
            "next_sample": next_sample, "lost_samples": lost, "lost_source_samples": lost}


def end(next_frame, reason="COMPLETED", epoch=EPOCH, stream="a"):
    return {"type": "end", "stream": stream, "epoch": epoch, "next_frame": next_frame, "reason": reason}


def failure(next_frame, message, epoch=EPOCH, stream="a"):
    return {"type": "failure", "stream": stream, "epoch": epoch, "next_frame": next_frame, "message": message,
            "code": "RESOURCE_EXHAUSTED" if message.startswith("too slow") else "FAILED_PRECONDITION"}


def session(name, responses, **fields):
    n_frames = sum(one["n_frames"] for one in responses if one["type"] == "block")
    n_gaps = sum(one["type"] == "gap" for one in responses)
    request = {"front_end": "whisper-80", "many": False, "streams": ["a"], "wait": True, **fields.pop("request", {})}
    values = {"exit_code": 0, "error": "melstream: %d frames, %d gaps\n" % (n_frames, n_gaps), "began_ns": RECEIVED,
              "ended_ns": RECEIVED + 9 * S}
    return model.Session(name, name.split(".")[0], request, responses, **{**values, **fields})


def totals(accepted, dropped, timeline, gaps):
    return {"stream": "a", "epoch": EPOCH, "offered_samples": accepted + dropped, "accepted_samples": accepted,
            "dropped_samples": dropped, "concealed_samples": 0, "timeline_samples": timeline, "gap_samples": gaps,
            "losses": {"NET_LOSS": dropped} if dropped else {}}


def good():
    """Stream a: samples 0 to 3200, 400 lost, 3600 to 8000: 20 frames, a gap of 3, 27 from frame 23 on. One reader has all of
    it, one came late, one is resumed."""
    lives = [model.Life("a.0", "a", 0, "push", 1, 8000, epoch=EPOCH, totals=totals(7600, 400, 8000, 400),
                        listed={"state": "ended", "timeline_samples": 8000, "gap_samples": 400, "concealed_samples": 0},
                        exit_code=0, began_ns=RECEIVED, ended_ns=RECEIVED + 9 * S)]
    hole = gap(20, 3, "NET_LOSS", 3600, 400)
    whole = [start(), block(0, 12, flags=1), block(12, 8, flags=2), hole, block(23, 20, 3600, flags=1),
             block(43, 7, 3600 + 20 * 160, flags=2), end(50)]
    late = [start(2), gap(2, 3, "HISTORY_EVICTED", 800), block(5, 15), hole, block(23, 27, 3600, flags=3), end(50)]
    cut = [start(), block(0, 12)]
    resumed = [start(12), block(12, 8), hole, block(23, 27, 3600, flags=3), end(50)]
    token = {"stream": "a", "epoch": EPOCH, "next_frame": 12}
    sessions = [session("w.0", whole), session("s.0", late), session("r.0", cut, killed=True, exit_code=None),
                session("r.1", resumed, request={"resumes": [token]})]
    info = {"queued_bytes": 10, "queued_bytes_peak": 20, "queued_bytes_limit": 30}
    counters = {"samples_offered": 8000, "samples_accepted": 7600, "samples_dropped": 400, "packets": 20,
                "packets_late": 0, "packets_lost": 1}
    polls = [{"t_ns": RECEIVED, "instance": 0, "info": info, "streams": [
        {"stream": "a", "epoch": EPOCH, "state": "live", "timeline_samples": 4000, "gap_samples": 400, "labels": {}}],
              "sources": [{"id": "a", "labels": {"life": "a.0"}, "counters": counters}]}]
    network = [{"life": "a.0", "packet_samples": 400, "sent": 20, "n_dropped": 1}]
    delivered = {"frames_delivered": 47 + 42 + 12 + 35, "frames_gapped": 3 + 6 + 3}
    instances = [model.Instance(0, RECEIVED - S, RECEIVED + 30 * S, "drain", 0, totals=delivered)]
    return model.History(lives=lives, sessions=sessions, instances=instances, polls=polls, network=network)


def good_reference():
    samples = [160 * i for i in range(20)] + [3600 + 160 * i for i in range(27)]
    return {(EPOCH, ("whisper-80", "none", "none", "f32")): {sample: crc(EPOCH, sample) for sample in samples}}


def two_lives():
    """Stream a ends and is opened anew; a token of the first life comes after it was forgotten."""
    history = good()
    token = {"stream": "a", "epoch": EPOCH, "next_frame": 12}
    history.lives.append(model.Life("a.1", "a", epoch="88", began_ns=RECEIVED + 10 * S))
    history.instances[0].totals = None
    history.sessions.append(session("r.2", [], exit_code=1, error="melstream: EPOCH_CHANGED: gone (FAILED_PRECONDITION)",
                                    request={"resumes": [token]}, began_ns=RECEIVED + 20 * S))
    return history


def many():
    """A subscription to two streams at once, whose call is interrupted at the end of the run."""
    history = good()
    history.instances[0].totals = None
    both = [start(), start(0, "5", "b"), block(0, 12), block(0, 4, epoch="5", stream="b"), block(12, 8),
            gap(20, 3, "NET_LOSS", 3600, 400), failure(4, "too slow", "5", "b"), block(23, 27, 3600), end(50)]
    history.sessions.append(session("m.0", both, interrupted=True, request={
        "many": True, "streams": "all", "policy": "disconnect"}))
    return history


class Checks(unittest.TestCase):
    def assert_holds(self, check, history, *more):
        self.assertEqual(check(history, *more), [])

    def assert_broken(self, check, history, words, *more):
        wrong = check(history, *more)
        self.assertTrue(wrong, "nothing was found")
        self.assertTrue(any(words in sentence for sentence in wrong), "%r is not in %s" % (words, wrong))

    def broken(self, check, words, change, make=good):
        """The check finds nothing in the history, and finds it once it is changed."""
        history = make()
        self.assert_holds(check, history)
        change(history)
        self.assert_broken(check, history, words)
