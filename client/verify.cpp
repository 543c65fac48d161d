// melstream verify: the golden set through the running daemon, a line a preset.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/extraction.hpp"
#include "client/feature_plan.hpp"
#include "client/golden.hpp"
#include "client/input_options.hpp"
#include "client/interrupt.hpp"
#include "client/json_object.hpp"
#include "client/normalization.hpp"
#include "client/npy.hpp"
#include "client/number_text.hpp"

namespace melstream::client {
namespace {

constexpr int kMaxJobs = 64;
constexpr std::size_t kMaxFailuresShown = 3;

/// What was found of one preset.
struct PresetResult {
  int n_clips = 0;
  int n_pending = 0;
  double worst_ratio = 0;
  double largest_difference = 0;
  std::vector<std::string> failures;
};

/// Features of one clip as a preset defines them.
FeatureMatrix extract_preset(const Connection& connection, const v1::FrontEndInfo& front_end, const FeaturePlan& plan,
                             const std::string& audio_path, const std::string& golden_folder,
                             std::int64_t chunk_samples, Interrupt* interrupt) {
  auto input = open_audio_file(audio_path);
  if (plan.pad_to_seconds > 0) {
    const std::int64_t n = seconds_to_samples(plan.pad_to_seconds, input->format().rate_hz, "--pad-to");
    input = pad_or_cut(std::move(input), n);
  }
  ExtractionRequest request;
  request.features = make_feature_request(plan, front_end, false, golden_folder);
  request.chunk_samples = chunk_samples;
  MatrixSink sink;
  extract_features(connection, *input, request, sink, interrupt, nullptr);
  if (plan.normalization == v1::NORMALIZATION_WHISPER_WINDOW) whisper_window(sink.matrix);
  if (plan.normalization == v1::NORMALIZATION_PER_FEATURE_WINDOW) per_feature_window(sink.matrix);
  return std::move(sink.matrix);
}

FeaturePlan plan_preset(const std::string& preset) {
  FeatureOptions options;
  options.front_end = preset;
  return plan_features(options);
}

/// The work, shared by the calls that run beside each other. Lines come in the presets' order.
class Verification {
 public:
  Verification(const VerifyOptions& options, const Connection& connection, Interrupt& interrupt)
      : options_(options),
        connection_(connection),
        interrupt_(interrupt),
        golden_(load_golden(find_golden_folder(options.golden_folder))) {
    const v1::ListFrontEndsResponse response = connection.list_front_ends();
    for (const auto& info : response.front_ends()) front_ends_[info.name()] = info;
    for (const auto& entry : golden_.entries) add(entry);
    for (const auto& entry : golden_.refusals) add(entry);
    if (work_.empty()) throw ClientError(ExitCode::kUsage, "the golden set has no preset '" + options.preset + "'");
  }

  bool run() {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(options_.jobs));
    for (int i = 0; i < options_.jobs; ++i) threads.emplace_back([this] { work(); });
    for (auto& thread : threads) thread.join();
    bool passed = true;
    for (const auto& preset : order_) passed = passed && results_[preset].failures.empty();
    return check_chunking() && passed && !interrupt_.requested();
  }

  /// After run().
  std::string json(bool passed) const {
    std::vector<std::string> presets;
    for (const auto& name : order_) {
      const PresetResult& result = results_.at(name);
      std::vector<std::string> failures;
      for (const auto& failure : result.failures) failures.push_back(json_string(failure));
      JsonObject object;
      object.add("preset", name).add("clips", std::int64_t{result.n_clips}).add("pass", result.failures.empty());
      object.add("worst_ratio", result.worst_ratio).add("largest_difference", result.largest_difference);
      presets.push_back(object.add_json("failures", json_array(failures)).text());
    }
    std::vector<std::string> chunking;
    for (const auto& failure : chunking_failures_) chunking.push_back(json_string(failure));
    JsonObject object;
    object.add("server", connection_.server()).add("golden", golden_.folder).add("pass", passed);
    object.add_json("presets", json_array(presets)).add_json("chunking_failures", json_array(chunking));
    return object.text();
  }

 private:
  void add(const GoldenEntry& entry) {
    if (!options_.preset.empty() && options_.preset != entry.preset) return;
    if (results_.count(entry.preset) == 0) order_.push_back(entry.preset);
    PresetResult& result = results_[entry.preset];
    ++result.n_clips;
    ++result.n_pending;
    work_.push_back(&entry);
  }

  /// Thread: each of the calls.
  void work() {
    for (std::size_t at = next_++; at < work_.size() && !interrupt_.requested(); at = next_++) {
      Comparison comparison;
      std::string failure;
      try {
        failure = check(*work_[at], comparison);
      } catch (const ClientError& error) {
        failure = error.what();
      }
      const std::lock_guard lock(mutex_);
      PresetResult& result = results_[work_[at]->preset];
      result.worst_ratio = std::max(result.worst_ratio, comparison.worst_ratio);
      result.largest_difference = std::max(result.largest_difference, comparison.largest_difference);
      if (!failure.empty()) result.failures.push_back(work_[at]->clip + ": " + failure);
      --result.n_pending;
      print_complete();
    }
  }

