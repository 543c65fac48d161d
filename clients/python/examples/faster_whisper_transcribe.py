"""faster-whisper on melstream's features: the same tokens as with its own front end.

    python faster_whisper_transcribe.py STREAM MODEL    # the newest 30 s of a live stream; a model's name or folder"""
import sys

import melstream
from melstream.captions import FasterWhisper

RATE = 16000


def transcribe(client, recogniser, stream, begin_sample, end_sample, **options):
    """faster-whisper's segments of a part of a stream. options: those of WhisperModel.transcribe."""
    seconds = (end_sample - begin_sample) / RATE
    window = client.window(
        stream, front_end=recogniser.front_end, start=begin_sample / RATE, seconds=seconds,
        pad_to_seconds=seconds + 0.01,  # faster-whisper pads 160 zeros
        normalization="whisper_window")
    return recogniser.segments(window.features.T, **options)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stream, model = sys.argv[1:]
    recogniser = FasterWhisper(model)
    with melstream.connect() as client:
        streams = client.streams([stream])
        if not streams or streams[0].audio_held is None:
            sys.exit("no audio of stream %r is held: is it live, and does the daemon's config have stream.audio_history_s?" % stream)
        begin, end = streams[0].audio_held
        for segment in transcribe(client, recogniser, stream, max(begin, end - 30 * RATE), end):
            print("[%6.2f, %6.2f]%s" % (segment.start, segment.end, segment.text))


if __name__ == "__main__":
    main()
