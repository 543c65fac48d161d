#include "client/load/load_reader.hpp"

#include <algorithm>

#include <time.h>

#include "melstream/v1/feature_service.pb.h"

#include "client/load/steady_time.hpp"

namespace melstream::client {
namespace {

constexpr std::int64_t kLookNs = 20'000'000;
constexpr int kDeadlineExceeded = 4;  // google.rpc.Code
constexpr std::int64_t kTimelineRateHz = 16'000;

// Fields of the responses, by number.
constexpr std::size_t kStartFirstFrame = 5;
constexpr std::size_t kStartHop = 8;
constexpr std::size_t kStartDelay = 9;
constexpr std::size_t kFirstFrame = 3;  // of blocks and gaps
constexpr std::size_t kFrameCount = 4;  // of blocks and gaps
constexpr std::size_t kCaptureTime = 6;
constexpr std::size_t kReceivedTime = 7;
constexpr std::size_t kGapReason = 5;
constexpr std::size_t kDiscontinuityReason = 4;
constexpr std::size_t kEndNextFrame = 3;
constexpr std::size_t kEndReason = 4;
constexpr std::size_t kFailureCode = 4;

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::size_t reason_index(std::int64_t reason) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(reason, 0, ReadTotals::kNReasons - 1));
}

}  // namespace

LoadReader::LoadReader(const LoadPlan& plan, int thread, const std::vector<Connection>& connections,
                       const MeasuredSpan& span)
    : plan_(plan),
      first_(plan.first_of(thread)),
      last_(plan.first_of(thread + 1)),
      span_(span),
      tracks_(static_cast<std::size_t>(last_ - first_)) {
  v1::SubscribeRequest request;
  v1::SubscribeConfig& config = *request.mutable_config();
  config.mutable_features()->set_front_end(plan.front_end);
  config.set_block_frames(plan.block_frames);
  const auto add_call = [&](int index) {
    const auto connection = static_cast<std::size_t>(thread + index) % connections.size();
    calls_.push_back(std::make_unique<RawCall>(connections[connection].channel(),
                                               "/melstream.v1.FeatureService/Subscribe", queue_, index, *this,
                                               to_buffer(request)));
  };
  if (plan.readers == LoadReaders::kMany) {
    config.mutable_streams()->set_labels("load=" + plan.run + ",part=" + std::to_string(thread));
    add_call(0);
  } else if (plan.readers == LoadReaders::kOne) {
    for (int stream = first_; stream < last_; ++stream) {
      config.set_stream(plan.stream_id(stream));
      config.set_wait(true);
      add_call(stream - first_);
    }
  }
}

void LoadReader::open(std::int64_t give_up_ns) {
  while (n_not_asked() > 0 && totals_.n_failed == 0 && steady_ns() < give_up_ns) {
    queue_.run_until(steady_ns() + kLookNs);
  }
}

void LoadReader::run(const std::atomic<bool>& senders_done, std::int64_t patience_ns) {
  const double cpu_before = thread_seconds();
  const int n_streams = calls_.empty() ? 0 : last_ - first_;
  while (!senders_done.load(std::memory_order_relaxed)) queue_.run_until(steady_ns() + kLookNs);
  totals_.cpu_s = thread_seconds() - cpu_before;
  const std::int64_t give_up_ns = steady_ns() + patience_ns;
  while (n_over_ < n_streams && queue_.busy() && steady_ns() < give_up_ns) queue_.run_until(steady_ns() + kLookNs);
  if (!calls_.empty()) {
    for (Track& track : tracks_) fail(track, kDeadlineExceeded, "the end of a stream was not told in time");
  }
  for (const auto& call : calls_) {
    if (!call->ended()) call->cancel();
  }
  while (queue_.busy() && steady_ns() < give_up_ns + patience_ns) queue_.run_until(steady_ns() + kLookNs);
}

void LoadReader::on_written(RawCall& /*call*/) { ++n_asked_; }

void LoadReader::on_read(RawCall& call) {
  now_unix_ns_ = unix_now_ns();
  grpc::Slice slice;
  if (!call.message().TrySingleSlice(&slice).ok() && !call.message().DumpToSingleSlice(&slice).ok()) return;
  totals_.bytes += static_cast<std::int64_t>(slice.size());
  if (!read_told({slice.begin(), slice.size()}, *this)) ++totals_.holes;
}

