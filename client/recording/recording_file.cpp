#include "client/recording/recording_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "client/crc32.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr std::string_view kMagic = "MELREC1\n";
// A response of the daemon is at most 4 MiB: a length beyond this is damage, and must not become an allocation.
constexpr std::uint32_t kMaxRecordBytes = 64U << 20;

void put_u32(std::uint32_t value, char* out) noexcept {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

std::uint32_t get_u32(const char* in) noexcept {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(in[i])} << (8 * i);
  return value;
}

std::uint32_t crc_of(const std::string& content) noexcept {
  return crc32(std::as_bytes(std::span(content.data(), content.size())));
}

/// Tokens lead into a daemon that is long gone.
void strip_tokens(v1::SubscribeResponse& response) {
  switch (response.response_case()) {
    case v1::SubscribeResponse::kStart:
      response.mutable_start()->clear_resume_token();
      break;
    case v1::SubscribeResponse::kBlock:
      response.mutable_block()->clear_resume_token();
      break;
    case v1::SubscribeResponse::kGap:
      response.mutable_gap()->clear_resume_token();
      break;
    case v1::SubscribeResponse::kDiscontinuity:
      response.mutable_discontinuity()->clear_resume_token();
      break;
    case v1::SubscribeResponse::kFailure:
      response.mutable_failure()->clear_resume_token();
      break;
    default:
      break;
  }
}

}  // namespace

RecordingWriter::RecordingWriter(std::string path, const v1::RecordingHeader& header)
    : path_(std::move(path)), begin_ns_(header.begin_time_ns()) {
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST) {
    throw ClientError(ExitCode::kInput, path_ + ": is there already; use another name, or remove it first");
  }
  if (fd < 0) fail();
  file_.reset(fdopen(fd, "wb"));
  if (!file_ || std::fwrite(kMagic.data(), 1, kMagic.size(), file_.get()) != kMagic.size()) fail();
  append(header);
}

RecordingWriter::~RecordingWriter() {
  if (file_ && n_entries_ == 0 && !finished_) std::remove(path_.c_str());
}

void RecordingWriter::fail() const {
  throw ClientError(ExitCode::kInput, path_ + ": cannot be written: " + std::strerror(errno));
}

void RecordingWriter::append(const google::protobuf::MessageLite& message) {
  const std::string content = message.SerializeAsString();
  std::array<char, 8> prefix{};
  put_u32(static_cast<std::uint32_t>(content.size()), prefix.data());
  put_u32(crc_of(content), prefix.data() + 4);
  std::FILE* const file = file_.get();
  // Flushed, so that a recorder that is killed loses nothing that came before.
  if (std::fwrite(prefix.data(), 1, prefix.size(), file) != prefix.size() ||
      std::fwrite(content.data(), 1, content.size(), file) != content.size() || std::fflush(file) != 0) {
    fail();
  }
}

void RecordingWriter::write(const v1::SubscribeResponse& response, std::span<const float> /*values*/,
                            std::int64_t now_ns) {
  v1::RecordingEntry entry;
  after_ns_ = std::max(after_ns_, now_ns - begin_ns_);  // the wall clock may step back
  entry.set_after_ns(after_ns_);
  *entry.mutable_response() = response;
  strip_tokens(*entry.mutable_response());
  append(entry);
  ++n_entries_;
}

void RecordingWriter::finish() {
  v1::RecordingEntry entry;
  entry.set_after_ns(after_ns_);
  entry.mutable_end()->set_entry_count(n_entries_);
  append(entry);
  finished_ = true;
}

RecordingReader::RecordingReader(std::string path) : path_(std::move(path)) {
  file_.reset(std::fopen(path_.c_str(), "rb"));
  if (!file_) refuse(std::strerror(errno));
  std::array<char, kMagic.size()> magic{};
  const std::size_t n_read = std::fread(magic.data(), 1, magic.size(), file_.get());
  if (n_read != magic.size() || std::string_view(magic.data(), magic.size()) != kMagic) {
    refuse("is no recording of 'melstream record' (it does not start with MELREC1)");
  }
  if (!read(header_)) refuse("ends within its header");
  if (header_.front_end().name().empty()) refuse("has no front end in its header");
}

void RecordingReader::refuse(const std::string& why) const { throw ClientError(ExitCode::kInput, path_ + ": " + why); }

bool RecordingReader::read(google::protobuf::MessageLite& message) {
  std::array<char, 8> prefix{};
  const long at = std::ftell(file_.get());
  if (std::fread(prefix.data(), 1, prefix.size(), file_.get()) != prefix.size()) return false;
  const std::uint32_t n_bytes = get_u32(prefix.data());
  const std::string where = "is damaged: the record at byte " + std::to_string(at);
  if (n_bytes > kMaxRecordBytes) refuse(where + " claims to have " + std::to_string(n_bytes) + " bytes");
  content_.resize(n_bytes);
  if (std::fread(content_.data(), 1, n_bytes, file_.get()) != n_bytes) return false;
  if (crc_of(content_) != get_u32(prefix.data() + 4)) refuse(where + " has another CRC-32");
  if (!message.ParseFromString(content_)) refuse(where + " is no message of melstream.v1");
  return true;
}

bool RecordingReader::next(v1::RecordingEntry& entry) {
  while (!complete_ && read(entry)) {
    if (entry.has_end()) {
      if (entry.end().entry_count() != n_entries_) {
        refuse("is damaged: it has " + std::to_string(n_entries_) + " entries, and had " +
               std::to_string(entry.end().entry_count()));
      }
      complete_ = true;
    } else if (entry.has_response()) {
      ++n_entries_;
      return true;
    }
  }
  return false;
}

}  // namespace melstream::client
