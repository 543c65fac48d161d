#include "melstream/audio/net/udp_senders.hpp"

#include <algorithm>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

// After a stream could not be opened: a flood of strangers must not ask for one with each packet.
constexpr std::int64_t kOpenAgainNs = core::kNsPerSecond;

}  // namespace

UdpParams parse_udp_params(const core::SourceSpec& spec, const SourceUri& uri) {
  UriParams params = uri.params;
  UdpParams udp{.sender = take_sender_params(spec, uri, params, "max_senders"), .format = take_format(params)};
  if (const auto sequence = params.text("sequence"); sequence && *sequence != "none") {
    params.complain("sequence=" + *sequence +
                    ": raw UDP has no sequence numbers, only none is taken; to see lost packets send RTP to an "
                    "rtp:// source");
  }
  params.require_valid();
  return udp;
}

UdpSenders::UdpSenders(const UdpParams& params, const SourceParts& parts, std::uint16_t port)
    : params_(params.sender),
      format_(params.format),
      parts_(parts),
      port_(port),
      sample_bytes_(core::bytes_per_sample(params.format.encoding) *
                    static_cast<std::size_t>(params.format.n_channels)) {}

UdpSenders::~UdpSenders() { end_all(core::EndReason::kSourceLost, "the source was closed"); }

void UdpSenders::on_datagram(std::size_t, const Datagram& datagram) noexcept {
  ++n_packets_;
  n_bytes_ += static_cast<std::int64_t>(datagram.bytes.size());
  const auto known = senders_.find(datagram.peer);
  if (known == senders_.end() && !params_.bind.allow_from.contains(datagram.peer)) {
    if (count_refusal()) tell_refused(parts_, datagram.peer, "not in allow_from");
    return;
  }
  const bool whole = is_whole(datagram);
  Sender* const sender = known != senders_.end() ? &known->second : whole ? open(datagram) : nullptr;
  if (sender == nullptr) return;
  sender->heard_ns = datagram.received_mono_ns;
  if (whole) return sender->session->push(datagram.bytes, datagram.received_mono_ns);
  sender->session->lose(static_cast<std::int64_t>(datagram.bytes.size() / sample_bytes_),
                        core::GapReason::kDecodeError);
}

bool UdpSenders::is_whole(const Datagram& datagram) noexcept {
  if (!datagram.bytes.empty() && datagram.bytes.size() % sample_bytes_ == 0 && !datagram.cut) return true;
  ++n_malformed_;
  if (malformed_.is_due(datagram.received_mono_ns)) {
    parts_.tell({.level = SourceEvent::Level::kWarning,
                 .name = "packet_malformed",
                 .fields = {{"peer", datagram.peer.text()},
                            {"reason", std::to_string(datagram.bytes.size()) +
                                           " bytes are no whole number of samples of " + std::to_string(sample_bytes_) +
                                           " bytes (all channels); set the sender's packet size to a multiple"}}});
  }
  return false;
}

UdpSenders::Sender* UdpSenders::open(const Datagram& datagram) {
  const std::int64_t now_ns = datagram.received_mono_ns;
  if (params_.has_one_id() && !senders_.empty()) {
    if (count_refusal()) {
      tell_refused(parts_, datagram.peer,
                   "another sender is live, " + senders_.begin()->first.text() +
                       "; for several at once give each an id of its own: stream={id}-{n}");
    }
    return nullptr;
  }
  if (senders_.size() >= params_.max_senders) {
    if (count_refusal()) {
      tell_refused(parts_, datagram.peer, std::to_string(params_.max_senders) + " senders are live (max_senders)");
    }
    return nullptr;
  }
  if (now_ns < next_open_ns_) {
    ++n_refused_;
    return nullptr;
  }
  const std::size_t number = numbers_.take();
  try {
    const core::StreamRequest request = params_.request(number, port_, datagram.peer, format_);
    auto session = std::make_unique<PcmSession>(request, parts_, [this, peer = datagram.peer] {
      const auto sender = senders_.find(peer);
      if (sender != senders_.end()) end(sender, core::EndReason::kTakenOver, "another sender took its stream over");
    });
    tell_connected(parts_, datagram.peer, request);
    ++n_senders_;
    Sender& sender = senders_[datagram.peer];
    sender = {.session = std::move(session), .number = number, .heard_ns = now_ns};
    return &sender;
  } catch (const core::Error& error) {
    numbers_.give_back(number);
    next_open_ns_ = now_ns + kOpenAgainNs;
    if (count_refusal()) tell_refused(parts_, datagram.peer, refusal_text(error, params_.has_one_id()));
    return nullptr;
  }
}

bool UdpSenders::count_refusal() noexcept {
  ++n_refused_;
  return refusal_.is_due(parts_.clock.mono_ns());
}

void UdpSenders::on_kernel_drops(std::size_t, std::int64_t n) noexcept {
  n_kernel_drops_ += n;
  if (!kernel_drops_.is_due(parts_.clock.mono_ns())) return;
  parts_.tell({.level = SourceEvent::Level::kWarning,
               .name = "kernel_drops",
               .fields = {{"packets", std::to_string(n)},
                          {"reason",
                           "the socket's buffer was full; how many samples is not known. Raise net.core.rmem_max, or "
                           "send RTP to an rtp:// source, which knows"}}});
}

void UdpSenders::check(std::int64_t now_ns) {
  if (params_.idle_ns == 0) return;
  for (auto sender = senders_.begin(); sender != senders_.end();) {
    const std::int64_t silent_ns = now_ns - sender->second.heard_ns;
    sender = silent_ns < params_.idle_ns ? std::next(sender)
                                         : end(sender, core::EndReason::kSourceLost,
                                               "sent nothing for " + seconds_text(silent_ns) + " s (idle_timeout_s)");
  }
}

UdpSenders::Senders::iterator UdpSenders::end(Senders::iterator sender, core::EndReason reason,
                                              const std::string& why) {
  // Taken out first: what this ends may be what calls.
  const NetAddress peer = sender->first;
  const Sender gone = std::move(sender->second);
  const auto next = senders_.erase(sender);
  gone.session->end(reason);
  add_counters(ended_, gone.session->counters());
  tell_gone(parts_, peer, *gone.session, reason, why);
  numbers_.give_back(gone.number);
  refusal_ = {};  // the next refusal is another story
  return next;
}

void UdpSenders::end_all(core::EndReason reason, const std::string& why) {
  while (!senders_.empty()) end(senders_.begin(), reason, why);
}

void UdpSenders::add_status(core::SourceStatus& status) const {
  core::IngestCounters sum = ended_;
  for (const auto& [peer, sender] : senders_) {
    add_counters(sum, sender.session->counters());
    for (std::string& id : sender.session->stream_ids()) status.streams.push_back(std::move(id));
  }
  std::sort(status.streams.begin(), status.streams.end());
  status.state = senders_.empty() ? core::SourceState::kWaiting : core::SourceState::kLive;
  status.counters = {{"senders", n_senders_},           {"packets", n_packets_},
                     {"packets_refused", n_refused_},   {"packets_malformed", n_malformed_},
                     {"kernel_drops", n_kernel_drops_}, {"bytes", n_bytes_}};
  append_counters(sum, status.counters);
}

}  // namespace melstream::audio