void LoadReader::on_end(RawCall& call) {
  if (plan_.readers == LoadReaders::kOne) {
    fail(tracks_[static_cast<std::size_t>(call.index())], call.status().error_code(), call.status().error_message());
    return;
  }
  for (Track& track : tracks_) fail(track, call.status().error_code(), call.status().error_message());
}

void LoadReader::on_told(const Told& told) {
  if (told.kind == Told::kHeartbeat || told.kind == Told::kBatch) return;
  // Whatever the daemon says: no index beyond our streams.
  if (told.stream < first_ || told.stream >= last_) {
    ++totals_.holes;
    return;
  }
  Track& track = tracks_[static_cast<std::size_t>(told.stream - first_)];
  const auto& numbers = told.numbers;
  switch (told.kind) {
    case Told::kStart:
      track.first_frame = track.next_frame = numbers[kStartFirstFrame];
      track.hop_samples = numbers[kStartHop];
      track.delay_samples = numbers[kStartDelay];
      break;
    case Told::kBlock:
      take_block(track, told);
      break;
    case Told::kGap:
      take_gap(track, told);
      break;
    case Told::kDiscontinuity:
      ++totals_.losses_by[reason_index(numbers[kDiscontinuityReason])];
      break;
    case Told::kEnd:
      advance(track, numbers[kEndNextFrame], 0);
      end(track, numbers[kEndReason] == v1::END_REASON_COMPLETED);
      break;
    case Told::kFailure:
      fail(track, static_cast<int>(numbers[kFailureCode]), "a stream is followed no further");
      break;
    case Told::kHeartbeat:
    case Told::kBatch:
      break;
  }
}

void LoadReader::take_block(Track& track, const Told& block) {
  const std::int64_t n_frames = block.numbers[kFrameCount];
  ++totals_.blocks;
  totals_.frames_delivered += n_frames;
  advance(track, block.numbers[kFirstFrame], n_frames);
  // A row's newest sample: what must follow its first one before it can be computed, no more.
  const auto captured_ns = [&](std::int64_t row) {
    const std::int64_t samples = row * track.hop_samples + track.delay_samples;
    return block.numbers[kCaptureTime] + samples * 1'000'000'000 / kTimelineRateHz;
  };
  const std::int64_t begin_ns = span_.begin_ns.load(std::memory_order_relaxed);
  const std::int64_t end_ns = span_.end_ns.load(std::memory_order_relaxed);
  if (captured_ns(0) < begin_ns || captured_ns(n_frames - 1) >= end_ns) return;
  for (std::int64_t row = 0; row < n_frames; ++row) totals_.latency.add(now_unix_ns_ - captured_ns(row));
  totals_.added.add(now_unix_ns_ - block.numbers[kReceivedTime]);
}

void LoadReader::take_gap(Track& track, const Told& gap) {
  const std::int64_t n_frames = gap.numbers[kFrameCount];
  const std::size_t reason = reason_index(gap.numbers[kGapReason]);
  totals_.frames_gapped += n_frames;
  totals_.frames_gapped_by[reason] += n_frames;
  ++totals_.losses_by[reason];
  advance(track, gap.numbers[kFirstFrame], n_frames);
}

void LoadReader::advance(Track& track, std::int64_t first_frame, std::int64_t n_frames) {
  if (first_frame != track.next_frame) ++totals_.holes;
  track.next_frame = first_frame + n_frames;
}

void LoadReader::end(Track& track, bool completed) {
  if (track.over) return;
  track.over = true;
  ++n_over_;
  if (completed) ++totals_.n_ended;
}

/// Does nothing to a stream that is over.
void LoadReader::fail(Track& track, int code, const std::string& message) {
  if (track.over) return;
  track.over = true;
  ++n_over_;
  ++totals_.n_failed;
  if (totals_.failure.empty()) {
    totals_.failure_code = code;
    totals_.failure = message.empty() ? "the call ended early" : message;
  }
}

}  // namespace melstream::client
