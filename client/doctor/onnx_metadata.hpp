// The metadata of an ONNX file, read past its weights.
#pragma once

#include <map>
#include <string>

namespace melstream::client::doctor {

/// Reads ModelProto.metadata_props of ONNX; the graph with its weights is skipped by seeking. Throws
/// ClientError(kInput) where the file is no ONNX file, cut off, over 2 GiB, or its metadata is over 4 MiB.
std::map<std::string, std::string> read_onnx_metadata(const std::string& path);

}  // namespace melstream::client::doctor
