#!/usr/bin/env python3
"""The checks of I1 to I6 on histories made by hand: each way to break an invariant is found. Run by run.py, or alone."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import framing  # noqa: E402
import history as model  # noqa: E402
import validator  # noqa: E402
from handmade import (  # noqa: E402
    block, Checks, crc, discontinuity, end, failure, gap, good, many, RECEIVED, S, start, totals, two_lives,
)


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


if __name__ == "__main__":
    unittest.main()
