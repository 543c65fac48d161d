"""Live captions of a stream, on standard output, until the stream ends.

Every half second what was said lately is recognised anew. A word is committed when two recognitions in a row agree on it;
committed words never change. Delays (--format json) count from a word's end at the microphone."""
from __future__ import annotations

import argparse
import sys
from typing import Any, List, Optional

from ..client import Client, connect
from ..errors import Error
from .captioner import Captioner
from .formats import WRITERS
from .recogniser import FasterWhisper, ModelError


def parse(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m melstream.captions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", help="id of the stream; it is waited for")
    parser.add_argument("--model", required=True, help="a name that faster-whisper knows, or a model's folder")
    parser.add_argument("--language", help="such as en; default: the model finds out")
    parser.add_argument("--format", choices=list(WRITERS), default="text")
    parser.add_argument("--every", type=float, default=0.5, metavar="SECONDS", help="between partial results (0.5)")
    parser.add_argument("--start", choices=("live", "first"), default="live", help="now, or the stream's first frame")
    parser.add_argument("--device", default="auto", help="cpu or cuda, as faster-whisper has it")
    parser.add_argument("--compute-type", default="default", help="such as int8, as faster-whisper has it")
    parser.add_argument("--server", help="unix:PATH, HOST:PORT or tls:HOST:PORT")
    parser.add_argument("--token-file")
    parser.add_argument("--tls-ca")
    return parser.parse_args(arguments)


def follow(client: Client, options: argparse.Namespace, captioner: Captioner, front_end: str, writer: Any) -> None:
    """To the stream's end, or Ctrl-C. Raises Error."""
    subscription = client.subscribe(options.stream, front_end=front_end, start=options.start, wait=True, block_frames=10)
    try:
        for event in subscription:
            for caption in captioner.add(event):
                writer.write(caption)
    except KeyboardInterrupt:
        subscription.close()
    for caption in captioner.finish():
        writer.write(caption)
    writer.finish()


def main(arguments: Optional[List[str]] = None) -> int:
    options = parse(arguments)
    try:
        with connect(options.server, token_file=options.token_file, tls_ca=options.tls_ca) as client:
            client.info()  # a daemon that is not there is told at once, not after a model was loaded
            recogniser = FasterWhisper(
                options.model, options.language, device=options.device, compute_type=options.compute_type)
            captioner = Captioner(recogniser, options.every)
            follow(client, options, captioner, recogniser.front_end, WRITERS[options.format](sys.stdout))
    except (Error, ImportError, ModelError) as error:
        print("melstream.captions: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
