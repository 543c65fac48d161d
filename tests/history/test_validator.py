#!/usr/bin/env python3
"""Each check of validator.py on a history made by hand: nothing is wrong with the good one, and each way to break its
invariant is found. Run by run.py; alone: tests/history/test_validator.py."""
import copy
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

    def test_the_good_ones_are_good(self):
        for make in (good, two_lives, many):
            with self.subTest(make=make.__name__):
                self.assertEqual(validator.check_all(make(), good_reference()), [])


class I1(Checks):
    def change_totals(self, key, by):
        def change(history):
            history.lives[0].totals[key] += by
        return change

    def test_offered(self):
        self.broken(validator.check_i1, "offered", self.change_totals("offered_samples", 1))

    def test_reasons(self):
        def change(history):
            history.lives[0].totals["losses"]["NET_LOSS"] -= 1
        self.broken(validator.check_i1, "over reasons", change)

    def test_timeline(self):
        self.broken(validator.check_i1, "timeline", self.change_totals("gap_samples", -160))

    def test_counters_of_a_source(self):
        def change(history):
            history.polls[0]["sources"][0]["counters"]["samples_accepted"] -= 5
        self.broken(validator.check_i1, "source a", change)

    def test_gaps_longer_than_the_timeline(self):
        def change(history):
            history.polls[0]["streams"][0]["gap_samples"] = 4001
        self.broken(validator.check_i1, "in a timeline of", change)

    def test_what_the_network_lost_is_counted(self):
        def change(history):
            history.network[0]["n_dropped"] = 2
        self.broken(validator.check_i1, "2 packets were lost on the way, 1 were counted", change)

    def test_what_the_network_lost_is_dropped(self):
        def change(history):
            history.network[0]["packet_samples"] = 320
        self.broken(validator.check_i1, "320 samples were lost on the way, 400 were dropped", change)
        history = good()
        change(history)
        history.faults.append({"do": "stop_daemon", "t_ns": RECEIVED})
        self.assert_holds(validator.check_i1, history)

    def test_what_the_network_lost_is_told(self):
        def change(history):
            history.sessions[0].responses[3]["lost_source_samples"] = 320
        self.broken(validator.check_i1, "were told", change)


class I2(Checks):
    def change_block(self, place, **fields):
        def change(history):
            history.sessions[0].responses[place].update(fields)
        return change

    def test_counts(self):
        self.assertEqual([framing.rows_of("whisper-80").of(n) for n in (0, 200, 201, 319, 320)], [0, 0, 1, 1, 2])
        self.assertEqual([framing.rows_of("kaldi-80").of(n) for n in (79, 80, 239, 240)], [0, 1, 1, 2])
        self.assertEqual([framing.rows_of("nemo-80").of(n) for n in (159, 160, 320)], [0, 1, 2])
        self.assertEqual([framing.rows_of("paraformer-560").of(n) for n in (399, 400, 400 + 5 * 160, 400 + 6 * 160)],
                         [0, 1, 1, 2])
        self.assertEqual([framing.rows_of("whisper-80", "box3x3-valid").of(n) for n in (320, 480)], [0, 1])

    def test_a_block_moves_within_its_segment(self):
        self.broken(validator.check_i2, "no gap was told", self.change_block(2, first_sample=12 * 160 + 1))

    def test_a_segment_ends_unseen(self):
        self.broken(validator.check_i2, "a segment ends before frame 12", self.change_block(1, flags=3))

    def test_a_segment_begins_unseen(self):
        self.broken(validator.check_i2, "a segment ends before frame 12", self.change_block(2, flags=3))

    def test_a_frame_too_many(self):
        def change(history):
            for one in history.sessions[0], history.sessions[1], history.sessions[3]:
                hole = next(item for item in one.responses if item["type"] == "gap" and item["reason"] == "NET_LOSS")
                last = one.responses[one.responses.index(hole) - 1]
                last["n_frames"] += 1
                hole.update(first_frame=21, n_frames=2)
        self.broken(validator.check_i2, "has 20 frames", change)

    def test_a_wrong_grid(self):
        def change(history):
            for place in (4, 5):
                history.sessions[0].responses[place]["first_sample"] += 80
        self.broken(validator.check_i2, "not of the grid", change)

    def test_a_wrong_first_index(self):
        def change(history):
            responses = history.sessions[0].responses
            responses[3]["n_frames"] = 4
            responses[4]["first_frame"] += 1
            responses[5]["first_frame"] += 1
        self.broken(validator.check_i2, "not of the grid", change)

    def test_an_end_too_late(self):
        def change(history):
            history.sessions[0].responses[-1]["next_frame"] = 51
        self.broken(validator.check_i2, "its segments make 50", change)


