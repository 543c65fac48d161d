#include "bench/wire/publisher.hpp"

#include <random>
#include <stdexcept>
#include <thread>

#include "melstream/v1/audio_service.pb.h"

namespace melstream::bench {
namespace {

constexpr std::int64_t kStepNs = 1'000'000;
constexpr std::int64_t kPatienceNs = 20'000'000'000;
constexpr std::size_t kVariants = 4;

std::string noise(int n_samples, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> sample(-8000, 8000);
  std::string bytes;
  for (int i = 0; i < n_samples; ++i) {
    const auto value = static_cast<std::uint16_t>(sample(random));
    bytes.push_back(static_cast<char>(value & 0xFF));
    bytes.push_back(static_cast<char>(value >> 8));
  }
  return bytes;
}

v1::AudioConfig config_of(int stream) {
  v1::AudioConfig config;
  config.set_stream(stream_id(stream));
  config.set_encoding(v1::AUDIO_ENCODING_LINEAR16);
  config.set_sample_rate_hertz(kRateHz);
  config.set_audio_channel_count(1);
  return config;
}

}  // namespace

Publisher::Publisher(const AudioLoad& load, const std::string& address, SendLog& log, Control& control)
    : load_(load), log_(log), control_(control), messages_(static_cast<std::size_t>(load.n_messages())) {
  if (load.batch) {
    open_batch(address);
  } else {
    open_streams(address);
  }
  const std::int64_t give_up_ns = steady_ns() + kPatienceNs;
  while (n_started_ < static_cast<std::size_t>(load.n_streams)) {
    queue_.run_until(steady_ns() + kStepNs);
    if (n_ended_ > 0) throw std::runtime_error("a stream was not opened: " + calls_.front()->status().error_message());
    if (steady_ns() > give_up_ns) throw std::runtime_error("streams were not opened in time");
  }
  control.publisher_ready = true;
}

void Publisher::open_streams(const std::string& address) {
  std::vector<grpc::ByteBuffer> variants;
  for (std::size_t i = 0; i < kVariants; ++i) {
    v1::StreamAudioRequest request;
    request.mutable_audio()->set_content(noise(load_.chunk_samples(), static_cast<unsigned>(i)));
    variants.push_back(to_buffer(request));
  }
  const auto channels = connect(address, load_.n_streams);
  for (int i = 0; i < load_.n_streams; ++i) {
    v1::StreamAudioRequest request;
    *request.mutable_config() = config_of(i);
    calls_.push_back(std::make_unique<RawCall>(channels[static_cast<std::size_t>(i)],
                                               "/melstream.v1.AudioService/StreamAudio", queue_, i, *this,
                                               to_buffer(request)));
    messages_[static_cast<std::size_t>(i)] = {i, 1, variants, calls_.back().get(), 0};
  }
}

void Publisher::open_batch(const std::string& address) {
  v1::StreamAudioBatchRequest opening;
  for (int i = 0; i < load_.n_streams; ++i) {
    v1::BatchOpen& open = *opening.add_opens();
    open.set_number(static_cast<std::uint32_t>(i + 1));
    *open.mutable_config() = config_of(i);
  }
  calls_.push_back(std::make_unique<RawCall>(connect(address, 1).front(), "/melstream.v1.AudioService/StreamAudioBatch",
                                             queue_, 0, *this, to_buffer(opening)));
  const int n_messages = load_.n_messages();
  for (int m = 0; m < n_messages; ++m) {
    Message& message = messages_[static_cast<std::size_t>(m)];
    message.first_stream = load_.n_streams * m / n_messages;
    message.n_streams = load_.n_streams * (m + 1) / n_messages - message.first_stream;
    message.call = calls_.front().get();
    for (std::size_t variant = 0; variant < kVariants; ++variant) {
      v1::StreamAudioBatchRequest request;
      for (int i = 0; i < message.n_streams; ++i) {
        v1::BatchChunk& chunk = *request.add_chunks();
        chunk.set_number(static_cast<std::uint32_t>(message.first_stream + i + 1));
        chunk.set_content(noise(load_.chunk_samples(), static_cast<unsigned>(i) * kVariants + variant));
      }
      message.variants.push_back(to_buffer(request));
    }
  }
}

void Publisher::run() {
  while (!control_.publish && !control_.stop_publisher) queue_.run_until(steady_ns() + kStepNs);
  const std::int64_t begin_ns = steady_ns();
  for (std::int64_t step = 0; !control_.stop_publisher; ++step) {
    // What came meanwhile, then asleep until the next step: gRPC's own waiting rounds up to a millisecond.
    queue_.run_until(0);
    const std::int64_t due_ns = begin_ns + step * kStepNs;
    std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns - steady_ns()));
    if (!load_.silent) send_due(steady_ns() - begin_ns);
  }
  while (!waits_.empty()) queue_.run_until(steady_ns() + kStepNs);
  for (const auto& call : calls_) {
    while (!call->can_write() && !call->ended()) queue_.run_until(steady_ns() + kStepNs);
    if (!call->ended()) call->writes_done();
  }
  const std::int64_t give_up_ns = steady_ns() + kPatienceNs;
  while (queue_.busy()) {
    queue_.run_until(steady_ns() + kStepNs);
    if (steady_ns() < give_up_ns) continue;
    for (const auto& call : calls_) call->cancel();
  }
}

void Publisher::send_due(std::int64_t now_ns) {
  const auto n = static_cast<std::int64_t>(messages_.size());
  // Message m of round r is due at (r + m / n) chunks.
  while (n_due_ * load_.chunk_ns() / n <= now_ns) {
    Message& message = messages_[static_cast<std::size_t>(n_due_ % n)];
    ++n_due_;
    send_or_wait(message);
  }
}

void Publisher::send_or_wait(Message& message) {
  if (message.call->ended()) throw std::runtime_error("a stream ended: " + message.call->status().error_message());
  if (message.call->can_write()) return send(message);
  waits_.push_back(static_cast<std::size_t>(&message - messages_.data()));
  control_.n_waited.fetch_add(1, std::memory_order_relaxed);
}

void Publisher::send(Message& message) {
  const std::int64_t now_ns = steady_ns();
  for (int i = 0; i < message.n_streams; ++i) log_.add(message.first_stream + i, now_ns);
  message.call->write(message.variants[static_cast<std::size_t>(message.n_sent++) % kVariants]);
}

void Publisher::on_written(RawCall& call) {
  for (std::size_t i = 0; i < waits_.size(); ++i) {
    Message& message = messages_[waits_[i]];
    if (message.call != &call) continue;
    waits_.erase(waits_.begin() + static_cast<std::ptrdiff_t>(i));
    return send(message);
  }
}

void Publisher::on_read(RawCall& call) {
  if (n_started_ == static_cast<std::size_t>(load_.n_streams)) return;  // progress
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!call.message().Dump(&slices).ok()) return;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  if (!load_.batch) {
    v1::StreamAudioResponse response;
    if (response.ParseFromString(bytes) && response.has_started()) ++n_started_;
    return;
  }
  v1::StreamAudioBatchResponse response;
  if (!response.ParseFromString(bytes)) return;
  for (const v1::BatchUpdate& update : response.updates()) {
    if (update.has_started()) ++n_started_;
    if (update.has_failed()) throw std::runtime_error("a stream was not opened: " + update.failed().message());
  }
}

void Publisher::on_end(RawCall& /*call*/) { ++n_ended_; }

}  // namespace melstream::bench
