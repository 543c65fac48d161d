#include "melstream/audio/rtp/rtp_stream.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

// Silence as timestamps tell it is at most so much longer than the time in which nothing came.
constexpr std::int64_t kSilenceBeyondArrivalS = 1;
// Lost packets whose timestamps go on later than this, and than the arrival clock says, are of a sender that began
// anew.
constexpr std::int64_t kLongestLossS = 3600;
// Timestamps of some gateways jitter; a packet so little too early, by its timestamp, follows on.
constexpr std::int64_t kJitterOfTimestampsMs = 10;
// Of the 32 bits of a timestamp. After a longer pause they tell nothing.
constexpr std::int64_t kLongestPause = std::int64_t{1} << 30;
// Of silence at once: a quarter of a ring of one second.
constexpr std::int64_t kSilenceSlicesAS = 4;
// So that a timestamp from before the first is not negative.
constexpr std::int64_t kTimestampOrigin = std::int64_t{1} << 32;
constexpr std::int64_t kRemembered = 256;

}  // namespace

RtpStream::RtpStream(std::unique_ptr<core::OpenStream> stream, const RtpArrival& first, RtpShared& shared)
    : stream_(std::move(stream)),
      shared_(shared),
      type_(first.type),
      clock_(first.type->rate_hz),
      delay_(shared.jitter_min_ns, shared.jitter_max_ns),
      next_timestamp_(kTimestampOrigin + first.packet.timestamp) {
  first_sequence_ = next_sequence_ = sequence_.start(first.packet.sequence);
  last_arrival_ns_ = last_audio_arrival_ns_ = first.arrival_ns;
  observe(first);
  take({next_sequence_, first}, core::GapReason::kNetLoss, Patience::kForce);
}

RtpStream::~RtpStream() {
  drop_jump();
  while (HeldPacket* const packet = held_.lowest(next_sequence_)) {
    shared_.pool.give_back(packet->slot);
    held_.remove(*packet);
  }
}

void RtpStream::on_packet(const RtpArrival& in) noexcept {
  last_arrival_ns_ = std::max(last_arrival_ns_, in.arrival_ns);
  const SequenceTracker::Placed placed = sequence_.place(in.packet.sequence);
  switch (placed.place) {
    case SequenceTracker::Place::kAhead:
      return on_ahead({placed.sequence, in});
    case SequenceTracker::Place::kBehind:
      return on_behind({placed.sequence, in});
    case SequenceTracker::Place::kJump:
      return on_jump(in);
    case SequenceTracker::Place::kRestart:
      return on_restart(in);
  }
}

void RtpStream::on_ahead(const Item& item) noexcept {
  if (has_audio(item.in)) observe(item.in);
  if (item.sequence - next_sequence_ >= HeldPackets::kWindow) flush();
  const std::int64_t n_missing = item.sequence - next_sequence_;
  if (held_.empty()) {
    const bool dropped = n_missing > 0 && n_missing == item.in.n_dropped;
    const bool waits = n_missing > 0 && n_missing < HeldPackets::kWindow && !dropped;
    const core::GapReason reason = dropped ? core::GapReason::kKernelDrop : core::GapReason::kNetLoss;
    if (!waits && take(item, reason, Patience::kWaitForRoom)) return;
    gap_since_ns_ = item.in.arrival_ns;
  }
  if (hold(item)) return drain(item.in.arrival_ns);
  flush();
  take(item, core::GapReason::kNetLoss, Patience::kForce);
}

void RtpStream::on_behind(const Item& item) noexcept {
  const bool is_passed = item.sequence < next_sequence_;
  if (is_passed ? heard_.heard(item.sequence) : held_.find(item.sequence) != nullptr) {
    ++shared_.counters.packets_duplicate;
    return;
  }
  if (!is_passed) {
    ++shared_.counters.packets_reordered;
    delay_.observe_reordering(item.in.arrival_ns - gap_since_ns_);
    if (!hold(item)) {
      flush();
      return on_behind(item);
    }
    return drain(item.in.arrival_ns);
  }
  ++shared_.counters.packets_late;
  heard_.set(item.sequence, true);
  if (!has_audio(item.in) || item.sequence < first_sequence_) return;
  const std::int64_t n = n_samples(item.in);
  shared_.counters.samples_late += n;
  // It was missed when the next one came, one packet's length after its own time.
  const std::int64_t length_ns = n * core::kNsPerSecond / type_->rate_hz;
  const std::int64_t end = extended(item.in.packet.timestamp) + n;
  delay_.observe_reordering(clock_.delay_ns(end, item.in.arrival_ns) - length_ns);
}

void RtpStream::on_jump(const RtpArrival& in) noexcept {
  drop_jump();
  if (!has_audio(in)) return;
  jump_ = {0, in, shared_.pool.keep(in.packet.payload)};
  jump_.arrival.packet.payload = shared_.pool.payload(jump_.slot);
  if (jump_.slot == kNoSlot) jump_ = {};
}