class I3(Checks):
    def test_a_frame_is_nowhere(self):
        def change(history):
            del history.sessions[0].responses[2]
        self.broken(validator.check_i3, "50 frames were published, 39 delivered", change)

    def test_ends_differ(self):
        def change(history):
            history.sessions[1].responses[-2]["n_frames"] = 26
            history.sessions[1].responses[-1]["next_frame"] = 49
        self.broken(validator.check_i3, "ends before frame", change)

    def test_reasons_differ(self):
        def change(history):
            history.sessions[1].responses[-1]["reason"] = "SOURCE_LOST"
        self.broken(validator.check_i3, "ended as", change)


    def test_a_life_is_told_to_who_follows_many(self):
        def change(history):
            history.lives.append(model.Life("c.0", "c", epoch="9", labels={"room": "hall"}, began_ns=RECEIVED + 4 * S))
        self.broken(validator.check_i3, "nothing was told of life c.0", change, many)
        for streams, is_told in ((["a", "b"], True), (["a", "c"], False), ("room=hall", False), ("room=lab", True)):
            with self.subTest(streams=streams):
                history = many()
                change(history)
                history.sessions[-1].request["streams"] = streams
                self.assertEqual(validator.check_i3(history) == [], is_told)
        history = many()
        change(history)
        history.sessions[-1].began_ns = RECEIVED + 5 * S
        self.assert_holds(validator.check_i3, history)


class I4(Checks):
    def test_a_hole(self):
        self.broken(validator.check_i4, "frame 12 was due", lambda history: history.sessions[0].responses.pop(2))

    def test_an_overlap(self):
        def change(history):
            history.sessions[0].responses.insert(2, block(11, 1))
        self.broken(validator.check_i4, "where frame 12 was due", change)

    def test_a_wrong_discontinuity(self):
        def change(history):
            history.sessions[0].responses.insert(2, discontinuity(13, 2080, 10))
        self.broken(validator.check_i4, "a discontinuity at frame 13", change)

    def test_a_wrong_end(self):
        def change(history):
            history.sessions[0].responses[-1]["next_frame"] = 49
        self.broken(validator.check_i4, "a end at frame 49", change)

    def test_an_empty_gap(self):
        def change(history):
            history.sessions[0].responses.insert(2, gap(12, 0, "NET_LOSS"))
        self.broken(validator.check_i4, "a gap of 0 frames", change)

    def test_too_few_values(self):
        self.broken(validator.check_i4, "says 12 frames", lambda history: history.sessions[0].responses[1]["crc"].pop())

    def test_something_after_the_end(self):
        self.broken(validator.check_i4, "after an end", lambda history: history.sessions[0].responses.append(block(50, 1)))

    def test_something_before_the_start(self):
        self.broken(validator.check_i4, "before a start", lambda history: history.sessions[0].responses.pop(0))

    def test_another_life(self):
        def change(history):
            history.sessions[0].responses[2]["epoch"] = "78"
        self.broken(validator.check_i4, "a block of a before a start", change)

    def test_two_lives_at_once(self):
        def change(history):
            history.sessions[-1].responses[4:4] = [start(0, "88")]
        self.broken(validator.check_i4, "goes on after the next life", change, many)

    def test_one_of_many(self):
        def change(history):
            history.sessions[-1].responses[6]["next_frame"] = 5
        self.broken(validator.check_i4, "a failure at frame 5", change, many)


class I5(Checks):
    def test_a_gap_too_late(self):
        def change(history):
            responses = history.sessions[0].responses
            responses[3], responses[4] = responses[4], responses[3]
        self.broken(validator.check_i5, "frame 23 came before anything was told of frame 20", change)
        history = good()
        change(history)
        self.assert_broken(validator.check_i5, history, "came after later frames")


