// ONNX is protobuf: of the top level of ModelProto only field 14 (metadata_props: key = 1, value = 2) is taken.
#include "client/doctor/onnx_metadata.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/wire_format_lite.h>

#include "client/doctor/model_file.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr int kMetadataField = 14;
constexpr int kGraphField = 7;
constexpr std::size_t kMaxMetadataBytes = 4 << 20;
constexpr int kMaxEntries = 10'000;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ClientError(ExitCode::kInput, path + ": " + why);
}

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) refuse(path, std::strerror(errno));
  }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

/// A length that is followed by as many bytes; false at a damaged one.
bool read_text(CodedInputStream& input, std::string& text) {
  std::uint32_t n = 0;
  return input.ReadVarint32(&n) && n <= kMaxMetadataBytes && input.ReadString(&text, static_cast<int>(n));
}

/// One StringStringEntryProto.
bool read_entry(CodedInputStream& input, std::map<std::string, std::string>& metadata) {
  std::uint32_t n = 0;
  if (!input.ReadVarint32(&n) || n > kMaxMetadataBytes) return false;
  const auto limit = input.PushLimit(static_cast<int>(n));
  std::string key;
  std::string value;
  while (const std::uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const bool is_text = WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (is_text && (field == 1 || field == 2)) {
      if (!read_text(input, field == 1 ? key : value)) return false;
    } else if (!WireFormatLite::SkipField(&input, tag)) {
      return false;
    }
  }
  if (input.BytesUntilLimit() != 0) return false;
  input.PopLimit(limit);
  metadata[key] = value;
  return true;
}

/// Past a field without reading it; a length beyond the file's end is found at its end.
bool skip(CodedInputStream& input, std::uint32_t tag) {
  if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    return WireFormatLite::SkipField(&input, tag);
  }
  std::uint64_t n = 0;
  return input.ReadVarint64(&n) && n <= std::numeric_limits<int>::max() && input.Skip(static_cast<int>(n));
}

}  // namespace

std::map<std::string, std::string> read_onnx_metadata(const std::string& path) {
  check_regular_file(path);
  struct stat info {};
  stat(path.c_str(), &info);
  if (info.st_size > std::numeric_limits<int>::max()) {
    refuse(path, "is over 2 GiB, which no ONNX file can be (larger weights lie in files of their own)");
  }
  const File file(path);
  google::protobuf::io::FileInputStream stream(file.fd());
  CodedInputStream input(&stream);
  std::map<std::string, std::string> metadata;
  std::size_t n_bytes = 0;
  bool has_graph = false;
  const auto refuse_damaged = [&] { refuse(path, "is no ONNX file, or is cut off"); };
  for (int n_entries = 0;;) {
    const std::uint32_t tag = input.ReadTag();
    if (tag == 0) break;
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (field == kMetadataField) {
      const int begin = input.CurrentPosition();
      if (!read_entry(input, metadata)) refuse_damaged();
      n_bytes += static_cast<std::size_t>(input.CurrentPosition() - begin);
      if (++n_entries > kMaxEntries || n_bytes > kMaxMetadataBytes) refuse(path, "has over 4 MiB of metadata");
    } else {
      has_graph = has_graph || field == kGraphField;
      if (!skip(input, tag)) refuse_damaged();
    }
  }
  // Skipping seeks, and a seek beyond the end succeeds.
  if (!input.ConsumedEntireMessage() || input.CurrentPosition() != info.st_size || !has_graph) refuse_damaged();
  return metadata;
}

}  // namespace melstream::client::doctor
