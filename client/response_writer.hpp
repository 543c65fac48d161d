// Where `subscribe` puts what it receives: lines for people, JSON lines, a .npy, or a file a stream and epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "melstream/v1/feature_service.pb.h"

#include "client/json_lines.hpp"

namespace melstream::client {

class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  /// @param values of a block, decoded, [frame_count][bins]; else empty. @param now_ns Unix time of its arrival.
  virtual void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t now_ns) = 0;
  /// At the end of the subscription, whatever ended it.
  virtual void finish() = 0;
};

/// One line a response on stdout. @param many whether each line shall name its stream.
std::unique_ptr<ResponseWriter> make_text_writer(bool many);
/// A JSON object a line. @param path "-": stdout. @param append to what is there, instead of replacing it. Throws
/// ClientError(kInput) where it cannot be written.
std::unique_ptr<ResponseWriter> make_json_writer(const std::string& path, const BlockJsonOptions& options,
                                                 bool append = false);
/// Rows of one life of a stream, one after another. A gap throws ClientError(kFailure) and leaves no file, or becomes
/// rows of NaN; so does another life.
std::unique_ptr<ResponseWriter> make_npy_writer(const std::string& path, bool fill_gaps);

/// Makes the writer of one file, from its path.
using FileWriterMaker = std::function<std::unique_ptr<ResponseWriter>(const std::string& path)>;

/// A file for each life of each stream: FOLDER/STREAM.EPOCH.SUFFIX, EPOCH in 16 hex digits. What is there already is
/// kept: a file of a life that was resumed by another run is called STREAM.EPOCH.FRAME.SUFFIX, after its first frame. A
/// file is complete when its stream has ended. Where a file cannot take what comes (a .npy and a gap), it is dropped
/// with a warning, and the other streams go on; finish() then throws ClientError(kFailure).
/// @param suffix ".npy" or ".jsonl".
std::unique_ptr<ResponseWriter> make_folder_writer(const std::string& folder, const std::string& suffix,
                                                   FileWriterMaker make_file);

}  // namespace melstream::client