class I6(Checks):
    def test_other_bytes(self):
        def change(history):
            history.sessions[3].responses[1]["crc"][3] ^= 1
        self.broken(validator.check_i6, "frame 15 has other bytes", change)

    def test_another_place(self):
        def change(history):
            history.sessions[3].request["resumes"][0]["next_frame"] = 11
        self.broken(validator.check_i6, "the token's is 11", change)

    def test_told_as_slow(self):
        def change(history):
            history.sessions[3].responses[1] = gap(12, 8, "SUBSCRIBER_SLOW")
        self.broken(validator.check_i6, "is told as SUBSCRIBER_SLOW", change)

    def test_evicted_too_early(self):
        def change(history):
            history.sessions[3].responses[1:2] = [gap(12, 4, "HISTORY_EVICTED"), block(16, 4)]
            history.sessions[3].began_ns = RECEIVED + 2 * S
        history = good()
        change(history)
        self.assert_holds(validator.check_i6, history)
        history.always = ["whisper-80"]
        self.assert_broken(validator.check_i6, history, "told as evicted")

    def test_evicted_in_time(self):
        history = good()
        history.sessions[3].responses[1:2] = [gap(12, 4, "HISTORY_EVICTED"), block(16, 4)]
        history.sessions[3].began_ns = RECEIVED + 5 * S
        history.always = ["whisper-80"]
        self.assert_holds(validator.check_i6, history)

    def test_another_epoch(self):
        def change(history):
            history.sessions[3].responses = [start(0, "88"), block(0, 4, epoch="88")]
        self.broken(validator.check_i6, "was sent epoch 88", change)

    def test_the_client_begins_anew_when_refused(self):
        history = two_lives()
        history.sessions[-1].responses = [start(0, "88"), block(0, 4, epoch="88")]
        self.assert_holds(validator.check_i6, history)
        history.sessions[-1].error = ""
        self.assert_broken(validator.check_i6, history, "was sent epoch 88")

    def test_many_go_on_with_the_new_life(self):
        history = two_lives()
        history.sessions[-1].request["many"] = True
        history.sessions[-1].error = ""
        history.sessions[-1].responses = [failure(0, "EPOCH_CHANGED"), start(0, "88"), block(0, 4, epoch="88")]
        self.assert_holds(validator.check_i6, history)
        del history.sessions[-1].responses[0]
        self.assert_broken(validator.check_i6, history, "was sent epoch 88")

    def test_refused_without_need(self):
        def change(history):
            history.sessions[-1].began_ns = RECEIVED + 10 * S
        self.broken(validator.check_i6, "which the daemon still has", change, two_lives)

    def test_nothing_came(self):
        def change(history):
            history.sessions[3].responses = []
        self.broken(validator.check_i6, "nothing came of the token", change)


    def test_reconnecting_goes_on_where_it_was(self):
        def change(history):
            history.sessions[0].responses[3:3] = [start(19)]
        self.broken(validator.check_i6, "goes on at frame 19, it was at 20", change)
        history = good()
        history.sessions[0].responses[3:3] = [start(20)]
        self.assert_holds(validator.check_i6, history)


class I7(Checks):
    def test_slow_without_being_slow(self):
        def change(history):
            history.sessions[1].responses[1]["reason"] = "SUBSCRIBER_SLOW"
        self.broken(validator.check_i7, "as if it were slow", change)

    def test_who_was_stopped_may_be_slow(self):
        history = good()
        history.sessions[1].responses[1]["reason"] = "SUBSCRIBER_SLOW"
        history.sessions[1].hampered = True
        self.assert_holds(validator.check_i7, history)


    def test_a_file_waits_for_those_who_block(self):
        history = good()
        history.sessions[1].responses[1]["reason"] = "SUBSCRIBER_SLOW"
        history.lives[0].pace = "fast"
        self.assert_holds(validator.check_i7, history)
        history.sessions[1].request["policy"] = "block"
        history.sessions[1].hampered = True
        self.assert_broken(validator.check_i7, history, "as if it were slow")

    def test_latencies_are_reported(self):
        history = good()
        for name, p99 in (("before-0.0", "21.5"), ("beside-0.0", "22.5"), ("s.9", "99.0")):
            history.sessions.append(session(name, []))
            history.sessions[-1].error = "melstream: 47 frames, 1 gaps, added latency p50 11.0 ms p99 %s ms" % p99
        self.assertEqual(validator.latencies(history), {"before": [21.5], "beside": [22.5]})


class I8(Checks):
    def change_info(self, **fields):
        return lambda history: history.polls[0]["info"].update(fields)

    def test_over_the_limit(self):
        self.broken(validator.check_i8, "the limit is 30", self.change_info(queued_bytes_peak=31))

    def test_over_the_peak(self):
        self.broken(validator.check_i8, "the peak is told as 20", self.change_info(queued_bytes=21))

    def test_one_subscription(self):
        def change(history):
            history.polls[0]["subscribers"] = [{"queued_bytes": 16}, {"queued_bytes": 15}]
        self.broken(validator.check_i8, "subscriptions have 31 bytes queued", change)

    def test_no_limit(self):
        self.broken(validator.check_i8, "no limit", self.change_info(queued_bytes_limit=0))


