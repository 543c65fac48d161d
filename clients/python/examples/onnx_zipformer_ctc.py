"""A CTC model of icefall or sherpa-onnx (Zipformer) in ONNX Runtime, on melstream's features.

    python onnx_zipformer_ctc.py STREAM model.onnx tokens.txt    # the newest 30 s of a live stream

Not run by the tests: no package has such a model."""
import sys

import melstream
import numpy as np


def decode(scores, tokens):
    """Greedy: the best token of each frame [frames, tokens], repetitions and blanks (0) left out."""
    best = scores.argmax(axis=-1)
    kept = [int(token) for at, token in enumerate(best) if token != 0 and (at == 0 or token != best[at - 1])]
    return "".join(tokens[token] for token in kept).replace("\u2581", " ").strip()


def main():
    import onnxruntime

    stream, model, token_file = sys.argv[1:]
    with open(token_file, encoding="utf-8") as file:
        tokens = {int(line.split()[-1]): line.split()[0] for line in file}
    with melstream.connect() as client:
        features = client.window(stream, model="zipformer").features
    session = onnxruntime.InferenceSession(model)
    scores = session.run(None, {"x": features, "x_lens": np.array([features.shape[1]], np.int64)})[0]
    print(decode(scores[0], tokens))


if __name__ == "__main__":
    main()
