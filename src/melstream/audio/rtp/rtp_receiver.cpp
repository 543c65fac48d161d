#include "melstream/audio/rtp/rtp_receiver.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// Another sender of the same host may have the stream of one that was silent so long: a program that was restarted.
constexpr std::int64_t kSilentNs = core::kNsPerSecond;
// An SSRC that was silent so long, and longer than packets may be late, has given way to another one of its address.
constexpr std::int64_t kGaveWayNs = 100 * kNsPerMs;
// When opening is tried again.
constexpr std::int64_t kRetryNs = core::kNsPerSecond;

constexpr std::int32_t kSlotsOfPort = 128;
constexpr std::int32_t kMaxSlots = 16384;

std::int32_t n_slots(const RtpOptions& options) {
  if (options.demux_ssrc) return kMaxSlots;
  return static_cast<std::int32_t>(
      std::min(options.ports.size() * std::size_t{kSlotsOfPort}, static_cast<std::size_t>(kMaxSlots)));
}

}  // namespace

RtpReceiver::RtpReceiver(const RtpOptions& options, std::vector<std::uint16_t> ports, const SourceParts& parts,
                         std::function<void()> on_waiting)
    : options_(options),
      ports_(std::move(ports)),
      parts_(parts),
      events_(parts, options_.target),
      on_waiting_(std::move(on_waiting)),
      pool_(n_slots(options)),
      shared_{pool_, counters_, scratch_, options.jitter_min_ns, options.jitter_max_ns},
      n_dropped_(ports_.size()) {}

std::uint64_t RtpReceiver::key_of(std::size_t socket, std::uint32_t ssrc) const noexcept {
  return std::uint64_t{socket} << 32 | (options_.demux_ssrc ? ssrc : 0);
}

RtpReceiver::Call* RtpReceiver::find(std::uint64_t key) noexcept {
  const auto found = calls_.find(key);
  return found == calls_.end() ? nullptr : &found->second;
}

void RtpReceiver::on_datagram(std::size_t socket, const Datagram& datagram) noexcept {
  ++counters_.packets;
  counters_.bytes += static_cast<std::int64_t>(datagram.bytes.size());
  const std::int64_t n_dropped = std::exchange(n_dropped_[socket], 0);
  const Origin origin{socket, datagram.peer};
  RtpArrival in;
  const RtpParse parse = datagram.cut ? RtpParse::kMalformed : parse_rtp(datagram.bytes, in.packet);
  if (parse == RtpParse::kRtp) {
    in.type = &options_.types[in.packet.payload_type];
    in.arrival_ns = datagram.received_mono_ns;
    // With several streams in one socket nobody knows whose packets they were.
    in.n_dropped = options_.demux_ssrc ? 0 : n_dropped;
    Call* const call = find(key_of(socket, in.packet.ssrc));
    if (call != nullptr && call->ssrc == in.packet.ssrc && call->peer == datagram.peer)
      return on_call(*call, origin, in);
  }
  if (!options_.bind.allow_from.contains(datagram.peer)) return refuse(origin, "its address is not in allow_from");
  switch (parse) {
    case RtpParse::kRtp:
      return on_stranger(origin, in);
    case RtpParse::kRtcp:
      ++counters_.packets_rtcp;
      return;
    case RtpParse::kMalformed:
      return count_malformed(origin, datagram.cut ? "more than 2112 bytes; send smaller packets"
                                                  : "no RTP packet of version 2; is something else sent there?");
  }
}

void RtpReceiver::on_kernel_drops(std::size_t socket, std::int64_t n) noexcept {
  if (counters_.kernel_drops == 0) events_.kernel_drops(n, ports_[socket]);
  counters_.kernel_drops += n;
  n_dropped_[socket] += n;
}

void RtpReceiver::on_call(Call& call, const Origin& origin, const RtpArrival& in) noexcept {
  if (call.taken_over->load(std::memory_order_relaxed)) return close(call.key, core::EndReason::kTakenOver);
  if (count_type(origin, in) && !in.type->fits_stream_of(call.stream->type())) return on_other_type(call, origin, in);
  call.stream->on_packet(in);
  note_waiting(call);
}

void RtpReceiver::on_other_type(Call& call, const Origin& origin, const RtpArrival& in) noexcept {
  RtpCandidate& candidate = candidates_.at(origin.socket, origin.peer, in.packet.ssrc, in.arrival_ns);
  // Since their numbers follow each other, nothing of the old format lies between them.
  if (RtpCandidates::is_confirmed(candidate, in)) return accept(candidate, origin, in);
  candidates_.keep(candidate, in);
  ++counters_.packets_wrong_type;
  if (!std::exchange(call.is_type_told, true)) events_.wrong_type(sender_of(call), call.stream->type(), in);
  call.stream->on_packet(in);
  note_waiting(call);
}

