"""Features for Kaldi's programs: a binary archive, one matrix.

    python kaldi_archive.py STREAM out.ark       # the newest 30 s of a live stream
    copy-feats ark:out.ark ark,t:- | head"""
import struct
import sys

import melstream
import numpy as np


def write_matrix(file, key, matrix):
    """One entry of an archive: a float matrix [frames, bins]."""
    rows, columns = matrix.shape
    file.write(key.encode() + b" \0BFM " + struct.pack("<biBi", 4, rows, 4, columns))
    file.write(np.ascontiguousarray(matrix, "<f4").tobytes())


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    stream, path = sys.argv[1:]
    with melstream.connect() as client, open(path, "wb") as file:
        write_matrix(file, stream, client.window(stream, front_end="kaldi-80-int16").features)


if __name__ == "__main__":
    main()
