"""whisper.cpp on melstream's features (`whisper_set_mel`), by pywhispercpp.

    python whisper_cpp.py STREAM ggml-base.bin    # the newest 30 s of a live stream; a model of 80 bins"""
import sys

import melstream
import numpy as np
import _pywhispercpp as whisper


def load(path):
    return whisper.whisper_init_from_file_with_params(path, whisper.whisper_context_default_params())


def recognise(context, samples):
    """Texts of the segments. No samples: of the features that were set."""
    parameters = whisper.whisper_full_default_params(whisper.WHISPER_SAMPLING_GREEDY)
    parameters.print_progress = False
    if whisper.whisper_full(context, parameters, samples, len(samples)) != 0:
        raise SystemExit("whisper.cpp failed")
    n_segments = whisper.whisper_full_n_segments(context)
    return [whisper.whisper_full_get_segment_text(context, at).decode() for at in range(n_segments)]


def transcribe(client, context, stream):
    features = client.window(stream, model="whisper").features[0]
    if whisper.whisper_set_mel(context, np.ascontiguousarray(features), features.shape[1], features.shape[0]) != 0:
        raise SystemExit("whisper.cpp does not take these features: is it a model of 80 bins?")
    return recognise(context, np.zeros(0, np.float32))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stream, model = sys.argv[1:]
    with melstream.connect() as client:
        print("".join(transcribe(client, load(model), stream)).strip())


if __name__ == "__main__":
    main()