class I9(Checks):
    def test_time_falls(self):
        def change(history):
            history.sessions[0].responses[2]["capture_ns"] = RECEIVED - 1
        self.broken(validator.check_i9, "capture time falls", lambda history: [
            one.update(capture_ns=RECEIVED - 1) for session in history.sessions for one in session.responses
            if one["type"] == "block" and one["first_sample"] == 12 * 160])
        history = good()
        change(history)
        self.assert_broken(validator.check_i9, history, "capture time falls")

    def test_two_times(self):
        def change(history):
            history.sessions[1].responses[4]["capture_ns"] += 1
        self.broken(validator.check_i9, "was captured at", change)


class I10(Checks):
    def test_no_end(self):
        self.broken(validator.check_i10, "ended with 0, without an end", lambda history: history.sessions[0].responses.pop())

    def test_enough_frames(self):
        def change(history):
            history.sessions[0].request["frames"] = 46
        history = good()
        history.sessions[0].responses.pop()
        history.sessions[0].request["frames"] = 47
        self.assert_holds(validator.check_i10, history)
        change(history)
        self.assert_broken(validator.check_i10, history, "ended with 0, without an end")

    def test_hangs(self):
        def change(history):
            history.sessions[0].exit_code = None
        self.broken(validator.check_i10, "did not end", change)

    def test_crashes(self):
        def change(history):
            history.sessions[0].exit_code = -11
        self.broken(validator.check_i10, "ended with -11", change)

    def test_an_error_for_no_reason(self):
        def change(history):
            history.sessions[0].exit_code = 69
            history.sessions[0].error = "melstream: connection lost (UNAVAILABLE)"
        self.broken(validator.check_i10, "for no reason", change)
        history = good()
        change(history)
        history.instances[0].stop_ns = RECEIVED + 9 * S
        self.assertFalse([one for one in validator.check_i10(history) if "for no reason" in one])

    def test_a_front_end_that_nobody_asked_for(self):
        history = good()
        history.sessions[1].exit_code = 1
        history.sessions[1].error = "melstream: stream 'a' has ended, and front end 'whisper-80' was not computed while it lived"
        self.assertFalse([one for one in validator.check_i10(history) if "for no reason" in one])
        history.always = ["whisper-80"]
        self.assert_broken(validator.check_i10, history, "for no reason")

    def test_an_error_without_words(self):
        def change(history):
            history.sessions[0].exit_code = 1
            history.sessions[0].error = ""
        self.broken(validator.check_i10, "said nothing", change)

    def test_failures_are_explained(self):
        def change(history):
            history.sessions[-1].request["policy"] = "drop_oldest"
            history.sessions[-1].responses[6].update(code="RESOURCE_EXHAUSTED")
        self.broken(validator.check_i10, "failed for no reason", change, many)

    def test_a_front_end_that_was_forgotten_may_fail(self):
        history = many()
        history.sessions[-1].request["policy"] = "drop_oldest"
        history.sessions[-1].responses[6].update(message="front end 'whisper-80' was not computed while it lived")
        self.assert_holds(validator.check_i10, history)
        history.always = ["whisper-80"]
        self.assert_broken(validator.check_i10, history, "failed for no reason")

    def test_totals_of_many(self):
        def change(history):
            history.sessions[-1].error = "melstream: 2 streams (1 ended), 51 frames, 1 gaps (3 frames)"
            history.sessions[-1].interrupted = False
        history = many()
        change(history)
        self.assert_holds(validator.check_i10, history)
        history.sessions[-1].error = "melstream: 2 streams (1 ended), 50 frames, 1 gaps (3 frames)"
        self.assert_broken(validator.check_i10, history, "it got 51 frames")

    def test_printed_totals(self):
        def change(history):
            history.sessions[0].error = "melstream: 46 frames, 1 gaps (3 frames)"
        self.broken(validator.check_i10, "and says: melstream: 46", change)

    def test_the_daemon_crashes(self):
        def change(history):
            history.instances[0].exit_code = -6
        self.broken(validator.check_i10, "daemon 0", change)

    def test_the_drain_takes_too_long(self):
        def change(history):
            history.instances[0].exit_code = 75
        self.broken(validator.check_i10, "ended with 75", change)
        history = good()
        change(history)
        history.instances[0].may_time_out = True
        self.assert_holds(validator.check_i10, history)

    def test_the_log_says_more(self):
        """The reader that was killed may have missed some."""
        history = good()
        history.instances[0].totals["frames_delivered"] += 4
        self.assert_holds(validator.check_i10, history)
        del history.sessions[2:]
        history.instances[0].totals = {"frames_delivered": 47 + 42, "frames_gapped": 9}
        self.assert_holds(validator.check_i10, history)
        history.instances[0].totals["frames_delivered"] += 4
        self.assert_broken(validator.check_i10, history, "logged frames_delivered 93, its readers got 89")

    def test_the_log_says_less(self):
        def change(history):
            history.instances[0].totals["frames_gapped"] -= 1
        self.broken(validator.check_i10, "logged frames_gapped 11", change)

    def test_list_and_totals(self):
        def change(history):
            history.lives[0].listed["timeline_samples"] = 7999
        self.broken(validator.check_i10, "the list says 7999", change)

    def test_readers_and_totals(self):
        def change(history):
            history.sessions[0].responses[3]["lost_samples"] = 320
        self.broken(validator.check_i10, "gaps of 320 samples were told", change)


