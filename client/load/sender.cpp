#include "client/load/sender.hpp"

#include <algorithm>

#include <time.h>

#include "client/load/steady_time.hpp"
#include "client/wire_encoding.hpp"

namespace melstream::client {
namespace {

constexpr std::int64_t kLookNs = 1'000'000;
constexpr int kDeadlineExceeded = 4;  // google.rpc.Code

/// Processor time of this thread.
double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

Sender::Sender(const LoadPlan& plan, int thread, const std::vector<Connection>& connections)
    : plan_(plan),
      first_(plan.first_of(thread)),
      last_(plan.first_of(thread + 1)),
      schedule_(plan.schedule_of(thread)),
      connections_(connections),
      thread_(thread),
      group_of_stream_(static_cast<std::size_t>(last_ - first_)),
      streams_(static_cast<std::size_t>(last_ - first_)),
      n_opening_(last_ - first_) {}

v1::AudioConfig Sender::config_of(int stream) const {
  v1::AudioConfig config;
  config.set_stream(plan_.stream_id(stream));
  config.set_encoding(wire_encoding(plan_.format.encoding));
  config.set_sample_rate_hertz(plan_.format.rate_hz);
  config.set_audio_channel_count(1);
  (*config.mutable_labels())["load"] = plan_.run;
  (*config.mutable_labels())["part"] = std::to_string(thread_);
  return config;
}

void Sender::open(std::int64_t give_up_ns) {
  if (plan_.batch) {
    open_batches();
  } else {
    open_streams();
  }
  while (n_opening_ > 0 && steady_ns() < give_up_ns) queue_.run_until(steady_ns() + kLookNs);
}

void Sender::open_streams() {
  for (int stream = first_; stream < last_; ++stream) {
    const int index = stream - first_;
    v1::StreamAudioRequest request;
    *request.mutable_config() = config_of(stream);
    const auto connection = static_cast<std::size_t>(thread_ + index) % connections_.size();
    calls_.push_back(std::make_unique<RawCall>(connections_[connection].channel(),
                                               "/melstream.v1.AudioService/StreamAudio", queue_, index, *this,
                                               to_buffer(request)));
    groups_.push_back({.first = stream, .n = 1, .call = calls_.back().get()});
    groups_of_call_.push_back({static_cast<std::size_t>(index)});
    group_of_stream_[static_cast<std::size_t>(index)] = static_cast<std::size_t>(index);
  }
}

/// One call; its streams in groups that are due at different times.
void Sender::open_batches() {
  v1::StreamAudioBatchRequest opening;
  for (int stream = first_; stream < last_; ++stream) {
    v1::BatchOpen& open = *opening.add_opens();
    open.set_number(static_cast<std::uint32_t>(stream - first_ + 1));
    *open.mutable_config() = config_of(stream);
  }
  const auto connection = static_cast<std::size_t>(thread_) % connections_.size();
  calls_.push_back(std::make_unique<RawCall>(connections_[connection].channel(),
                                             "/melstream.v1.AudioService/StreamAudioBatch", queue_, 0, *this,
                                             to_buffer(opening)));
  const int most = plan_.group_size();
  groups_of_call_.emplace_back();
  for (int first = first_; first < last_; first += most) {
    groups_of_call_.back().push_back(groups_.size());
    const int n = std::min(most, last_ - first);
    const auto begin = group_of_stream_.begin() + (first - first_);
    std::fill(begin, begin + n, groups_.size());
    groups_.push_back({.first = first, .n = n, .call = calls_.back().get(), .first_number = first - first_ + 1});
  }
}

void Sender::run(const LoadTimes& times, const std::atomic<std::int64_t>& stop_ns, std::int64_t patience_ns) {
  times_ = times;
  const double cpu_before = thread_seconds();
  while (true) {
    const std::int64_t now_ns = steady_ns();
    if (now_ns >= stop_ns.load(std::memory_order_relaxed)) break;
    send_due(std::min(now_ns, stop_ns.load(std::memory_order_relaxed)));
    queue_.run_until(std::min(steady_ns() + kLookNs, stop_ns.load(std::memory_order_relaxed)));
  }
  totals_.cpu_s = thread_seconds() - cpu_before;
  end_streams(patience_ns);
  count_progress();
}

void Sender::send_due(std::int64_t now_ns) {
  for (; times_.start_ns + schedule_.due(at_).due_ns <= now_ns; ++at_) {
    const Schedule::Due due = schedule_.due(at_);
    if (due.chunk < 0) continue;
    Stream& stream = state_of(due.stream);
    Group& group = groups_[group_of_stream_[static_cast<std::size_t>(due.stream - first_)]];
    ++stream.n_due;
    // A group is sent with the last of its streams, which are due together.
    if (due.stream != group.first + group.n - 1) continue;
    if (group.call->ended()) continue;
    if (!group.call->can_write()) {
      group.waits = true;
      totals_.chunks_held_back += group.n;
      continue;
    }
    totals_.lateness.add(now_ns - times_.start_ns - due.due_ns);
    send(group);
  }
}

/// What is due of each of its streams: a chunk, or, if the call was busy, more.
void Sender::send(Group& group) {
  group.waits = false;
  bool any = false;
  bool more = false;
  if (plan_.batch) batch_.clear_chunks();
  for (int stream = group.first; stream < group.first + group.n; ++stream) {
    Stream& state = state_of(stream);
    if (state.life == Life::kOver || state.n_sent >= state.n_due) continue;
    std::int64_t capture_time_ns = 0;
    if (plan_.batch) {
      v1::BatchChunk& chunk = *batch_.add_chunks();
      chunk.set_number(static_cast<std::uint32_t>(group.first_number + stream - group.first));
      fill(stream, *chunk.mutable_content(), capture_time_ns);
      chunk.set_capture_time_ns(capture_time_ns);
    } else {
      v1::AudioChunk& chunk = *request_.mutable_audio();
      fill(stream, *chunk.mutable_content(), capture_time_ns);
      chunk.set_capture_time_ns(capture_time_ns);
    }
    ++state.n_sent;
    ++totals_.chunks_sent;
    any = true;
    more = more || state.n_sent < state.n_due;
  }
  if (any) group.call->write(plan_.batch ? to_buffer(batch_) : to_buffer(request_));
  group.waits = more;
}

/// The next chunk of a stream, and when its first sample sounded.
void Sender::fill(int stream, std::string& content, std::int64_t& capture_time_ns) {
  const std::int64_t chunk = state_of(stream).n_sent;
  const auto n = static_cast<std::int64_t>(plan_.chunks.size());
  // Each stream is elsewhere in the speech.
  content = plan_.chunks[static_cast<std::size_t>((chunk + std::int64_t{stream} * 7) % n)];
  capture_time_ns =
      times_.start_ns + times_.unix_minus_steady_ns + schedule_.begin_ns(stream) + chunk * plan_.chunk_ns();
}

void Sender::end_streams(std::int64_t patience_ns) {
  const std::int64_t give_up_ns = steady_ns() + patience_ns;
  std::vector<bool> ended(calls_.size());
  while (n_over_ < n_streams() && queue_.busy() && steady_ns() < give_up_ns) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      const auto& groups = groups_of_call_[i];
      const bool waits = std::any_of(groups.begin(), groups.end(), [this](std::size_t g) { return groups_[g].waits; });
      if (ended[i] || waits || !calls_[i]->can_write()) continue;
      calls_[i]->writes_done();
      ended[i] = true;
    }
    queue_.run_until(steady_ns() + kLookNs);
  }
  for (int stream = first_; stream < last_; ++stream) {
    fail(stream, kDeadlineExceeded, "the daemon did not end the stream in time");
  }
  for (const auto& call : calls_) {
    if (!call->ended()) call->cancel();
  }
  while (queue_.busy() && steady_ns() < give_up_ns + patience_ns) queue_.run_until(steady_ns() + kLookNs);
}

