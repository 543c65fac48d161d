"""A CTC model of NVIDIA NeMo on melstream's features.

    python nemo_parakeet.py STREAM nvidia/parakeet-ctc-0.6b nemo-80    # the newest 30 s of a live stream

`melstream doctor --model FILE.nemo` says which front end the model wants. Not run by the tests: no package has such a
model."""
import sys

import melstream
import torch


def main():
    from nemo.collections.asr.models import ASRModel

    stream, name, front_end = sys.argv[1:]
    model = ASRModel.from_pretrained(name).eval()
    with melstream.connect() as client:
        window = client.window(stream, front_end=front_end, normalization="per_feature_window")
    signal = torch.from_dlpack(window).T[None]  # [1, bins, frames]
    with torch.no_grad():
        log_probabilities, lengths, _ = model(
            processed_signal=signal, processed_signal_length=torch.tensor([signal.shape[-1]]))
    print(model.decoding.ctc_decoder_predictions_tensor(log_probabilities, decoder_lengths=lengths)[0].text)


if __name__ == "__main__":
    main()
