// The file of a recording (recording.proto): written as responses come, readable up to the last whole record whatever
// ended the writer.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "melstream/v1/recording.pb.h"

#include "client/response_writer.hpp"

namespace melstream::client {

namespace detail {

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace detail

/// Writes responses with the time of their arrival; resume tokens are left out. Without any the file goes again.
class RecordingWriter final : public ResponseWriter {
 public:
  /// @param header its begin_time_ns is what arrivals count from. Throws ClientError(kInput) where the file cannot be
  /// made, or is there already.
  RecordingWriter(std::string path, const v1::RecordingHeader& header);
  RecordingWriter(const RecordingWriter&) = delete;
  RecordingWriter& operator=(const RecordingWriter&) = delete;
  ~RecordingWriter() override;

  void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t now_ns) override;
  void finish() override;

 private:
  void append(const google::protobuf::MessageLite& message);
  [[noreturn]] void fail() const;

  std::string path_;
  std::int64_t begin_ns_;
  std::int64_t after_ns_ = 0;
  std::int64_t n_entries_ = 0;
  bool finished_ = false;
  detail::File file_;
};

/// Reads a recording from its beginning.
class RecordingReader {
 public:
  /// Throws ClientError(kInput) for a file that is missing, no recording, or of a later version.
  explicit RecordingReader(std::string path);

  const v1::RecordingHeader& header() const noexcept { return header_; }
  /// The next entry that is a response. False at the end, also of a recording that was cut off. Throws
  /// ClientError(kInput) where the file is damaged, naming the byte.
  bool next(v1::RecordingEntry& entry);
  /// After the last: whether the recorder came to its end.
  bool complete() const noexcept { return complete_; }
  std::int64_t n_entries() const noexcept { return n_entries_; }

 private:
  /// False at the end of the file, and where it ends within a record.
  bool read(google::protobuf::MessageLite& message);
  [[noreturn]] void refuse(const std::string& why) const;

  std::string path_;
  detail::File file_;
  std::string content_;
  v1::RecordingHeader header_;
  std::int64_t n_entries_ = 0;
  bool complete_ = false;
};

}  // namespace melstream::client
