"""Which words are committed when, and how they are written; a recogniser that is made up."""
import io
import json
import unittest
from contextlib import redirect_stderr

import numpy as np

import melstream
from case import DaemonTest, audio
from melstream.captions import Caption, Captioner, LocalAgreement, Word
from melstream.captions.__main__ import main
from melstream.captions.formats import WRITERS
from melstream.captions.recogniser import normalise


def words(text, start=0.0):
    """A word each half second."""
    return [Word(start + 0.5 * at, start + 0.5 * at + 0.4, " " + one) for at, one in enumerate(text.split())]


def text(given):
    return "".join(word.text for word in given).strip()


class Agreement(unittest.TestCase):
    def test_a_word_is_committed_when_two_hypotheses_agree(self):
        agreement = LocalAgreement()
        self.assertEqual(agreement.update(words("and so")), [])
        self.assertEqual(text(agreement.partial), "and so")
        self.assertEqual(text(agreement.update(words("and so my fellow"))), "and so")
        self.assertEqual(text(agreement.partial), "my fellow")
        self.assertEqual(text(agreement.update(words("and so my fellows are"))), "my")
        self.assertEqual(text(agreement.committed), "and so my")

    def test_committed_words_never_change(self):
        agreement = LocalAgreement()
        agreement.update(words("ask not what"))
        agreement.update(words("ask not what your"))
        agreement.update(words("asked nut what your country"))
        agreement.update(words("asked nut what your country"))
        self.assertEqual(text(agreement.committed), "ask not what your country")

    def test_case_and_punctuation_do_not_matter(self):
        agreement = LocalAgreement()
        agreement.update(words("Americans ask"))
        self.assertEqual(text(agreement.update(words("americans, ask not"))), "americans, ask")

    def test_words_that_come_again_at_the_seam_are_dropped(self):
        agreement = LocalAgreement()
        agreement.update(words("one two"))
        agreement.update(words("one two"))
        # Half a second later than before: by its time it would be a new word.
        late = words("two three", start=0.85)
        agreement.update(late)
        agreement.update(late)
        self.assertEqual(text(agreement.committed), "one two three")

    def test_hypotheses_of_audio_that_begins_later(self):
        agreement = LocalAgreement()
        agreement.update(words("one two three"))
        agreement.update(words("one two three"))
        agreement.update(words("three four five", start=1.0))
        self.assertEqual(text(agreement.update(words("four five six", start=1.5))), "four five")

    def test_flush_commits_what_is_left(self):
        agreement = LocalAgreement()
        agreement.update(words("one two"))
        self.assertEqual(text(agreement.flush()), "one two")
        self.assertEqual((agreement.partial, agreement.flush()), ([], []))

    def test_nothing_heard(self):
        agreement = LocalAgreement()
        self.assertEqual(agreement.update([]), [])
        agreement.update(words("one"))
        self.assertEqual(agreement.update([]), [])
        self.assertEqual(agreement.partial, [])


def block(first_frame, n=10, n_bins=80):
    return melstream.Block(
        "s", 1, first_frame, n, np.zeros((n, n_bins), np.float32), first_frame * 160, first_frame * 10_000_000,
        first_frame * 10_000_000 + n * 10_000_000, 0, 0, -20, -20, 0, False, False, False, b"")


class Counting:
    """Hears a word each second: its number, which goes on from that of the prompt's last word."""

    front_end = "whisper-80"

    def __init__(self):
        self.calls = []

    def recognise(self, features, prompt):
        self.calls.append((features.shape[1], prompt))
        n_seconds = (features.shape[1] - 1) // 100
        first = int(prompt.split()[-1][1:]) + 1 if prompt else 0
        return [Word(at + 0.5, at + 1.0, " w%d" % (first + at)) for at in range(n_seconds)]


class Captions(unittest.TestCase):
    def run_captioner(self, n_frames, recogniser=None):
        recogniser = recogniser or Counting()
        now = [0]
        captioner = Captioner(recogniser, now_ns=lambda: now[0])
        captions = []
        for first in range(0, n_frames, 10):
            now[0] = (first + 10) * 10_000_000
            captions += captioner.add(block(first))
        return captioner, captions, recogniser

    def test_partial_results_come_every_half_second(self):
        _, captions, recogniser = self.run_captioner(300)
        self.assertEqual([round(caption.seconds, 3) for caption in captions], [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
        self.assertEqual([n for n, _ in recogniser.calls], [51, 101, 151, 201, 251, 301])

    def test_delays_count_from_a_words_end(self):
        _, captions, _ = self.run_captioner(200)
        pairs = [pair for caption in captions for pair in zip(caption.words, caption.delays)]
        committed = [(word.text, round(delay, 3)) for word, delay in pairs]
        # It ends at 1.0, is heard first then, and again at 1.5.
        self.assertEqual(committed, [(" w0", 0.5)])

    def test_what_is_committed_is_cut_off_when_the_audio_gets_long(self):
        captioner, _, recogniser = self.run_captioner(6000)
        self.assertLess(max(n for n, _ in recogniser.calls), 1700)
        captioner.finish()
        heard = [word.text.strip() for word in captioner.words]
        self.assertEqual(heard, ["w%d" % at for at in range(60)])

    def test_a_gap_commits_what_was_heard_before(self):
        captioner, _, _ = self.run_captioner(200)
        gap = melstream.Gap("s", 1, 200, 50, "NET_LOSS", 40000, 8000, 8000, b"")
        (caption,) = captioner.add(gap)
        self.assertEqual([word.text for word in captioner.words], [" w0", " w1"])
        self.assertEqual(captioner.add(block(250)), [])
        self.assertEqual(caption.partial, "")

    def test_silence_is_normalised(self):
        self.assertEqual(float(normalise(np.full((3, 80), -10, np.float32)).max()), -1.5)


class Formats(unittest.TestCase):
    def written(self, name):
        out = io.StringIO()
        writer = WRITERS[name](out)
        writer.write(Caption(1.0, words("Ask not."), [0.5, 0.25], " what"))
        writer.write(Caption(2.0, words("a<b", start=3661.0), [0.1], ""))
        writer.finish()
        return out.getvalue()

    def test_text(self):
        self.assertEqual(self.written("text"), " Ask not. a<b\n")

    def test_vtt(self):
        self.assertEqual(
            self.written("vtt"),
            "WEBVTT\n\n00:00:00.000 --> 00:00:00.900\nAsk not.\n\n01:01:01.000 --> 01:01:01.400\na&lt;b\n\n")

    def test_json(self):
        lines = [json.loads(line) for line in self.written("json").splitlines()]
        self.assertEqual(lines[0], {"type": "word", "start": 0.0, "end": 0.4, "text": " Ask", "delay": 0.5})
        self.assertEqual(lines[2], {"type": "partial", "seconds": 1.0, "text": " what"})


class Live(DaemonTest):
    def test_a_stream_is_heard_to_its_end(self):
        self.client.push("captions", audio("jfk"))
        captioner = Captioner(Counting())
        for event in self.client.subscribe("captions", front_end="whisper-80", start="first"):
            captioner.add(event)
        captioner.finish()
        self.assertEqual([word.text for word in captioner.words], [" w%d" % at for at in range(11)])

    def test_without_a_daemon_no_model_is_loaded(self):
        err = io.StringIO()
        with redirect_stderr(err):
            self.assertEqual(main(["live", "--model", "/nonexistent/model", "--server", "unix:/nonexistent/socket"]), 1)
        self.assertIn("/nonexistent/socket", err.getvalue())
        self.assertNotIn("/nonexistent/model", err.getvalue())


if __name__ == "__main__":
    unittest.main()
