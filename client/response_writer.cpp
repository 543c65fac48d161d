#include "client/response_writer.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "client/connection.hpp"
#include "client/exit_codes.hpp"
#include "client/feature_names.hpp"
#include "client/npy.hpp"
#include "client/number_text.hpp"
#include "client/stream_positions.hpp"

namespace melstream::client {
namespace {

class TextWriter final : public ResponseWriter {
 public:
  explicit TextWriter(bool many) : many_(many) {}

  void write(const v1::SubscribeResponse& response, std::span<const float>, std::int64_t now_ns) override {
    std::string text = line(response, now_ns);
    if (response.has_heartbeat() && response.heartbeat().waiting_for_stream()) {
      text = many_ ? "waiting for streams" : "waiting for the stream";
    }
    if (text.empty()) return;
    // A start names its stream anyway.
    const bool name = many_ && !response.has_start() && !response.has_heartbeat();
    std::printf("%s%s%s\n", name ? stream_of(response).c_str() : "", name ? ": " : "", text.c_str());
    std::fflush(stdout);
  }
  void finish() override {}

 private:
  static std::string fill_text(const v1::FeatureBlock& block) {
    std::string text;
    if (block.concealed_share() > 0) text += "  concealed " + fixed_number(100 * block.concealed_share(), 1) + " %";
    if ((block.flags() & v1::BLOCK_FLAG_SUPPRESSED_SILENCE) != 0) text += "  suppressed silence";
    return text;
  }
  static std::string line(const v1::SubscribeResponse& response, std::int64_t now_ns) {
    if (response.has_start()) {
      const auto& start = response.start();
      return "start " + start.stream() + " epoch " + hex_epoch(start.epoch()) + ": " + start.front_end() + ", " +
             std::to_string(start.bins()) + " bins, from frame " + std::to_string(start.first_frame());
    }
    if (response.has_block()) {
      const auto& block = response.block();
      const double latency_ms = static_cast<double>(now_ns - block.received_time_ns()) / 1e6;
      return "frames " + std::to_string(block.first_frame()) + ".." +
             std::to_string(block.first_frame() + block.frame_count() - 1) + "  max " +
             fixed_number(block.block_max(), 2) + "  rms " + fixed_number(block.rms_dbfs(), 1) + " dBFS  latency " +
             fixed_number(latency_ms, 1) + " ms" + fill_text(block);
    }
    if (response.has_gap()) {
      const auto& gap = response.gap();
      return "gap " + gap_reason_name(gap.reason()) + ": frames " + std::to_string(gap.first_frame()) + ".." +
             std::to_string(gap.first_frame() + gap.frame_count() - 1);
    }
    if (response.has_discontinuity()) {
      const auto& hole = response.discontinuity();
      return "discontinuity " + gap_reason_name(hole.reason()) + " before frame " + std::to_string(hole.next_frame());
    }
    if (response.has_end()) return "end " + end_reason_name(response.end().reason());
    if (response.has_failure()) {
      return "failure " + std::string(status_code_name(response.failure().code())) + ": " +
             response.failure().message();
    }
    return {};
  }

  bool many_;
};

class JsonWriter final : public ResponseWriter {
 public:
  JsonWriter(const std::string& path, const BlockJsonOptions& options, bool append)
      : path_(path), options_(options), file_(stdout) {
    if (path == "-") return;
    owned_.reset(std::fopen(path.c_str(), append ? "a" : "w"));
    if (!owned_) throw ClientError(ExitCode::kInput, path + ": cannot be written: " + std::strerror(errno));
    file_ = owned_.get();
  }

  void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t) override {
    const std::string text = response_json(response, values, options_) + "\n";
    // Flushed, so that who follows the file sees whole lines at once.
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0) {
      throw ClientError(ExitCode::kInput, path_ + ": cannot be written: " + std::strerror(errno));
    }
  }
  void finish() override {}

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string path_;
  BlockJsonOptions options_;
  std::unique_ptr<std::FILE, Close> owned_;
  std::FILE* file_;
};

class NpyResponseWriter final : public ResponseWriter {
 public:
  NpyResponseWriter(std::string path, bool fill_gaps) : path_(std::move(path)), fill_gaps_(fill_gaps) {}

  void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t) override {
    if (response.has_start()) {
      begin(response.start());
    } else if (response.has_block()) {
      writer_->append(values);
    } else if (response.has_gap()) {
      const auto& gap = response.gap();
      check(gap.first_frame(), gap.frame_count(), gap.reason());
      fill(gap.frame_count());
    } else if (response.has_discontinuity()) {
      check(response.discontinuity().next_frame(), 0, response.discontinuity().reason());
    }
  }
  void finish() override {
    if (writer_) writer_->commit();
  }

 private:
  /// Nothing is written then, not even what came before.
  [[noreturn]] void refuse(const std::string& why) {
    writer_.reset();
    throw ClientError(ExitCode::kFailure, why);
  }
  void begin(const v1::SubscriptionStart& start) {
    if (!writer_) {
      epoch_ = start.epoch();
      bins_ = start.bins();
      writer_.emplace(path_, bins_);
    } else if (start.epoch() != epoch_) {
      refuse("the stream began anew, with epoch " + hex_epoch(start.epoch()) + ": " + path_ +
             " is not written; --out FOLDER/ makes a file for each epoch");
    }
  }

  void check(std::int64_t frame, std::int64_t n_frames, v1::GapReason reason) {
    if (fill_gaps_) return;
    refuse("a gap of " + std::to_string(n_frames) + " frames at frame " + std::to_string(frame) + " (" +
           gap_reason_name(reason) + "): " + path_ + " is not written; --fill-gaps nan writes NaN there" +
           cause_of(reason));
  }
  /// Of a gap that is no loss of audio.
  static std::string cause_of(v1::GapReason reason) {
    if (reason != v1::GAP_REASON_HISTORY_EVICTED) return {};
    return ". The daemon has these frames no more, or nobody had asked for this front end then: features.always, "
           "stream.history_s and stream.audio_history_s in its config";
  }

  void fill(std::int64_t n_frames) {
    // Row by row: the daemon chooses the length of a gap, and it may be hours.
    const std::vector<float> row(static_cast<std::size_t>(bins_), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t i = 0; i < n_frames; ++i) writer_->append(row);
  }

  std::string path_;
  bool fill_gaps_;
  int bins_ = 0;
  std::uint64_t epoch_ = 0;
  std::optional<NpyWriter> writer_;
};

}  // namespace

std::unique_ptr<ResponseWriter> make_text_writer(bool many) { return std::make_unique<TextWriter>(many); }

std::unique_ptr<ResponseWriter> make_json_writer(const std::string& path, const BlockJsonOptions& options,
                                                 bool append) {
  return std::make_unique<JsonWriter>(path, options, append);
}

std::unique_ptr<ResponseWriter> make_npy_writer(const std::string& path, bool fill_gaps) {
  return std::make_unique<NpyResponseWriter>(path, fill_gaps);
}

}  // namespace melstream::client
