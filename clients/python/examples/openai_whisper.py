"""openai/whisper on melstream's features.

    python openai_whisper.py STREAM tiny    # the newest 30 s of a live stream"""
import sys

import melstream
import torch
import whisper


def decode(client, model, stream, name="whisper", **options):
    """whisper's DecodingResult. name: as client.window(model=) takes it."""
    features = torch.from_dlpack(client.window(stream, model=name))[0]
    return whisper.decode(model, features.to(model.device), whisper.DecodingOptions(**options))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stream, name = sys.argv[1:]
    with melstream.connect() as client:
        print(decode(client, whisper.load_model(name), stream, "whisper-" + name, fp16=False).text)


if __name__ == "__main__":
    main()
