"""whisper.cpp on melstream's features (`whisper_set_mel`), by pywhispercpp.

    python whisper_cpp.py STREAM ggml-base.bin    # the newest 30 s of a live stream; a model of 80 bins

Not run by the tests: no package has such a model."""
import sys

import melstream
import numpy as np


def main():
    import _pywhispercpp as whisper

    stream, model = sys.argv[1:]
    context = whisper.whisper_init_from_file_with_params(model, whisper.whisper_context_default_params())
    with melstream.connect() as client:
        features = client.window(stream, model="whisper").features[0]
    if whisper.whisper_set_mel(context, np.ascontiguousarray(features), features.shape[1], features.shape[0]) != 0:
        raise SystemExit("whisper.cpp does not take these features: is it a model of 80 bins?")
    parameters = whisper.whisper_full_default_params(whisper.WHISPER_SAMPLING_GREEDY)
    whisper.whisper_full(context, parameters, np.zeros(0, np.float32), 0)  # no samples: the features that were set
    for at in range(whisper.whisper_full_n_segments(context)):
        print(whisper.whisper_full_get_segment_text(context, at).decode())


if __name__ == "__main__":
    main()
