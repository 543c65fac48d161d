#!/usr/bin/env python3
"""What histories are made of, and that nothing is wrong with the good ones. Run by run.py, or alone."""
import copy
import os
import sys
import unittest
import zlib

import numpy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import history as model  # noqa: E402
import validator  # noqa: E402
from handmade import (  # noqa: E402
    block, Checks, crc, end, failure, good, good_reference, many, session, start, two_lives,
)


class Histories(Checks):
    def test_the_good_ones_are_good(self):
        for make in (good, two_lives, many):
            with self.subTest(make=make.__name__):
                self.assertEqual(validator.check_all(make(), good_reference()), [])

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