void RtpReceiver::on_stranger(const Origin& origin, const RtpArrival& in) noexcept {
  if (!count_type(origin, in)) return;
  Call* const call = find(key_of(origin.socket, in.packet.ssrc));
  if (call != nullptr ? !may_take(*call, origin, in) : has_too_many(origin)) return;
  RtpCandidate& candidate = candidates_.at(origin.socket, origin.peer, in.packet.ssrc, in.arrival_ns);
  if (in.arrival_ns < candidate.not_before_ns) {
    ++counters_.packets_refused;
    return;
  }
  if (call != nullptr && is_rival(*call, candidate, in)) return;
  if (!RtpCandidates::is_confirmed(candidate, in)) return candidates_.keep(candidate, in);
  accept(candidate, origin, in);
}

bool RtpReceiver::is_rival(const Call& call, RtpCandidate& candidate, const RtpArrival& in) noexcept {
  const std::int64_t last_ns = call.stream->last_arrival_ns();
  if (candidate.heard && candidate.first.arrival_ns < last_ns) {
    // The call's sender was heard since.
    counters_.ssrc_rivals += candidate.n_kept();
    candidates_.drop_kept(candidate);
    events_.rival(sender_of(call), in);
  }
  if (in.arrival_ns - last_ns > std::max(options_.jitter_max_ns, kGaveWayNs)) return false;
  if (!RtpCandidates::is_confirmed(candidate, in)) {
    candidates_.keep(candidate, in);
  } else if (!candidates_.keep_too(candidate, in)) {
    ++counters_.ssrc_rivals;
  }
  return true;
}

bool RtpReceiver::may_take(Call& call, const Origin& origin, const RtpArrival& in) noexcept {
  const bool same_host = call.peer.with_port(0) == origin.peer.with_port(0);
  const bool is_silent = in.arrival_ns - call.stream->last_arrival_ns() >= kSilentNs;
  if (call.peer == origin.peer || (same_host && is_silent)) return true;
  const bool collides = call.ssrc == in.packet.ssrc;
  ++(collides ? counters_.ssrc_collisions : counters_.packets_refused);
  if (!std::exchange(call.is_told, true)) events_.other_sender(sender_of(call), origin.peer, in.packet.ssrc);
  return false;
}

bool RtpReceiver::has_too_many(const Origin& origin) noexcept {
  if (!options_.demux_ssrc) return false;
  const auto found = n_of_host_.find(origin.peer.with_port(0));
  if (found == n_of_host_.end() || found->second < options_.max_ssrc) return false;
  refuse(origin, "this host has max_ssrc=" + std::to_string(options_.max_ssrc) + " streams; raise it for a gateway");
  return true;
}

void RtpReceiver::accept(RtpCandidate& candidate, const Origin& origin, const RtpArrival& second) noexcept {
  Call* call = find(key_of(origin.socket, second.packet.ssrc));
  if (call != nullptr && !candidate.first.type->fits_stream_of(call->stream->type())) {
    close(call->key, core::EndReason::kCompleted, "format_changed");
    call = nullptr;
  }
  if (call != nullptr) return change(*call, candidate, origin, second);
  std::string reason;
  try {
    return open(candidate, origin, second);
  } catch (const std::exception& error) {
    reason = error.what();
  }
  candidate.not_before_ns = second.arrival_ns + kRetryNs;
  counters_.packets_refused += candidate.n_kept() + 1;
  candidates_.drop_kept(candidate);
  events_.stream_refused(origin.peer, second, reason);
}

core::StreamRequest RtpReceiver::request(const Origin& origin, const RtpArrival& in,
                                         std::shared_ptr<std::atomic<bool>> flag) const {
  core::StreamRequest request;
  request.id = options_.stream.id({{"id", options_.id},
                                   {"ssrc", ssrc_text(in.packet.ssrc)},
                                   {"port", std::to_string(ports_[origin.socket])},
                                   {"peer", origin.peer.text()}});
  request.labels = options_.labels;
  request.format = options_.channels;
  request.format.encoding = in.type->pcm_encoding();
  request.format.sample_rate_hz = in.type->rate_hz;
  request.format.n_channels = in.type->n_channels;
  request.conceal = options_.conceal;
  request.on_takeover = [flag = std::move(flag)] { flag->store(true, std::memory_order_relaxed); };
  return request;
}

void RtpReceiver::open(RtpCandidate& candidate, const Origin& origin, const RtpArrival& second) {
  const auto taken_over = std::make_shared<std::atomic<bool>>(false);
  core::StreamRequest wanted = request(origin, candidate.first, taken_over);
  const std::string id = wanted.id;
  std::unique_ptr<core::OpenStream> opened = parts_.open_stream(std::move(wanted));
  const std::uint64_t key = key_of(origin.socket, second.packet.ssrc);
  Call call{.stream = std::make_unique<RtpStream>(std::move(opened), candidate.first, shared_),
            .id = id,
            .peer = origin.peer,
            .key = key,
            .ssrc = second.packet.ssrc,
            .taken_over = taken_over};
  waiting_.reserve(calls_.size() + 1);
  ++n_of_host_[origin.peer.with_port(0)];
  Call& kept = calls_.emplace(key, std::move(call)).first->second;
  events_.opened(sender_of(kept), kept.stream->type());
  hear_kept(kept, candidate, second);
}

