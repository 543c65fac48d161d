#include "melstream/audio/peer/peer_context.hpp"

#include <string_view>
#include <utility>

#include "melstream/audio/peer/sender_events.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

constexpr std::string_view text_of(core::EndReason reason) noexcept {
  switch (reason) {
    case core::EndReason::kCompleted:
      return "it said that it was done";
    case core::EndReason::kSourceLost:
      return "lost";
    case core::EndReason::kTakenOver:
      return "another publisher took the stream over";
    case core::EndReason::kShutdown:
      return "the daemon shuts down";
  }
  return "";
}

}  // namespace

std::unique_ptr<PcmSession> PeerContext::open(const StreamWish& wish, std::function<void()> on_takeover) const {
  core::StreamRequest request = params.request(number, port, peer, wish.format);
  if (wish.id) request.id = *wish.id;
  request.labels.insert(wish.labels.begin(), wish.labels.end());
  request.fast = wish.fast;
  try {
    auto session = std::make_unique<PcmSession>(request, parts, std::move(on_takeover));
    tell_connected(parts, peer, request);
    return session;
  } catch (const core::Error& error) {
    throw core::Error(error.code(), refusal_text(error, !wish.id && params.has_one_id()), error.field());
  }
}

void PeerContext::close(std::unique_ptr<PcmSession> session, core::EndReason reason, const std::string& why) const {
  if (session == nullptr) return;
  session->end(reason);
  add_counters(totals.samples, session->counters());
  tell_gone(parts, peer, *session, reason, why.empty() ? std::string(text_of(reason)) : why);
}

void PeerContext::refuse(const std::string& reason) const {
  ++totals.refused;
  tell_refused(parts, peer, reason);
}

}  // namespace melstream::audio
