"""Following streams with threads."""
import unittest

import numpy as np

import melstream
from melstream.v1 import admin_service_pb2
from case import DaemonTest, Gate, Task, audio, samples, wait_until


class Subscribe(DaemonTest):
    def test_blocks_are_those_of_the_genuine_front_end(self):
        subscription = self.client.subscribe("jfk", front_end="whisper-80", start="first", wait=True)
        push = Task(self.client.push, "jfk", audio("jfk"))
        blocks = list(subscription)
        self.assert_golden("whisper80_raw", "jfk", self.assert_tiled(blocks))
        self.assertEqual(push.join().accepted_samples, 176000)
        self.assertEqual(subscription.end.reason, "COMPLETED")
        self.assertEqual((subscription.start.bins, subscription.start.hop_samples), (80, 160))
        self.assertTrue(blocks[0].is_segment_start)
        self.assertEqual([block.first_sample for block in blocks], [block.first_frame * 160 for block in blocks])
        self.assertEqual(blocks[0].features.dtype, np.float32)
        self.assertFalse(blocks[0].features.flags.writeable)
        times = [block.capture_time_ns for block in blocks]
        self.assertEqual(times, sorted(times))

    def test_half_floats_on_the_wire_are_float32_here(self):
        self.client.push("half", audio("espeak"))
        exact, half = (
            np.concatenate([block.features for block in self.client.subscribe(
                "half", front_end="whisper-80", start="first", element_type=element_type)])
            for element_type in ("f32", "f16")
        )
        self.assertEqual(half.dtype, np.float32)
        np.testing.assert_array_equal(half, exact.astype(np.float16).astype(np.float32))

    def test_normalization_and_smoothing(self):
        self.client.push("smooth", audio("espeak"))
        fixed = np.concatenate([block.features for block in self.client.subscribe(
            "smooth", front_end="whisper-80", start="first", normalization="fixed_max", fixed_max=0.5)])
        self.assertAlmostEqual(float(fixed.min()), (0.5 - 8 + 4) / 4, 5)
        with self.assertRaisesRegex(melstream.Error, "not computed while it lived"):
            next(self.client.subscribe("smooth", front_end="kaldi-80", start="first"))
        blocks = self.live_blocks("smooth-live", smoothing="box3x3")
        self.assert_golden("smooth3x3_same", "espeak", self.assert_tiled(blocks))
        blocks = self.live_blocks("cmvn-live", cmvn=([10] * 80, [2] * 80))
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(blocks) / 2 - 10)

    def live_blocks(self, stream, **options):
        """Of what is not computed before somebody subscribes."""
        gate = Gate(samples("espeak"), 0)
        push = Task(self.client.push, stream, gate)
        with self.client.subscribe(stream, front_end="whisper-80", wait=True, **options) as subscription:
            events = subscription.events()
            self.assertIsInstance(next(events), melstream.Start)
            gate.open()
            blocks = [event for event in events if isinstance(event, melstream.Block)]
        push.join()
        return blocks

    def test_a_token_leads_right_behind_what_was_handed_out(self):
        self.client.push("token", audio("espeak"))
        first = self.client.subscribe("token", front_end="whisper-80", start="first")
        head = [next(first) for _ in range(7)]
        token = first.resume_tokens["token"]
        first.close()
        self.assertEqual(list(first), [])
        tail = list(self.client.subscribe("token", front_end="whisper-80", resume_token=token))
        self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(head + tail))

    def test_start_positions(self):
        self.client.push("where", audio("espeak"))
        last = self.client.subscribe("where", front_end="whisper-80", frame=280)
        self.assertEqual(next(last).first_frame, 280)
        back = self.client.subscribe("where", front_end="whisper-80", seconds_back=1)
        self.assertEqual(next(back).first_frame, 290 - 100)
        last.close()
        back.close()

    def test_many_streams_by_labels(self):
        subscription = self.client.subscribe(labels="room=hall", front_end="whisper-80", seconds_back=60)
        for stream, room in (("many-1", "hall"), ("many-2", "hall"), ("other", "kitchen")):
            self.client.push(stream, audio("espeak"), labels={"room": room})
        followed = {"many-1": [], "many-2": []}
        for event in subscription.events():
            if isinstance(event, (melstream.Block, melstream.Gap)):
                followed[event.stream].append(event)
            if len(subscription.ends) == 2:
                subscription.close()
        for events in followed.values():
            self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(events))
        self.assertEqual(set(subscription.starts), {"many-1", "many-2"})

    def test_close_by_another_thread_ends_the_iteration(self):
        subscription = self.client.subscribe("never", front_end="whisper-80", wait=True)
        reader = Task(list, subscription)
        subscription.close()
        self.assertEqual(reader.join(), [])


    def test_what_was_read_is_acknowledged(self):
        gate = Gate(samples("espeak"), 20000)
        push = Task(self.client.push, "acknowledged", gate)
        with self.client.subscribe("acknowledged", front_end="whisper-80", start="first", wait=True) as subscription:
            reader = Task(list, subscription)

            def all_acknowledged():
                listed = self.client._call("ListSubscriptions", admin_service_pb2.ListSubscriptionsRequest()).subscriptions
                # Absent from a reader that does not acknowledge.
                return any(one.HasField("unacknowledged_responses") and not one.unacknowledged_responses for one in listed)

            wait_until(all_acknowledged, "an acknowledgement of all that was sent")
            gate.open()
            reader.join()
        push.join()

    def test_a_subscription_that_is_dropped_is_closed(self):
        self.client.push("dropped", audio("espeak"))
        for _ in self.client.subscribe("dropped", front_end="whisper-80", start="first"):
            break
        wait_until(lambda: self.client.info().subscription_count == 0, "the subscription's end")


class Gaps(DaemonTest):
    """kaldi-80 is computed from the first subscription on, and nothing is kept: what was before is a gap."""

    config = ""

    def begin(self, stream, gaps):
        gate = Gate(samples("jfk"), 80000)
        push = Task(self.client.push, stream, gate)
        wait_until(lambda: any(one.timeline_samples == 80000 for one in self.client.streams([stream])), "the audio")
        return gate, push, self.client.subscribe(stream, front_end="kaldi-80", start="first", gaps=gaps)

    def test_gaps_are_objects(self):
        gate, push, subscription = self.begin("objects", "objects")
        gap = next(subscription)
        gate.open()
        rest = list(subscription)
        push.join()
        self.assertIsInstance(gap, melstream.Gap)
        self.assertEqual(gap.reason, "HISTORY_EVICTED")
        self.assertGreater(gap.frame_count, 0)
        self.assert_tiled([gap] + rest)
        self.assertEqual(subscription.end.next_frame, 1100)

    def test_gaps_are_exceptions_and_the_iteration_can_go_on(self):
        gate, push, subscription = self.begin("raise", "raise")
        with self.assertRaisesRegex(melstream.GapError, "HISTORY_EVICTED") as caught:
            next(subscription)
        gate.open()
        rest = list(subscription)
        push.join()
        self.assert_tiled([caught.exception.gap] + rest)


if __name__ == "__main__":
    unittest.main()
