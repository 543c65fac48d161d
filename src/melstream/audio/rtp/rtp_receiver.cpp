#include "melstream/audio/rtp/rtp_receiver.hpp"

#include <algorithm>
#include <cstdio>
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
// When opening is tried again: an id that is still in use is free after a tick, other reasons take longer.
constexpr std::int64_t kRetryInUseNs = 100 * kNsPerMs;
constexpr std::int64_t kRetryNs = core::kNsPerSecond;

constexpr std::int32_t kSlotsOfPort = 128;
constexpr std::int32_t kMaxSlots = 16384;

std::int32_t n_slots(const RtpOptions& options) {
  if (options.demux_ssrc) return kMaxSlots;
  return static_cast<std::int32_t>(
      std::min(options.ports.size() * std::size_t{kSlotsOfPort}, static_cast<std::size_t>(kMaxSlots)));
}

std::string hex(std::uint32_t ssrc) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", ssrc);
  return text.data();
}

/// "L16/16000/1", as pt= has it.
std::string text_of(const PayloadType& type) {
  return type.name + "/" + std::to_string(type.rate_hz) + "/" + std::to_string(type.n_channels);
}

std::string_view text_of(core::EndReason reason) noexcept {
  switch (reason) {
    case core::EndReason::kCompleted:
      return "completed";
    case core::EndReason::kSourceLost:
      return "idle";
    case core::EndReason::kTakenOver:
      return "taken_over";
    case core::EndReason::kShutdown:
      return "shutdown";
  }
  return "";
}

}  // namespace

RtpReceiver::RtpReceiver(const RtpOptions& options, std::vector<std::uint16_t> ports, const SourceParts& parts,
                         std::function<void()> on_waiting)
    : options_(options),
      ports_(std::move(ports)),
      parts_(parts),
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
  if (counters_.kernel_drops == 0) {
    parts_.tell({SourceEvent::Level::kWarning,
                 "rtp_kernel_drops",
                 {{"packets", std::to_string(n)},
                  {"port", std::to_string(ports_[socket])},
                  {"remedy", "raise net.core.rmem_max and rcvbuf=, or give the daemon more processor time"}}});
  }
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
  if (!std::exchange(call.is_type_told, true)) {
    parts_.tell({SourceEvent::Level::kWarning,
                 "rtp_wrong_type",
                 {{"stream", call.id},
                  {"sender", call.peer.text()},
                  {"stream_type", text_of(call.stream->type())},
                  {"type", text_of(*in.type)},
                  {"pt", std::to_string(in.packet.payload_type)}}});
  }
  call.stream->on_packet(in);
  note_waiting(call);
}

void RtpReceiver::on_stranger(const Origin& origin, const RtpArrival& in) noexcept {
  if (!count_type(origin, in)) return;
  Call* const call = find(key_of(origin.socket, in.packet.ssrc));
  if (call != nullptr ? !may_take(*call, origin, in) : has_too_many(origin)) return;
  RtpCandidate& candidate = candidates_.at(origin.socket, origin.peer, in.packet.ssrc, in.arrival_ns);
  if (in.arrival_ns < candidate.not_before_ns) return keep_waiting(candidate, in);
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
    if (rival_.is_due(in.arrival_ns)) {
      parts_.tell({SourceEvent::Level::kWarning,
                   "rtp_ssrc_rival",
                   {{"stream", call.id},
                    {"sender", call.peer.text()},
                    {"ssrc", hex(call.ssrc)},
                    {"rival", hex(in.packet.ssrc)},
                    {"remedy", "two senders share an address, and only the first is heard: add demux=ssrc"},
                    {"left_out", std::to_string(rival_.n_left_out())}}});
    }
  }
  if (in.arrival_ns - last_ns > std::max(options_.jitter_max_ns, kGaveWayNs)) return false;
  if (!RtpCandidates::is_confirmed(candidate, in)) {
    candidates_.keep(candidate, in);
  } else if (!candidates_.keep_too(candidate, in)) {
    ++counters_.ssrc_rivals;
  }
  return true;
}

void RtpReceiver::keep_waiting(RtpCandidate& candidate, const RtpArrival& in) noexcept {
  if (candidate.heard && candidates_.keep_too(candidate, in)) return;
  // What waited too long is no live audio.
  counters_.packets_refused += candidate.n_kept() + 1;
  candidates_.drop_kept(candidate);
}