  /// Empty, or what is wrong.
  std::string check(const GoldenEntry& entry, Comparison& comparison) const {
    const FeaturePlan plan = plan_preset(entry.preset);
    const auto front_end = front_ends_.find(plan.front_end);
    if (front_end == front_ends_.end()) return "the daemon has no front end '" + plan.front_end + "'";
    const FeatureMatrix actual =
        extract_preset(connection_, front_end->second, plan, entry.audio_path, golden_.folder, 320, &interrupt_);
    if (entry.features_path.empty()) {
      return actual.frames() == 0 ? "" : std::to_string(actual.frames()) + " frames of a clip that is too short";
    }
    comparison = compare_matrices(actual, read_npy(entry.features_path), entry.tolerance);
    std::string reasons;
    for (const auto& reason : comparison.reasons) reasons += (reasons.empty() ? "" : ", ") + reason;
    return reasons;
  }

  /// Prints the presets that are done and whose predecessors are. mutex_ is held.
  void print_complete() {
    while (n_printed_ < order_.size() && results_[order_[n_printed_]].n_pending == 0) {
      const std::string& name = order_[n_printed_++];
      const PresetResult& result = results_[name];
      if (options_.common.json) continue;
      std::printf("%s %-20s %3d clips  worst difference/tolerance %-8s largest difference %s\n",
                  result.failures.empty() ? "PASS" : "FAIL", name.c_str(), result.n_clips,
                  short_number(result.worst_ratio).c_str(), short_number(result.largest_difference).c_str());
      // The first ones tell what is wrong; --json has them all.
      const std::size_t n_shown = std::min(result.failures.size(), kMaxFailuresShown);
      for (std::size_t i = 0; i < n_shown; ++i) std::printf("     %s\n", result.failures[i].c_str());
      if (n_shown < result.failures.size()) std::printf("     and %zu more\n", result.failures.size() - n_shown);
      std::fflush(stdout);
    }
  }

  /// The same bits however the audio is cut: some clips, some front ends, all the cuts that a network makes.
  bool check_chunking() {
    int n_compared = 0;
    for (const char* preset : {"whisper80_raw", "kaldi80", "nemo80_raw", "paraformer560"}) {
      if (results_.count(preset) == 0) continue;
      for (const char* clip : {"espeak", "short561"}) {
        if (interrupt_.requested()) return false;
        const GoldenEntry* entry = golden_.find(preset, clip);
        if (entry == nullptr) continue;
        try {
          n_compared += compare_chunkings(*entry);
        } catch (const ClientError& error) {
          chunking_failures_.push_back(std::string(preset) + " " + clip + ": " + error.what());
        }
      }
    }
    if (!options_.common.json && (n_compared > 0 || !chunking_failures_.empty())) {
      std::printf("%s %-20s %3d ways to cut the audio, all bits equal\n", chunking_failures_.empty() ? "PASS" : "FAIL",
                  "chunking", n_compared);
      for (const auto& failure : chunking_failures_) std::printf("     %s\n", failure.c_str());
    }
    return chunking_failures_.empty();
  }

  int compare_chunkings(const GoldenEntry& entry) {
    const FeaturePlan plan = plan_preset(entry.preset);
    const auto front_end = front_ends_.find(plan.front_end);
    if (front_end == front_ends_.end()) return 0;
    const auto extract = [&](std::int64_t chunk) {
      return extract_preset(connection_, front_end->second, plan, entry.audio_path, golden_.folder, chunk, &interrupt_);
    };
    const FeatureMatrix reference = extract(320);
    int n_compared = 0;
    // 0: random sizes.
    for (const std::int64_t chunk : {1, 7, 160, 441, 4096, 0}) {
      // Sample by sample only where that is a few hundred messages.
      if (chunk == 1 && entry.frames > 10) continue;
      const FeatureMatrix actual = extract(chunk);
      const bool equal =
          actual.values.size() == reference.values.size() &&
          std::memcmp(actual.values.data(), reference.values.data(), actual.values.size() * sizeof(float)) == 0;
      if (!equal) {
        chunking_failures_.push_back(entry.preset + " " + entry.clip + ": chunks of " +
                                     (chunk == 0 ? std::string("random") : std::to_string(chunk)) +
                                     " samples give other bits than chunks of 320");
      }
      ++n_compared;
    }
    return n_compared;
  }

  const VerifyOptions& options_;
  const Connection& connection_;
  Interrupt& interrupt_;
  GoldenSet golden_;
  std::map<std::string, v1::FrontEndInfo> front_ends_;
  std::vector<const GoldenEntry*> work_;
  std::vector<std::string> order_;
  std::atomic<std::size_t> next_ = 0;  ///< taken by the calls, each entry once

  std::mutex mutex_;  ///< guards what follows while the calls run
  std::map<std::string, PresetResult> results_;
  std::size_t n_printed_ = 0;
  std::vector<std::string> chunking_failures_;
};

}  // namespace

ExitCode run_verify(const VerifyOptions& options) {
  if (options.jobs < 1 || options.jobs > kMaxJobs) {
    throw ClientError(ExitCode::kUsage, "--jobs: 1 to " + std::to_string(kMaxJobs));
  }
  Interrupt interrupt;
  const Connection connection(options.common.server);
  Verification verification(options, connection, interrupt);
  const bool passed = verification.run();
  if (options.common.json) std::printf("%s\n", verification.json(passed).c_str());
  return passed ? ExitCode::kOk : ExitCode::kFailure;
}

}  // namespace melstream::client
