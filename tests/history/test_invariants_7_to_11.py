#!/usr/bin/env python3
"""The checks of I7 to I11 on histories made by hand: each way to break an invariant is found. Run by run.py, or alone."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import validator  # noqa: E402
from handmade import (  # noqa: E402
    block, Checks, crc, end, EPOCH, good, good_reference, many, RECEIVED, S, session, totals,
)


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


if __name__ == "__main__":
    unittest.main()
