// Kaldi's archives (kaldi-asr.org/doc/io.html): KEY, a space, "\0BFM ", then rows and columns as "\4" and an int32
// each, then float32 rows, little-endian. An index has KEY FILE:OFFSET, where the offset is that of "\0B".
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <unistd.h>

#include "client/exit_codes.hpp"
#include "client/number_text.hpp"
#include "client/recording/export_writers.hpp"
#include "client/recording/recording_file.hpp"
#include "client/stream_positions.hpp"

namespace melstream::client {
namespace {

class KaldiWriter final : public ResponseWriter {
 public:
  explicit KaldiWriter(const std::string& path)
      : path_(path),
        index_path_(path.substr(0, path.size() - 4) + ".scp"),
        suffix_(".partial-" + std::to_string(getpid())),
        archive_(open_file(path_ + suffix_)),
        index_(open_file(index_path_ + suffix_)) {}
  KaldiWriter(const KaldiWriter&) = delete;
  KaldiWriter& operator=(const KaldiWriter&) = delete;
  ~KaldiWriter() override {
    if (finished_) return;
    std::remove((path_ + suffix_).c_str());
    std::remove((index_path_ + suffix_).c_str());
  }

  void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t /*now_ns*/) override {
    if (response.has_heartbeat()) return;
    Run& run = runs_[stream_of(response)];
    if (response.has_block()) {
      if (run.values.empty()) run.first_frame = response.block().first_frame();
      run.values.insert(run.values.end(), values.begin(), values.end());
      return;
    }
    // Everything else ends a run of frames.
    put(stream_of(response), run);
    if (response.has_start()) {
      run.bins = response.start().bins();
      run.epoch = response.start().epoch();
    }
  }

  void finish() override {
    for (auto& [stream, run] : runs_) put(stream, run);
    if (std::fflush(archive_.get()) != 0) fail(path_);
    if (std::fflush(index_.get()) != 0) fail(index_path_);
    // What is there stays until both are whole.
    if (std::rename((path_ + suffix_).c_str(), path_.c_str()) != 0) fail(path_);
    if (std::rename((index_path_ + suffix_).c_str(), index_path_.c_str()) != 0) fail(index_path_);
    finished_ = true;
  }

 private:
  struct Run {
    int bins = 0;
    std::uint64_t epoch = 0;
    std::int64_t first_frame = 0;
    std::vector<float> values;
  };

  [[noreturn]] static void fail(const std::string& path) {
    throw ClientError(ExitCode::kInput, path + ": cannot be written: " + std::strerror(errno));
  }

  static detail::File open_file(const std::string& path) {
    detail::File file(std::fopen(path.c_str(), "wb"));
    if (!file) fail(path);
    return file;
  }

  void put_bytes(const void* bytes, std::size_t n) {
    if (std::fwrite(bytes, 1, n, archive_.get()) != n) fail(path_);
  }

  void put_int(std::int32_t value) {
    put_bytes("\4", 1);
    put_bytes(&value, sizeof value);
  }

  void put(const std::string& stream, Run& run) {
    if (run.values.empty()) return;
    std::array<char, 24> frame{};
    std::snprintf(frame.data(), frame.size(), "%09lld", static_cast<long long>(run.first_frame));
    const std::string key = stream + "-" + hex_epoch(run.epoch) + "-" + frame.data();
    put_bytes(key.data(), key.size());
    put_bytes(" ", 1);
    const long at = std::ftell(archive_.get());
    put_bytes("\0BFM ", 5);
    put_int(static_cast<std::int32_t>(run.values.size() / static_cast<std::size_t>(run.bins)));
    put_int(run.bins);
    put_bytes(run.values.data(), run.values.size() * sizeof(float));
    if (std::fprintf(index_.get(), "%s %s:%ld\n", key.c_str(), path_.c_str(), at) < 0) fail(index_path_);
    run.values.clear();
  }

  std::string path_;
  std::string index_path_;
  std::string suffix_;  ///< until they are whole
  bool finished_ = false;
  detail::File archive_;
  detail::File index_;
  std::map<std::string, Run> runs_;
};

}  // namespace

std::unique_ptr<ResponseWriter> make_kaldi_writer(const std::string& path) {
  return std::make_unique<KaldiWriter>(path);
}

}  // namespace melstream::client
