#include "bench/wire/reader.hpp"

#include <algorithm>
#include <cstring>

#include "melstream/engine/framing.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::bench {
namespace {

constexpr std::int64_t kLookNs = 20'000'000;
constexpr std::int64_t kPatienceNs = 5'000'000'000;
constexpr int kFrameMs = 10;
constexpr int kSpareMs = 50;

// Field numbers of the responses (proto/melstream/v1/feature_service.proto).
constexpr std::size_t kStartFirstFrame = 5;
constexpr std::size_t kStartHop = 8;
constexpr std::size_t kStartDelay = 9;
constexpr std::size_t kFirstFrame = 3;
constexpr std::size_t kFrameCount = 4;
constexpr std::size_t kFirstSample = 5;
constexpr std::size_t kEndNextFrame = 3;

grpc::ByteBuffer config_of(const ReaderLoad& load, int stream) {
  v1::SubscribeRequest request;
  v1::SubscribeConfig& config = *request.mutable_config();
  if (load.all_streams) {
    config.mutable_streams()->mutable_all();
  } else {
    config.set_stream(stream_id(stream));
  }
  config.mutable_features()->set_front_end(load.front_end);
  config.set_block_frames(load.block_frames);
  // Blocks go out because they are full, not because time is up.
  config.set_max_delay_ms(load.block_frames * kFrameMs + kSpareMs);
  config.set_wait(load.wait);
  return to_buffer(request);
}

}  // namespace

Reader::Reader(const ReaderLoad& load, const AudioLoad& audio, const std::string& address, const SendLog& log,
               Control& control, ReaderResult& result)
    : load_(load), audio_(audio), log_(log), control_(control), result_(result) {
  const int n_connections = load.n_connections == 0 ? load.n_calls : load.n_connections;
  const auto channels = connect(address, n_connections);
  tracks_.resize(static_cast<std::size_t>(load.n_calls) *
                 (load.all_streams ? static_cast<std::size_t>(audio.n_streams) : 1));
  for (int i = 0; i < load.n_calls; ++i) {
    calls_.push_back(std::make_unique<RawCall>(channels[static_cast<std::size_t>(i % n_connections)],
                                               "/melstream.v1.FeatureService/Subscribe", queue_, i, *this,
                                               config_of(load, i % audio.n_streams)));
  }
}

void Reader::run() {
  while (!control_.stop_readers) {
    measuring_ = control_.measuring;
    queue_.run_until(steady_ns() + kLookNs);
  }
  measuring_ = false;
  count_expected();
  for (const auto& call : calls_) call->cancel();
  const std::int64_t give_up_ns = steady_ns() + kPatienceNs;
  while (queue_.busy() && steady_ns() < give_up_ns) queue_.run_until(steady_ns() + kLookNs);
}

void Reader::on_written(RawCall& /*call*/) { control_.n_readers_ready.fetch_add(1); }

void Reader::on_read(RawCall& call) {
  now_ns_ = steady_ns();
  call_ = &call;
  ++result_.n_messages;
  grpc::Slice slice;
  if (!call.message().TrySingleSlice(&slice).ok() && !call.message().DumpToSingleSlice(&slice).ok()) return;
  result_.n_bytes += static_cast<std::int64_t>(slice.size());
  if (!read_told({slice.begin(), slice.size()}, *this)) ++result_.n_holes;
}

void Reader::on_end(RawCall& call) {
  if (call.status().ok() || control_.stop_readers) return;
  ++result_.n_failures;
  std::strncpy(result_.failure.data(), call.status().error_message().c_str(), result_.failure.size() - 1);
}

Reader::Track& Reader::track_of(const Told& told) {
  const auto call = static_cast<std::size_t>(call_->index());
  if (!load_.all_streams) return tracks_[call];
  const int stream = std::clamp(told.stream, 0, audio_.n_streams - 1);
  return tracks_[call * static_cast<std::size_t>(audio_.n_streams) + static_cast<std::size_t>(stream)];
}

void Reader::on_told(const Told& told) {
  Track& track = track_of(told);
  const auto& numbers = told.numbers;
  switch (told.kind) {
    case Told::kStart:
      track = {.first_frame = numbers[kStartFirstFrame],
               .next_frame = numbers[kStartFirstFrame],
               .hop_samples = numbers[kStartHop],
               .delay_samples = numbers[kStartDelay]};
      break;
    case Told::kBlock:
      ++result_.n_blocks;
      result_.frames_delivered += numbers[kFrameCount];
      advance(track, numbers[kFirstFrame], numbers[kFrameCount]);
      if (measuring_) take_latency(track, told);
      break;
    case Told::kGap:
      ++result_.n_gaps;
      result_.frames_gapped += numbers[kFrameCount];
      advance(track, numbers[kFirstFrame], numbers[kFrameCount]);
      break;
    case Told::kEnd:
      ++result_.n_ends;
      advance(track, numbers[kEndNextFrame], 0);
      break;
    case Told::kFailure:
      ++result_.n_failures;
      break;
    case Told::kDiscontinuity:
    case Told::kHeartbeat:
    case Told::kBatch:
      break;
  }
}

void Reader::advance(Track& track, std::int64_t first_frame, std::int64_t n_frames) {
  if (first_frame != track.next_frame) ++result_.n_holes;
  track.next_frame = first_frame + n_frames;
}

void Reader::take_latency(const Track& track, const Told& block) {
  const std::int64_t samples_needed =
      block.numbers[kFirstSample] + (block.numbers[kFrameCount] - 1) * track.hop_samples + track.delay_samples;
  const std::int64_t chunk = (samples_needed - 1) / audio_.chunk_samples();
  const std::int64_t sent_ns = log_.sent_ns(block.stream, chunk);
  if (sent_ns != 0) result_.latency.add(now_ns_ - sent_ns);
}

void Reader::count_expected() {
  const engine::FrontEndCatalog catalog;
  const engine::RowGeometry geometry = catalog.find(load_.front_end)->rows(engine::Smoothing::kNone);
  for (std::size_t i = 0; i < tracks_.size(); ++i) {
    const auto stream = static_cast<int>(i % static_cast<std::size_t>(audio_.n_streams));
    const std::int64_t n_samples = log_.n_chunks(stream) * audio_.chunk_samples();
    const std::int64_t first_frame = std::max<std::int64_t>(0, tracks_[i].first_frame);
    result_.frames_expected += engine::row_count(geometry, n_samples) - first_frame;
  }
}

}  // namespace melstream::bench