void RtpStream::on_restart(const RtpArrival& in) noexcept {
  ++shared_.counters.sender_restarts;
  const HeldPacket first = std::exchange(jump_, {});
  if (first.sequence < 0) {
    begin_again(in);
    return;
  }
  begin_again(first.arrival);
  shared_.pool.give_back(first.slot);
  on_packet(in);
}

void RtpStream::change_sender(const RtpArrival& first) noexcept {
  last_arrival_ns_ = std::max(last_arrival_ns_, first.arrival_ns);
  begin_again(first);
}

void RtpStream::begin_again(const RtpArrival& first) noexcept {
  flush();
  drop_jump();
  heard_.start();
  first_sequence_ = next_sequence_ = sequence_.start(first.packet.sequence);
  if (has_audio(first)) {
    begin_timeline(first);
  } else {
    hole_ = core::GapReason::kRestart;
  }
  take({next_sequence_, first}, core::GapReason::kNetLoss, Patience::kForce);
}

void RtpStream::begin_timeline(const RtpArrival& in) noexcept {
  // Its first sample was captured a packet's length before it came; at least one sample, so that it is told.
  const std::int64_t elapsed = to_samples(in.arrival_ns - last_audio_arrival_ns_) - n_samples(in);
  stream_->ingest().lose(std::max<std::int64_t>(elapsed, 1), core::GapReason::kRestart);
  next_timestamp_ = kTimestampOrigin + in.packet.timestamp;
  hole_.reset();
  clock_.restart();
  delay_.restart();
  observe(in);
}

bool RtpStream::hold(const Item& item) noexcept {
  const bool audio = has_audio(item.in);
  const std::int32_t slot = audio ? shared_.pool.keep(item.in.packet.payload) : kNoSlot;
  if (audio && slot == kNoSlot) return false;
  HeldPacket packet{item.sequence, item.in, slot};
  if (audio) packet.arrival.packet.payload = shared_.pool.payload(slot);
  held_.put(packet);
  return true;
}

void RtpStream::drain(std::int64_t now_mono_ns) noexcept {
  while (!held_.empty()) {
    HeldPacket* head = held_.find(next_sequence_);
    if (head == nullptr) {
      if (now_mono_ns - gap_since_ns_ < delay_.wait_ns()) return;
      head = held_.lowest(next_sequence_);
    }
    if (!take({head->sequence, head->arrival}, core::GapReason::kNetLoss, Patience::kWaitForRoom)) return;
    shared_.pool.give_back(head->slot);
    held_.remove(*head);
    if (held_.empty() || held_.find(next_sequence_) != nullptr) continue;
    gap_since_ns_ = held_.lowest(next_sequence_)->arrival.arrival_ns;
  }
  catching_up_ = false;
}

void RtpStream::on_time(std::int64_t now_mono_ns) noexcept { drain(now_mono_ns); }

void RtpStream::flush() noexcept {
  while (HeldPacket* const head = held_.lowest(next_sequence_)) {
    take({head->sequence, head->arrival}, core::GapReason::kNetLoss, Patience::kForce);
    shared_.pool.give_back(head->slot);
    held_.remove(*head);
  }
  catching_up_ = false;
}

void RtpStream::drop_jump() noexcept {
  shared_.pool.give_back(jump_.slot);
  jump_ = {};
}

bool RtpStream::take(const Item& item, core::GapReason missing, Patience patience) noexcept {
  if (item.sequence > next_sequence_) hole_ = missing;
  if (has_audio(item.in)) {
    if (!reach(item.in, patience)) return false;
    const bool may_wait = catching_up_ && patience == Patience::kWaitForRoom;
    if (may_wait && !stream_->ingest().has_room(n_pcm_bytes(n_samples(item.in)))) return false;
    push(item.in);
  } else if (item.in.type->kind == PayloadType::Kind::kComfortNoise) {
    if (!reach_comfort_noise(item.in, patience)) return false;
  } else if (item.in.type->kind != PayloadType::Kind::kTelephoneEvent && !item.in.packet.payload.empty()) {
    // Its samples are missing, though it came.
    if (!hole_) hole_ = core::GapReason::kDecodeError;
  }
  pass(item.sequence);
  return true;
}

bool RtpStream::reach(const RtpArrival& in, Patience patience) noexcept {
  const std::int64_t timestamp = extended(in.packet.timestamp);
  const std::int64_t n = timestamp - next_timestamp_;
  const std::int64_t elapsed = to_samples(in.arrival_ns - last_audio_arrival_ns_);
  if (elapsed > kLongestPause || n < lowest_step() || n > highest_step(elapsed)) {
    ++shared_.counters.sender_restarts;
    begin_timeline(in);
    return true;
  }
  if (n <= 0) return true;
  if (!hole_) return reach_through_silence(timestamp, in, patience);
  stream_->ingest().lose(n, *hole_);
  next_timestamp_ = timestamp;
  return true;
}

