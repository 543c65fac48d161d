#include "client/extraction.hpp"

#include <exception>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "client/feature_names.hpp"
#include "client/interrupt.hpp"
#include "client/number_text.hpp"
#include "client/progress_line.hpp"
#include "client/publisher.hpp"
#include "client/subscriber.hpp"
#include "client/subscription_totals.hpp"
#include "client/wire_encoding.hpp"

namespace melstream::client {
namespace {

/// Sizes of the chunks, one after another.
class ChunkSizes {
 public:
  explicit ChunkSizes(std::int64_t fixed) : fixed_(fixed) {}

  std::int64_t next() { return fixed_ > 0 ? fixed_ : sizes_(random_); }

 private:
  std::int64_t fixed_;
  std::mt19937 random_;  ///< default seed: a failure can be repeated
  std::uniform_int_distribution<std::int64_t> sizes_{1, 4096};
};

/// Sends the audio on a thread of its own, since the daemon takes it only as fast as its features are read.
class Feeder {
 public:
  Feeder(Publisher& publisher, AudioInput& input, std::int64_t chunk_samples, ProgressLine* progress)
      : publisher_(publisher), input_(input), sizes_(chunk_samples), progress_(progress) {}
  ~Feeder() {
    if (!thread_.joinable()) return;
    publisher_.cancel();
    thread_.join();
  }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  void start() {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }

  /// Waits for the end and returns the totals, or throws what went wrong.
  v1::StreamEnded finish() {
    if (thread_.joinable()) thread_.join();
    if (error_) std::rethrow_exception(error_);
    return ended_;
  }

 private:
  void run() noexcept {
    try {
      std::vector<std::byte> chunk;
      std::int64_t n_sent = 0;
      const auto step = static_cast<std::int64_t>(input_.format().bytes_per_step());
      while (true) {
        input_.read(sizes_.next(), chunk);
        if (chunk.empty() || !publisher_.write(chunk)) break;
        n_sent += static_cast<std::int64_t>(chunk.size()) / step;
        if (progress_ != nullptr) progress_->show_samples(n_sent, input_.length(), input_.format().rate_hz);
      }
      ended_ = publisher_.finish();
    } catch (...) {
      error_ = std::current_exception();
      publisher_.cancel();
    }
  }

  Publisher& publisher_;
  AudioInput& input_;
  ChunkSizes sizes_;
  ProgressLine* progress_;
  v1::StreamEnded ended_;  ///< read after the thread has ended, as error_
  std::exception_ptr error_;
  std::thread thread_;
};

[[noreturn]] void refuse_gap(std::int64_t frame, std::int64_t n_frames, v1::GapReason reason) {
  throw ClientError(ExitCode::kFailure, "audio was lost at frame " + std::to_string(frame) + " (" +
                                            std::to_string(n_frames) + " frames, " + gap_reason_name(reason) +
                                            "): nothing is written");
}

v1::SubscribeConfig lossless_subscription(const std::string& stream, const v1::FeatureRequest& features) {
  v1::SubscribeConfig config;
  config.set_stream(stream);
  *config.mutable_features() = features;
  config.set_block_frames(100);
  config.set_max_delay_ms(1000);
  config.set_frame(0);
  config.set_slow_policy(v1::SLOW_POLICY_BLOCK);
  return config;
}

/// Takes responses until the end. Starts the feeder once the subscription stands: no sample comes before it.
void receive(Subscriber& subscriber, Feeder& feeder, FrameSink& sink, SubscriptionTotals& totals,
             ExtractionTotals& result) {
  v1::SubscribeResponse response;
  std::vector<float> values;
  int bins = 0;
  while (subscriber.next(response)) {
    totals.note(response, unix_now_ns());
    if (response.has_gap()) {
      refuse_gap(response.gap().first_frame(), response.gap().frame_count(), response.gap().reason());
    } else if (response.has_discontinuity()) {
      refuse_gap(response.discontinuity().next_frame(), 0, response.discontinuity().reason());
    } else if (response.has_start()) {
      bins = response.start().bins();
      result.spec_sha256 = response.start().spec_sha256();
      if (bins < 1 || response.start().first_frame() != 0) {
        throw ClientError(ExitCode::kFailure, "the daemon's subscription begins at frame " +
                                                  std::to_string(response.start().first_frame()) + " with " +
                                                  std::to_string(bins) + " bins: please report this");
      }
      sink.begin(bins);
      feeder.start();
    } else if (response.has_block()) {
      decode_values(response.block().values(), v1::ELEMENT_TYPE_FLOAT32, response.block().frame_count(), bins, values);
      sink.append(values);
    }
  }
}

void check_end(const SubscriptionTotals& totals, const v1::StreamEnded& ended) {
  if (ended.totals().dropped_samples() > 0) {
    throw ClientError(ExitCode::kFailure,
                      std::to_string(ended.totals().dropped_samples()) + " samples were lost: nothing is written");
  }
  if (!totals.ended() || totals.end_reason() != v1::END_REASON_COMPLETED) {
    throw ClientError(ExitCode::kFailure,
                      "the stream ended early (" + end_reason_name(totals.end_reason()) + "): nothing is written");
  }
}

}  // namespace

v1::AudioConfig audio_config(const std::string& stream, const AudioFormat& format, std::optional<int> channel,
                             v1::Pacing pacing) {
  v1::AudioConfig config;
  config.set_stream(stream);
  config.set_encoding(wire_encoding(format.encoding));
  config.set_sample_rate_hertz(format.rate_hz);
  config.set_audio_channel_count(format.channels);
  config.set_channel_mode(channel ? v1::CHANNEL_MODE_INDEX : v1::CHANNEL_MODE_MIX);
  config.set_channel_index(channel.value_or(0));
  config.set_pacing(pacing);
  return config;
}

std::string unique_stream_id(const std::string& prefix) {
  std::random_device device;
  const std::uint64_t random = (std::uint64_t{device()} << 32) | device();
  return prefix + "-" + std::to_string(getpid()) + "-" + hex_epoch(random);
}

ExtractionTotals extract_features(const Connection& connection, AudioInput& input, const ExtractionRequest& request,
                                  FrameSink& sink, Interrupt* interrupt, ProgressLine* progress) {
  v1::AudioConfig config = audio_config(unique_stream_id("extract"), input.format(), request.channel, v1::PACING_FAST);
  Publisher publisher(connection, config);
  Subscriber subscriber(connection, lossless_subscription(config.stream(), request.features));
  Feeder feeder(publisher, input, request.chunk_samples, progress);
  const InterruptAction cancel(interrupt, [&] {
    publisher.cancel();
    subscriber.cancel();
  });
  ExtractionTotals result;
  SubscriptionTotals totals;
  receive(subscriber, feeder, sink, totals, result);
  if (interrupt != nullptr && interrupt->requested()) {
    throw ClientError(ExitCode::kFailure, "interrupted: nothing is written");
  }
  // First the publisher's word: where its call failed, that is why the stream ended early.
  const v1::StreamEnded ended = feeder.finish();
  check_end(totals, ended);
  result.nonfinite_samples = ended.totals().nonfinite_samples();
  return result;
}

}  // namespace melstream::client
