// A file for each life of each stream, in one folder.
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "client/exit_codes.hpp"
#include "client/number_text.hpp"
#include "client/response_writer.hpp"
#include "client/stream_positions.hpp"

namespace melstream::client {
namespace {

/// An id as part of a file name; the daemon allows letters, digits and . _ - only, but it is not for the daemon to say
/// where we write.
std::string file_name(const std::string& stream) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string name;
  for (const char c : stream) {
    const auto code = static_cast<unsigned char>(c);
    if (code > 0x20 && code < 0x7F && c != '/' && c != '%') {
      name += c;
    } else {
      name += '%';
      name += kDigits[code >> 4];
      name += kDigits[code & 0xF];
    }
  }
  return name;
}

class FolderWriter final : public ResponseWriter {
 public:
  FolderWriter(const std::string& folder, std::string suffix, FileWriterMaker make_file)
      : folder_(folder), suffix_(std::move(suffix)), make_file_(std::move(make_file)) {
    std::error_code error;
    std::filesystem::create_directory(folder_, error);
    if (!std::filesystem::is_directory(folder_)) {
      throw ClientError(ExitCode::kInput, folder + ": is no folder and cannot be made one: " + error.message());
    }
  }

  void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t now_ns) override {
    if (response.has_start()) begin(response.start());
    const std::string& stream = stream_of(response);
    const auto found = lives_.find(stream);
    if (found == lives_.end()) return;
    if (found->second.file) {
      try {
        found->second.file->write(response, values, now_ns);
      } catch (const ClientError& error) {
        // A full disk stops everything; a gap only this stream.
        if (error.code() != ExitCode::kFailure) throw;
        std::fprintf(stderr, "melstream: stream %s: %s\n", stream.c_str(), error.what());
        found->second.file.reset();
        ++n_dropped_;
      }
    }
    const bool over = response.has_end() || (response.has_failure() && response.failure().resume_token().empty());
    if (over) end(stream);
  }

  void finish() override {
    while (!lives_.empty()) end(std::string(lives_.begin()->first));
    if (n_dropped_ > 0) {
      throw ClientError(ExitCode::kFailure, std::to_string(n_dropped_) + " files are not written, as told above");
    }
  }

 private:
  struct Life {
    std::uint64_t epoch = 0;
    std::unique_ptr<ResponseWriter> file;  ///< none: dropped
  };

  void begin(const v1::SubscriptionStart& start) {
    const auto found = lives_.find(start.stream());
    if (found != lives_.end()) {
      // The subscription was resumed; its file goes on, or stays dropped.
      if (found->second.epoch == start.epoch()) return;
      end(start.stream());
    }
    lives_[start.stream()] = {start.epoch(), make_file_(path_of(start))};
  }

  std::string path_of(const v1::SubscriptionStart& start) const {
    const std::string name = file_name(start.stream()) + "." + hex_epoch(start.epoch());
    std::error_code error;
    auto path = folder_ / (name + suffix_);
    if (std::filesystem::exists(path, error))
      path = folder_ / (name + "." + std::to_string(start.first_frame()) + suffix_);
    return path.string();
  }

  void end(const std::string& stream) {
    const auto found = lives_.find(stream);
    if (found->second.file) found->second.file->finish();
    lives_.erase(found);
  }

  std::filesystem::path folder_;
  std::string suffix_;
  FileWriterMaker make_file_;
  std::unordered_map<std::string, Life> lives_;
  std::int64_t n_dropped_ = 0;
};

}  // namespace

std::unique_ptr<ResponseWriter> make_folder_writer(const std::string& folder, const std::string& suffix,
                                                   FileWriterMaker make_file) {
  return std::make_unique<FolderWriter>(folder, suffix, std::move(make_file));
}

}  // namespace melstream::client
