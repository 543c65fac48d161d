#include "melstream/audio/ws/ws_session.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "melstream/audio/pcm_header.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kFormatNs = 10 * core::kNsPerSecond;
constexpr std::size_t kMaxReasonBytes = 123;  // a control frame's 125 without the code

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// As much as a close frame holds, without a character cut in two.
std::string cut_reason(const std::string& text) {
  std::size_t n = std::min(text.size(), kMaxReasonBytes);
  if (n < text.size()) {
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
  }
  return text.substr(0, n);
}

WsCode code_of(core::ErrorCode code) noexcept {
  switch (code) {
    case core::ErrorCode::kInvalidArgument:
      return WsCode::kUnsupported;
    case core::ErrorCode::kAlreadyExists:
      return WsCode::kPolicy;
    case core::ErrorCode::kResourceExhausted:
    case core::ErrorCode::kUnavailable:
      return WsCode::kTryAgain;
    default:
      return WsCode::kInternal;
  }
}

std::string example() { return "send a text message such as " + std::string(kPcmHeaderExample); }

}  // namespace

WsSession::WsSession(const PeerContext& context, const core::PcmFormat& standard, std::int64_t now_ns,
                     std::function<void()> on_takeover)
    : context_(context), standard_(standard), on_takeover_(std::move(on_takeover)), heard_ns_(now_ns) {}

void WsSession::receive_text(std::string_view piece, bool last, std::int64_t now_ns) {
  if (over_) return;
  if (stream_ != nullptr) {
    return refuse(WsCode::kProtocolError, "a second text message: the format is sent once; open another WebSocket");
  }
  // One byte too many is enough for the header's own complaint.
  text_ += piece.substr(0, kMaxPcmHeaderBytes + 1 - text_.size());
  if (!last && text_.size() <= kMaxPcmHeaderBytes) return;
  ++context_.totals.messages;
  start(now_ns);
}

void WsSession::start(std::int64_t now_ns) {
  try {
    PcmHeader header = parse_pcm_header(std::exchange(text_, {}), standard_);
    stream_ = context_.open(
        {.id = std::move(header.stream), .format = header.format, .labels = std::move(header.labels)}, on_takeover_);
    heard_ns_ = now_ns;
    output_.push_back(dumped({{"started", {{"stream", stream_->id()}}}}));
  } catch (const core::Error& error) {
    refuse(code_of(error.code()), error.what());
  }
}

void WsSession::receive_audio(std::span<const std::byte> piece, bool last, std::int64_t now_ns) {
  if (over_) return;
  if (stream_ == nullptr) return refuse(WsCode::kProtocolError, "audio before its format: first " + example());
  if (last) ++context_.totals.messages;
  if (piece.empty()) return;
  heard_ns_ = now_ns;
  context_.totals.bytes += static_cast<std::int64_t>(piece.size());
  stream_->push(piece, now_ns);
}

void WsSession::peer_closed(std::uint16_t code) {
  const bool polite = code == static_cast<std::uint16_t>(WsCode::kNormal) ||
                      code == static_cast<std::uint16_t>(WsCode::kGoingAway) ||
                      code == static_cast<std::uint16_t>(WsCode::kNone);
  leave(polite ? core::EndReason::kCompleted : core::EndReason::kSourceLost, std::nullopt);
}

void WsSession::peer_left(const std::string& fault) {
  if (!over_ && !fault.empty()) context_.refuse(fault);
  leave(core::EndReason::kSourceLost, std::nullopt);
}

void WsSession::take_over() {
  leave(core::EndReason::kTakenOver, WsClose{WsCode::kPolicy, "another publisher took the stream over"});
}

void WsSession::end(core::EndReason reason) { leave(reason, WsClose{WsCode::kGoingAway, "the source was closed"}); }

void WsSession::tick(std::int64_t now_ns) {
  if (over_) return;
  const std::int64_t silent_ns = now_ns - heard_ns_;
  if (stream_ == nullptr) {
    if (silent_ns >= kFormatNs) refuse(WsCode::kPolicy, "no format within 10 s: " + example());
  } else if (const std::int64_t limit_ns = context_.params.idle_ns; limit_ns > 0 && silent_ns >= limit_ns) {
    refuse(WsCode::kPolicy, "no audio for " + seconds_text(limit_ns) + " s (idle_timeout_s of the source's URI)");
  }
}

std::string WsSession::next_output() {
  if (output_.empty()) return {};
  std::string next = std::move(output_.front());
  output_.pop_front();
  return next;
}

void WsSession::refuse(WsCode code, const std::string& reason) {
  context_.refuse(reason);
  output_.push_back(dumped({{"error", reason}}));
  leave(core::EndReason::kSourceLost, WsClose{code, cut_reason(reason)});
}

void WsSession::leave(core::EndReason reason, std::optional<WsClose> close) {
  if (over_) return;
  over_ = true;
  if (stream_ != nullptr && close) {
    stream_->end(reason);
    const core::IngestCounters counters = stream_->counters();
    output_.push_back(dumped({{"ended", {{"samples", counters.accepted}, {"dropped", counters.dropped}}}}));
  }
  context_.close(std::move(stream_), reason);
  close_ = std::move(close);
}

}  // namespace melstream::audio
