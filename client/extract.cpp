// melstream extract: the features of a whole file.
#include <cstdio>
#include <memory>
#include <utility>

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/extraction.hpp"
#include "client/feature_names.hpp"
#include "client/feature_plan.hpp"
#include "client/input_options.hpp"
#include "client/interrupt.hpp"
#include "client/json_object.hpp"
#include "client/normalization.hpp"
#include "client/npy.hpp"
#include "client/progress_line.hpp"

namespace melstream::client {
namespace {

/// Straight to the file: long recordings need no memory.
class NpySink final : public FrameSink {
 public:
  explicit NpySink(std::string path) : path_(std::move(path)) {}

  void begin(int bins) override {
    bins_ = bins;
    writer_ = std::make_unique<NpyWriter>(path_, bins);
  }
  void append(std::span<const float> rows) override { writer_->append(rows); }
  void commit() { writer_->commit(); }
  std::int64_t frames() const noexcept { return writer_->frames(); }
  int bins() const noexcept { return bins_; }

 private:
  std::string path_;
  int bins_ = 0;
  std::unique_ptr<NpyWriter> writer_;
};

void report(const ExtractOptions& options, const FeaturePlan& plan, const ExtractionTotals& totals, std::int64_t frames,
            int bins) {
  if (totals.nonfinite_samples > 0) {
    std::fprintf(stderr, "melstream: warning: %lld samples were NaN or infinite and became 0\n",
                 static_cast<long long>(totals.nonfinite_samples));
  }
  if (!options.common.json) {
    std::printf("%s: [%lld, %d] %s\n", options.out_path.c_str(), static_cast<long long>(frames), bins,
                plan.front_end.c_str());
    return;
  }
  JsonObject json;
  json.add("out", options.out_path).add("frames", frames).add("bins", static_cast<std::int64_t>(bins));
  json.add("front_end", plan.front_end).add("spec_sha256", totals.spec_sha256);
  json.add("smoothing", smoothing_name(plan.smoothing)).add("normalization", normalization_name(plan.normalization));
  json.add("nonfinite_samples", totals.nonfinite_samples);
  std::printf("%s\n", json.text().c_str());
}

}  // namespace

ExitCode run_extract(const ExtractOptions& options) {
  Interrupt interrupt;
  const FeaturePlan plan = plan_features(options.features);
  auto input = open_input(options.input, interrupt.fd());
  ExtractionRequest request;
  request.channel = parse_channel(options.input, input->format());
  request.chunk_samples = chunk_samples(options.input, input->format());
  const double pad_to = options.has_pad_to ? options.pad_to_seconds : plan.pad_to_seconds;
  if (options.has_pad_to || pad_to > 0) {
    const std::int64_t n_samples = seconds_to_samples(pad_to, input->format().rate_hz, "--pad-to");
    input = pad_or_cut(std::move(input), n_samples);
  }
  const Connection connection(options.common.server);
  request.features = make_feature_request(plan, connection.front_end(plan.front_end), false);
  ProgressLine progress("extract " + options.input.path);
  if (!is_window_normalization(plan.normalization)) {
    NpySink sink(options.out_path);
    const ExtractionTotals totals = extract_features(connection, *input, request, sink, &interrupt, &progress);
    sink.commit();
    report(options, plan, totals, sink.frames(), sink.bins());
    return ExitCode::kOk;
  }
  MatrixSink sink;
  const ExtractionTotals totals = extract_features(connection, *input, request, sink, &interrupt, &progress);
  if (plan.normalization == v1::NORMALIZATION_WHISPER_WINDOW) {
    whisper_window(sink.matrix);
  } else {
    per_feature_window(sink.matrix);
  }
  write_npy(options.out_path, sink.matrix);
  report(options, plan, totals, sink.matrix.frames(), sink.matrix.bins);
  return ExitCode::kOk;
}

}  // namespace melstream::client