class I11(Checks):
    def test_another_value(self):
        reference = good_reference()
        self.assert_holds(validator.check_i11, good(), reference)
        reference[(EPOCH, ("whisper-80", "none", "none", "f32"))][3600 + 160 * 26] ^= 1
        self.assert_broken(validator.check_i11, good(), "frame 49 at sample 7760", reference)

    def test_a_shifted_stream(self):
        history = good()
        for one in history.sessions[0].responses[1:3]:
            one["first_sample"] += 160
        self.assert_broken(validator.check_i11, history, "frame 0 at sample 160", good_reference())

    def test_what_was_made_up_is_nobodys(self):
        history = good()
        history.sessions[0].responses[1]["crc"][0] ^= 1
        self.assert_broken(validator.check_i11, history, "frame 0 at sample 0", good_reference())
        history.sessions[0].responses[1]["concealed_share"] = 0.1
        self.assert_holds(validator.check_i11, history, good_reference())
        self.assertEqual(validator.checked_frames(history, good_reference())[0], 35 + 42 + 12 + 35)

    def test_counts_what_it_checks(self):
        history = good()
        self.assertEqual(validator.checked_frames(history, good_reference()), (47 + 42 + 12 + 35, 47 + 42 + 12 + 35))
        self.assertEqual(validator.checked_frames(history, {}), (0, 47 + 42 + 12 + 35))


class Histories(unittest.TestCase):
    def test_a_torn_line_is_left_out(self):
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), "melstream-torn-%d.jsonl" % os.getpid())
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"type": "start"}\n{"type": "blo')
        try:
            self.assertEqual(model.read_lines(path), [{"type": "start"}])
        finally:
            os.unlink(path)

    def test_crcs_of_values(self):
        rows = [[0.5, -1.0], [0.0, 3.0]]
        line = {"type": "block", "first_frame": 7, "frame_count": 2, "capture_time_ns": 1, "received_time_ns": 2, "values": rows}
        crcs = [zlib.crc32(numpy.array(row, "<f4").tobytes()) for row in rows]
        expected = {"type": "block", "first_frame": 7, "n_frames": 2, "capture_ns": 1, "received_ns": 2, "crc": crcs}
        self.assertEqual(model.normalized(line), expected)
        self.assertEqual(model.normalized({**line, "frame_crc32": crcs}), expected)
        with self.assertRaises(AssertionError):
            model.normalized({**line, "frame_crc32": [crcs[0], crcs[0]]})

    def test_a_second_start_breaks_a_track(self):
        tracks, strays = model.tracks_of(session("x.0", [start(), block(0, 4), start(4), block(4, 4), end(8)]))
        self.assertEqual(len(tracks), 2)
        self.assertTrue(tracks[0].broken)
        self.assertEqual(strays, [])

    def test_a_reconnect_breaks_a_track(self):
        lines = [start(), block(0, 4), start(0, "88"), end(0, epoch="88")]
        for reconnect, broken in ((True, [True, False]), (False, [False, False])):
            tracks, _ = model.tracks_of(session("x.0", lines, request={"reconnect": reconnect}))
            self.assertEqual([track.broken for track in tracks], broken)

    def test_a_refused_token_breaks_a_track(self):
        lines = [start(), block(0, 4), failure(0, "EPOCH_CHANGED: gone"), start(0, "88"), end(0, epoch="88")]
        tracks, strays = model.tracks_of(session("x.0", lines))
        self.assertEqual([track.broken for track in tracks], [True, False])
        self.assertEqual(strays, [lines[2]])

    def test_good_is_not_shared(self):
        self.assertEqual(copy.deepcopy(good()).sessions[0].responses, good().sessions[0].responses)


if __name__ == "__main__":
    unittest.main()