bool RtpReceiver::may_take(Call& call, const Origin& origin, const RtpArrival& in) noexcept {
  const bool same_host = call.peer.with_port(0) == origin.peer.with_port(0);
  const bool is_silent = in.arrival_ns - call.stream->last_arrival_ns() >= kSilentNs;
  if (call.peer == origin.peer || (same_host && is_silent)) return true;
  const bool collides = call.ssrc == in.packet.ssrc;
  ++(collides ? counters_.ssrc_collisions : counters_.packets_refused);
  if (std::exchange(call.is_told, true)) return false;
  parts_.tell({SourceEvent::Level::kWarning,
               collides ? "rtp_ssrc_collision" : "rtp_sender_refused",
               {{"stream", call.id},
                {"sender", call.peer.text()},
                {"refused", origin.peer.text()},
                {"ssrc", hex(in.packet.ssrc)},
                {"remedy", collides ? "only the first sender of an SSRC is heard: give the other one its own"
                                    : "the port has one stream: add demux=ssrc, or send to another port"}}});
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
  bool is_in_use = false;
  try {
    return open(candidate, origin, second);
  } catch (const core::Error& error) {
    reason = error.what();
    is_in_use = error.code() == core::ErrorCode::kAlreadyExists;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  // An ended stream has its id for one more tick.
  const bool is_expected = is_in_use && candidate.not_before_ns == 0;
  candidate.not_before_ns = second.arrival_ns + (is_in_use ? kRetryInUseNs : kRetryNs);
  if (is_in_use) {
    keep_waiting(candidate, second);
  } else {
    counters_.packets_refused += candidate.n_kept() + 1;
    candidates_.drop_kept(candidate);
  }
  if (is_expected || !stream_refusal_.is_due(second.arrival_ns)) return;
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_stream_refused",
               {{"sender", origin.peer.text()},
                {"ssrc", hex(second.packet.ssrc)},
                {"reason", reason},
                {"left_out", std::to_string(stream_refusal_.n_left_out())}}});
}

core::StreamRequest RtpReceiver::request(const Origin& origin, const RtpArrival& in,
                                         std::shared_ptr<std::atomic<bool>> flag) const {
  core::StreamRequest request;
  request.id = options_.stream.id({{"id", options_.id},
                                   {"ssrc", hex(in.packet.ssrc)},
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
  parts_.tell({SourceEvent::Level::kInfo,
               "rtp_stream_opened",
               {{"stream", id},
                {"sender", kept.peer.text()},
                {"ssrc", hex(kept.ssrc)},
                {"encoding", kept.stream->type().name},
                {"rate", std::to_string(kept.stream->type().rate_hz)},
                {"channels", std::to_string(kept.stream->type().n_channels)}}});
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
  parts_.tell({SourceEvent::Level::kInfo,
               "rtp_sender_changed",
               {{"stream", call.id}, {"sender", call.peer.text()}, {"ssrc", hex(call.ssrc)}}});
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
      if (!std::exchange(is_type_told_[in.packet.payload_type], true)) tell_type(origin, in);
      return false;
  }
  return false;
}

void RtpReceiver::tell_type(const Origin& origin, const RtpArrival& in) {
  const std::string number = std::to_string(in.packet.payload_type);
  SourceEvent event{SourceEvent::Level::kWarning, "rtp_unknown_type", {{"sender", origin.peer.text()}, {"pt", number}}};
  if (in.type->kind == PayloadType::Kind::kUnsupported) {
    event.name = "rtp_unsupported_encoding";
    event.fields.emplace_back("encoding", in.type->name);
    event.fields.emplace_back("remedy", conversion_advice(options_.target));
  } else {
    event.fields.emplace_back("remedy",
                              "declare it as the sender's SDP says: pt=" + number + ":L16/16000/1 (or PCMU, PCMA, " +
                                  "L24, CN, telephone-event); other encodings: " + conversion_advice(options_.target));
  }
  parts_.tell(event);
}

void RtpReceiver::count_malformed(const Origin& origin, std::string_view reason) noexcept {
  ++counters_.packets_malformed;
  if (std::exchange(is_malformed_told_, true)) return;
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_malformed",
               {{"sender", origin.peer.text()}, {"reason", std::string(reason)}}});
}

void RtpReceiver::refuse(const Origin& origin, std::string_view reason) noexcept {
  ++counters_.packets_refused;
  if (std::exchange(is_refused_told_, true)) return;
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_sender_refused",
               {{"refused", origin.peer.text()}, {"reason", std::string(reason)}}});
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
  parts_.tell({SourceEvent::Level::kInfo,
               "rtp_stream_ended",
               {{"stream", call.id},
                {"sender", call.peer.text()},
                {"reason", std::string(why.empty() ? text_of(reason) : why)}}});
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
