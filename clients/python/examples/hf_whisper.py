"""Hugging Face Whisper on melstream's features (`input_features`).

    python hf_whisper.py STREAM openai/whisper-tiny    # the newest 30 s of a live stream"""
import sys

import melstream
import torch


def generate(client, model, stream, name="whisper", **options):
    """Token ids [1, tokens]. name: as client.window(model=) takes it."""
    features = torch.from_dlpack(client.window(stream, model=name))
    return model.generate(input_features=features.to(model.device, model.dtype), **options)


def main():
    from transformers import WhisperForConditionalGeneration, WhisperTokenizer

    stream, name = sys.argv[1:]
    model = WhisperForConditionalGeneration.from_pretrained(name)
    with melstream.connect() as client:
        ids = generate(client, model, stream, name)
    print(WhisperTokenizer.from_pretrained(name).batch_decode(ids, skip_special_tokens=True)[0])


if __name__ == "__main__":
    main()