void RtpReceiver::hear_kept(Call& call, RtpCandidate& candidate, const RtpArrival& second) noexcept {
  for (const HeldPacket& packet : candidate.more) call.stream->on_packet(packet.arrival);
  candidates_.forget(candidate);
  call.stream->on_packet(second);
  note_waiting(call);
}

void RtpReceiver::change(Call& call, RtpCandidate& candidate, const Origin& origin, const RtpArrival& second) noexcept {
  if (call.ssrc != second.packet.ssrc) ++counters_.ssrc_changes;
  call.ssrc = second.packet.ssrc;
  call.peer = origin.peer;
  call.is_told = false;
  call.stream->change_sender(candidate.first);
  hear_kept(call, candidate, second);
  events_.sender_changed(sender_of(call));
}

bool RtpReceiver::count_type(const Origin& origin, const RtpArrival& in) noexcept {
  switch (in.type->kind) {
    case PayloadType::Kind::kAudio:
      if (in.packet.payload.size() % in.type->bytes_per_sample_of_all_channels() != 0) {
        count_malformed(origin, "its payload is no whole number of samples; is the payload type's format right?");
        return false;
      }
      return !in.packet.payload.empty();
    case PayloadType::Kind::kComfortNoise:
      ++counters_.packets_comfort_noise;
      return false;
    case PayloadType::Kind::kTelephoneEvent:
      ++counters_.packets_telephone_event;
      return false;
    case PayloadType::Kind::kUnknown:
    case PayloadType::Kind::kUnsupported:
      ++counters_.packets_unknown_type;
      events_.unknown_type(origin.peer, in);
      return false;
  }
  return false;
}

void RtpReceiver::count_malformed(const Origin& origin, std::string_view reason) noexcept {
  ++counters_.packets_malformed;
  events_.malformed(origin.peer, reason);
}

void RtpReceiver::refuse(const Origin& origin, std::string_view reason) noexcept {
  ++counters_.packets_refused;
  events_.refused(origin.peer, reason);
}

void RtpReceiver::note_waiting(Call& call) noexcept {
  if (call.is_waiting || !call.stream->is_waiting()) return;
  call.is_waiting = true;
  waiting_.push_back(&call);
  if (waiting_.size() == 1) on_waiting_();
}

void RtpReceiver::on_time() noexcept {
  const std::int64_t now_mono_ns = parts_.clock.mono_ns();
  for (std::size_t i = 0; i < waiting_.size();) {
    Call& call = *waiting_[i];
    call.stream->on_time(now_mono_ns);
    call.is_waiting = call.stream->is_waiting();
    if (call.is_waiting) {
      ++i;
    } else {
      waiting_[i] = waiting_.back();
      waiting_.pop_back();
    }
  }
}

void RtpReceiver::look_after() noexcept {
  const std::int64_t now_mono_ns = parts_.clock.mono_ns();
  for (auto at = calls_.begin(); at != calls_.end();) {
    const Call& call = (at++)->second;
    if (call.taken_over->load(std::memory_order_relaxed)) {
      close(call.key, core::EndReason::kTakenOver);
    } else if (now_mono_ns - call.stream->last_arrival_ns() >= options_.idle_timeout_ns) {
      close(call.key, core::EndReason::kSourceLost);
    }
  }
  candidates_.forget_old(now_mono_ns);
}

void RtpReceiver::close(std::uint64_t key, core::EndReason reason, std::string_view why) noexcept {
  const auto found = calls_.find(key);
  Call& call = found->second;
  call.stream->finish(reason);
  add(ended_, call.stream->counters());
  events_.ended(sender_of(call), why.empty() ? rtp_reason(reason) : why);
  const auto host = n_of_host_.find(call.peer.with_port(0));
  if (--host->second == 0) n_of_host_.erase(host);
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &call), waiting_.end());
  calls_.erase(found);
  explicit_bzero(scratch_.data(), scratch_.size());
}

void RtpReceiver::end(core::EndReason reason) noexcept {
  while (!calls_.empty()) close(calls_.begin()->first, reason);
}

core::SourceStatus RtpReceiver::status() const {
  core::SourceStatus status;
  status.state = calls_.empty() ? core::SourceState::kWaiting : core::SourceState::kLive;
  status.detail = "listens on " + options_.bind.host + ":" + std::to_string(ports_.front());
  if (ports_.size() > 1) {
    status.detail += "-" + std::to_string(ports_.back()) + " (" + std::to_string(ports_.size()) + " ports)";
  }
  core::IngestCounters samples = ended_;
  for (const auto& [key, call] : calls_) {
    add(samples, call.stream->counters());
    const int n_channels = call.stream->type().n_channels;
    if (options_.channels.channel_mode != core::ChannelMode::kSplit) {
      status.streams.push_back(call.id);
    } else {
      for (int i = 0; i < n_channels; ++i) status.streams.push_back(call.id + "." + std::to_string(i));
    }
  }
  std::sort(status.streams.begin(), status.streams.end());
  if (calls_.size() == 1) status.drift_ppm = calls_.begin()->second.stream->drift_ppm();
  status.counters = counters_.named(samples);
  return status;
}

}  // namespace melstream::audio