bool RtpStream::reach_comfort_noise(const RtpArrival& in, Patience patience) noexcept {
  const std::int64_t timestamp = extended(in.packet.timestamp);
  const std::int64_t n = timestamp - next_timestamp_;
  const std::int64_t elapsed = to_samples(in.arrival_ns - last_audio_arrival_ns_);
  const std::int64_t tolerance = kSilenceBeyondArrivalS * type_->rate_hz;
  // Some count its time by another clock than the audio's.
  if (hole_ || n <= 0 || std::abs(n - elapsed) > tolerance) return true;
  if (!reach_through_silence(timestamp, in, patience)) return false;
  last_audio_arrival_ns_ = in.arrival_ns;
  return true;
}

std::int64_t RtpStream::lowest_step() const noexcept {
  return hole_ ? 0 : -kJitterOfTimestampsMs * type_->rate_hz / 1000;
}

std::int64_t RtpStream::highest_step(std::int64_t elapsed) const noexcept {
  if (!hole_) return elapsed + kSilenceBeyondArrivalS * type_->rate_hz;
  return std::max(kLongestLossS * type_->rate_hz, 2 * elapsed);
}

bool RtpStream::reach_through_silence(std::int64_t timestamp, const RtpArrival& in, Patience patience) noexcept {
  core::PcmIngest& ingest = stream_->ingest();
  const std::int64_t n_after = has_audio(in) ? n_samples(in) : 0;
  while (next_timestamp_ < timestamp) {
    const std::int64_t n = std::min(timestamp - next_timestamp_, type_->rate_hz / kSilenceSlicesAS);
    if (!ingest.has_room(n_pcm_bytes(n + n_after))) {
      catching_up_ = true;
      if (patience == Patience::kWaitForRoom) return false;
      ingest.lose(timestamp - std::exchange(next_timestamp_, timestamp), core::GapReason::kCaptureOverflow);
      return true;
    }
    ingest.push_suppressed(n, {in.arrival_ns, clock_.capture_mono_ns(next_timestamp_)});
    next_timestamp_ += n;
  }
  return true;
}

void RtpStream::push(const RtpArrival& in) noexcept {
  const std::span<const std::byte> pcm = to_pcm(in.type->encoding, in.packet.payload, shared_.scratch);
  stream_->ingest().push(pcm, {in.arrival_ns, clock_.capture_mono_ns(next_timestamp_)});
  next_timestamp_ += n_samples(in);
  last_audio_arrival_ns_ = in.arrival_ns;
  hole_.reset();
}

void RtpStream::pass(std::int64_t sequence) noexcept {
  shared_.counters.packets_lost += sequence - next_sequence_;
  for (std::int64_t missing = std::max(next_sequence_, sequence - kRemembered); missing < sequence; ++missing) {
    heard_.set(missing, false);
  }
  heard_.set(sequence, true);
  next_sequence_ = sequence + 1;
}

void RtpStream::observe(const RtpArrival& in) noexcept {
  const std::int64_t end = extended(in.packet.timestamp) + n_samples(in);
  clock_.observe(end, in.arrival_ns);
  // In a double: exact to the nanosecond for a month.
  const double ns = static_cast<double>(end) * (static_cast<double>(core::kNsPerSecond) / type_->rate_hz);
  delay_.observe(in.arrival_ns - static_cast<std::int64_t>(ns));
}

void RtpStream::finish(core::EndReason reason) noexcept {
  flush();
  drop_jump();
  stream_->ingest().finish(reason);
}

bool RtpStream::has_audio(const RtpArrival& in) const noexcept {
  return in.type->kind == PayloadType::Kind::kAudio && in.type->fits_stream_of(*type_) && !in.packet.payload.empty() &&
         in.packet.payload.size() % in.type->bytes_per_sample_of_all_channels() == 0;
}

std::int64_t RtpStream::n_samples(const RtpArrival& in) const noexcept {
  return static_cast<std::int64_t>(in.packet.payload.size() / in.type->bytes_per_sample_of_all_channels());
}

std::size_t RtpStream::n_pcm_bytes(std::int64_t n_samples) const noexcept {
  return static_cast<std::size_t>(n_samples) * core::bytes_per_sample(type_->pcm_encoding()) *
         static_cast<std::size_t>(type_->n_channels);
}

std::int64_t RtpStream::extended(std::uint32_t timestamp) const noexcept {
  return next_timestamp_ + static_cast<std::int32_t>(timestamp - static_cast<std::uint32_t>(next_timestamp_));
}

std::int64_t RtpStream::to_samples(std::int64_t ns) const noexcept {
  return std::max<std::int64_t>(ns, 0) / 1000 * type_->rate_hz / 1'000'000;
}

}  // namespace melstream::audio