void Sender::on_written(RawCall& call) {
  // In turn, so that no group of a batch starves.
  auto& groups = groups_of_call_[static_cast<std::size_t>(call.index())];
  for (std::size_t i = 0; i < groups.size() && call.can_write(); ++i) {
    Group& group = groups_[groups[i]];
    if (group.waits) send(group);
  }
  if (groups.size() > 1) std::rotate(groups.begin(), groups.begin() + 1, groups.end());
}

void Sender::on_read(RawCall& call) {
  grpc::Slice slice;
  if (!call.message().TrySingleSlice(&slice).ok() && !call.message().DumpToSingleSlice(&slice).ok()) return;
  const int size = static_cast<int>(slice.size());
  if (!plan_.batch) {
    v1::StreamAudioResponse response;
    if (response.ParseFromArray(slice.begin(), size)) on_update(first_ + call.index(), response);
    return;
  }
  v1::StreamAudioBatchResponse response;
  if (!response.ParseFromArray(slice.begin(), size)) return;
  for (const v1::BatchUpdate& update : response.updates()) {
    const int stream = first_ + static_cast<int>(update.number()) - 1;
    if (stream >= first_ && stream < last_) on_update(stream, update);
  }
}

void Sender::on_update(int stream, const v1::StreamAudioResponse& response) {
  v1::BatchUpdate update;
  if (response.has_started()) *update.mutable_started() = response.started();
  if (response.has_progress()) *update.mutable_progress() = response.progress();
  if (response.has_ended()) *update.mutable_ended() = response.ended();
  on_update(stream, update);
}

void Sender::on_update(int stream, const v1::BatchUpdate& update) {
  Stream& state = state_of(stream);
  if (update.has_started() && state.life == Life::kOpening) {
    state.life = Life::kStarted;
    --n_opening_;
    ++totals_.n_started;
  }
  if (update.has_progress()) state.progress = update.progress();
  if (update.has_failed()) fail(stream, update.failed().code(), update.failed().message());
  if (update.has_ended() && state.life != Life::kOver) {
    state.progress = update.ended().totals();
    state.life = Life::kOver;
    ++n_over_;
    if (update.ended().reason() == v1::END_REASON_COMPLETED) ++totals_.n_completed;
  }
}

void Sender::on_end(RawCall& call) {
  const grpc::Status& status = call.status();
  for (const std::size_t g : groups_of_call_[static_cast<std::size_t>(call.index())]) {
    for (int i = 0; i < groups_[g].n; ++i) fail(groups_[g].first + i, status.error_code(), status.error_message());
  }
}

/// Does nothing to a stream that is over.
void Sender::fail(int stream, int code, const std::string& message) {
  Stream& state = state_of(stream);
  if (state.life == Life::kOver) return;
  if (state.life == Life::kOpening) --n_opening_;
  state.life = Life::kOver;
  ++n_over_;
  ++totals_.n_failed;
  if (totals_.failure.empty()) {
    totals_.failure_code = code;
    totals_.failure = message.empty() ? "the call ended early" : message;
  }
}

void Sender::count_progress() {
  for (const Stream& stream : streams_) {
    totals_.chunks_lost += stream.n_due - stream.n_sent;
    totals_.offered_samples += stream.progress.offered_samples();
    totals_.dropped_samples += stream.progress.dropped_samples();
    for (const v1::LossCount& loss : stream.progress.losses()) {
      totals_.dropped_by_reason[loss.reason()] += loss.samples();
    }
  }
}

}  // namespace melstream::client
