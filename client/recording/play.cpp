// melstream play: a recording again, as `subscribe` shows it, as files, or served to other clients.
#include <chrono>
#include <cstdio>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/commands.hpp"
#include "client/feature_names.hpp"
#include "client/interrupt.hpp"
#include "client/latency.hpp"
#include "client/recording/export_writers.hpp"
#include "client/recording/play_server.hpp"
#include "client/recording/recording_file.hpp"
#include "client/response_writer.hpp"
#include "client/subscription_totals.hpp"

namespace melstream::client {
namespace {

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::unique_ptr<ResponseWriter> make_writer(const PlayOptions& options, const v1::RecordingHeader& header) {
  const std::string& path = options.out_path;
  if (options.common.json || path == "-") return make_json_writer("-", {!options.no_values, options.crc});
  if (path.empty()) return make_text_writer(true);
  if (ends_with(path, ".npz")) return make_npz_writer(path, header);
  if (ends_with(path, ".ark")) return make_kaldi_writer(path);
  if (ends_with(path, ".jsonl")) return make_json_writer(path, {!options.no_values, options.crc});
  if (ends_with(path, ".npy")) return make_npy_writer(path, options.fill_gaps == "nan");
  throw ClientError(ExitCode::kUsage, "--out '" + path +
                                          "': use a name that ends in .npz, .ark (with an .scp beside it), .npy or "
                                          ".jsonl, or - for JSON lines on standard output");
}

void check(const PlayOptions& options) {
  if (options.pace != "realtime" && options.pace != "fast") {
    throw ClientError(ExitCode::kUsage, "--pace '" + options.pace + "': use realtime or fast");
  }
  if (!options.fill_gaps.empty() && options.fill_gaps != "nan") {
    throw ClientError(ExitCode::kUsage, "--fill-gaps '" + options.fill_gaps + "': use nan");
  }
  if (!options.listen.empty() && (options.common.json || !options.out_path.empty())) {
    throw ClientError(ExitCode::kUsage, "--listen serves the recording to other clients: leave out --json and --out");
  }
}

/// Bins of each stream, as their starts told.
class Decoder {
 public:
  explicit Decoder(v1::ElementType type) : type_(type) {}

  /// The block's values, [frame_count][bins]; empty for what is no block.
  const std::vector<float>& decode(const v1::SubscribeResponse& response) {
    values_.clear();
    if (response.has_start()) bins_[response.start().stream()] = response.start().bins();
    if (response.has_block()) {
      const v1::FeatureBlock& block = response.block();
      decode_values(block.values(), type_, block.frame_count(), bins_[block.stream()], values_);
    }
    return values_;
  }

 private:
  v1::ElementType type_;
  std::unordered_map<std::string, int> bins_;
  std::vector<float> values_;
};

/// False where the user stopped it.
bool play(RecordingReader& reader, const PlayOptions& options, const Interrupt& interrupt, ResponseWriter& writer,
          SubscriptionTotals& totals) {
  // To a file there is nothing to wait for.
  const bool in_time = options.pace == "realtime" && (options.out_path.empty() || options.out_path == "-");
  const auto begin = std::chrono::steady_clock::now();
  Decoder decoder(reader.header().features().element_type());
  v1::RecordingEntry entry;
  while (reader.next(entry)) {
    if (in_time && !interrupt.wait_until(begin + std::chrono::nanoseconds(entry.after_ns()))) return false;
    if (interrupt.requested()) return false;
    // As it was then, so that latencies are those that were measured.
    const std::int64_t now_ns = reader.header().begin_time_ns() + entry.after_ns();
    totals.note(entry.response(), now_ns);
    writer.write(entry.response(), decoder.decode(entry.response()), now_ns);
  }
  return true;
}

}  // namespace

ExitCode run_play(const PlayOptions& options) {
  check(options);
  Interrupt interrupt;
  RecordingReader reader(options.path);
  const v1::RecordingHeader& header = reader.header();
  std::fprintf(stderr, "melstream: %s: %s, sha256 %s\n", options.path.c_str(), header.front_end().name().c_str(),
               header.front_end().spec_sha256().c_str());
  if (!options.listen.empty()) return serve_recording(options, header, interrupt);
  const auto writer = make_writer(options, header);
  SubscriptionTotals totals;
  const bool whole = play(reader, options, interrupt, *writer, totals);
  writer->finish();
  std::fprintf(stderr, "melstream: %s\n", totals.text_of_many().c_str());
  if (whole && !reader.complete()) {
    std::fprintf(stderr, "melstream: warning: the recording has no end: it was cut off after %lld responses\n",
                 static_cast<long long>(reader.n_entries()));
    return ExitCode::kFailure;
  }
  return ExitCode::kOk;
}

}  // namespace melstream::client
