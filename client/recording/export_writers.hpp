// A recording as files of other tools.
#pragma once

#include <memory>
#include <string>

#include "melstream/v1/recording.pb.h"

#include "client/response_writer.hpp"

namespace melstream::client {

/// NumPy's .npz, uncompressed. For each life of a stream, as members `features` float32 [rows, bins], `frames` int64
/// [rows] (index of each row), `samples` int64 [rows] (timeline position at 16 kHz), `capture_time_ns` int64 [rows],
/// `arrival_ns` int64 [rows] (since the recording began), `gaps` int64 [gaps, 2] (first frame, number of frames),
/// `discontinuities` int64 [n] (the frame behind it), and once `spec`, the front end's canonical text, `spec_sha256`.
/// With more than one life the names have STREAM.EPOCH. before them. Written at finish(), complete or not at all.
/// Throws ClientError(kInput).
std::unique_ptr<ResponseWriter> make_npz_writer(const std::string& path, const v1::RecordingHeader& header);

/// Kaldi's binary archive of float matrices, and beside it an index with the suffix .scp. A matrix has no place for a
/// hole: each unbroken run of frames is one of its own, with the key STREAM-EPOCH-FIRSTFRAME. Throws
/// ClientError(kInput).
/// @param path ends in ".ark".
std::unique_ptr<ResponseWriter> make_kaldi_writer(const std::string& path);

}  // namespace melstream::client
