"""How captions are written: plain text, WebVTT, JSON lines."""
from __future__ import annotations

import json
from typing import Any, Dict, List, TextIO, Type

from .agreement import Word
from .captioner import Caption

# A cue of WebVTT ends with a sentence, or at this length.
CUE_WORDS = 12
CUE_S = 5.0


class TextWriter:
    """Committed words, one after another; on a terminal what may follow as well, until it changes."""

    def __init__(self, out: TextIO):
        self._out = out
        self._line = ""

    def write(self, caption: Caption) -> None:
        if self._out.isatty():
            self._line += "".join(word.text for word in caption.words)
            if len(self._line) > 100:
                self._out.write("\r\x1b[K%s\n" % self._line.strip())
                self._line = ""
            self._out.write("\r\x1b[K%s\x1b[2m%s\x1b[0m" % (self._line, caption.partial))
        else:
            self._out.write("".join(word.text for word in caption.words))
        self._out.flush()

    def finish(self) -> None:
        self._out.write("\n")


class JsonWriter:
    """A line for each step: {"type": "partial", "seconds", "text"}; before it one for each word that was committed:
    {"type": "word", "start", "end", "text", "delay"}."""

    def __init__(self, out: TextIO):
        self._out = out

    def write(self, caption: Caption) -> None:
        for word, delay in zip(caption.words, caption.delays):
            self._line({"type": "word", "start": round(word.start, 3), "end": round(word.end, 3), "text": word.text,
                        "delay": round(delay, 3)})
        self._line({"type": "partial", "seconds": round(caption.seconds, 3), "text": caption.partial})

    def finish(self) -> None:
        """Each line is whole."""

    def _line(self, content: Dict[str, Any]) -> None:
        self._out.write(json.dumps(content, ensure_ascii=False) + "\n")
        self._out.flush()


class VttWriter:
    """WebVTT: cues of committed words."""

    def __init__(self, out: TextIO):
        self._out = out
        self._cue: List[Word] = []
        out.write("WEBVTT\n\n")

    def write(self, caption: Caption) -> None:
        for word in caption.words:
            self._cue.append(word)
            is_long = len(self._cue) >= CUE_WORDS or word.end - self._cue[0].start >= CUE_S
            if is_long or word.text.rstrip().endswith((".", "?", "!")):
                self.finish()

    def finish(self) -> None:
        if not self._cue:
            return
        text = "".join(word.text for word in self._cue).strip()
        for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, name)
        self._out.write("%s --> %s\n%s\n\n" % (_time(self._cue[0].start), _time(self._cue[-1].end), text))
        self._out.flush()
        self._cue = []


def _time(seconds: float) -> str:
    ms = round(max(0.0, seconds) * 1000)
    return "%02d:%02d:%02d.%03d" % (ms // 3600000, ms // 60000 % 60, ms // 1000 % 60, ms % 1000)


WRITERS: Dict[str, Type[Any]] = {"text": TextWriter, "vtt": VttWriter, "json": JsonWriter}
