#include "melstream/audio/wyoming/wyoming_session.hpp"

#include "melstream/audio/wyoming/wyoming_reply.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kFirstEventNs = 10 * core::kNsPerSecond;

[[noreturn]] void refuse(const std::string& message) { throw core::Error(core::ErrorCode::kInvalidArgument, message); }

core::PcmEncoding encoding_of(std::int64_t width) {
  switch (width) {
    case 2:
      return core::PcmEncoding::kLinear16;
    case 3:
      return core::PcmEncoding::kLinear24;
    case 4:
      return core::PcmEncoding::kLinear32;
    default:
      refuse("width " + std::to_string(width) + " is not taken: send 2, 3 or 4 bytes a sample, signed, little-endian");
  }
}

core::PcmFormat format_of(const WyomingEvent& start, core::PcmFormat format) {
  if (!start.rate || !start.width || !start.channels) {
    refuse(R"(audio-start must tell the format, such as {"rate":16000,"width":2,"channels":1})");
  }
  format.encoding = encoding_of(*start.width);
  format.sample_rate_hz = static_cast<int>(*start.rate);
  format.n_channels = static_cast<int>(*start.channels);
  core::validate(format);
  return format;
}

bool differs(const std::optional<std::int64_t>& chunk, const std::optional<std::int64_t>& start) noexcept {
  return chunk && chunk != start;
}

}  // namespace

WyomingSession::WyomingSession(const PeerContext& context, const core::PcmFormat& channels, std::int64_t now_ns,
                               std::function<void()> on_takeover)
    : context_(context), channels_(channels), on_takeover_(std::move(on_takeover)), heard_ns_(now_ns) {}

void WyomingSession::receive(std::span<const std::byte> bytes, std::int64_t now_ns) {
  try {
    while (!over_) {
      const auto item = reader_.next(bytes);
      if (!item) return;
      if (const auto* const event = std::get_if<WyomingEvent>(&*item)) {
        heard_event_ = true;
        on_event(*event);
        if (stream_ == nullptr || event->type == "audio-start") heard_ns_ = now_ns;
      } else if (in_chunk_) {
        const auto audio = std::get<WyomingReader::Payload>(*item);
        heard_ns_ = now_ns;
        context_.totals.bytes += static_cast<std::int64_t>(audio.size());
        stream_->push(audio, now_ns);
      }
    }
  } catch (const core::Error& error) {
    refuse_peer(error.what(), "refused");
  }
}

void WyomingSession::on_event(const WyomingEvent& event) {
  ++context_.totals.messages;
  in_chunk_ = false;
  if (event.type == "audio-chunk") {
    require_same_format(event);
    in_chunk_ = true;
  } else if (event.type == "audio-start") {
    start(event);
  } else if (event.type == "audio-stop") {
    context_.close(std::move(stream_), core::EndReason::kCompleted);
  } else if (event.type == "describe") {
    output_ += wyoming_info();
  } else if (event.type == "ping") {
    output_ += wyoming_pong(event.text.value_or(""));
  } else {
    ++context_.totals.ignored;
  }
}

void WyomingSession::start(const WyomingEvent& event) {
  if (stream_ != nullptr) refuse("audio-start while stream '" + stream_->id() + "' is open: send audio-stop before it");
  stream_ = context_.open({.format = format_of(event, channels_)}, on_takeover_);
  format_ = event;
}

void WyomingSession::require_same_format(const WyomingEvent& event) const {
  if (stream_ == nullptr) refuse("audio-chunk without a stream: send audio-start with rate, width and channels first");
  if (differs(event.rate, format_.rate) || differs(event.width, format_.width) ||
      differs(event.channels, format_.channels)) {
    refuse("audio-chunk has another format than its audio-start: send audio-stop and a new audio-start first");
  }
}

void WyomingSession::leave(core::EndReason reason, std::string_view text, std::string_view code) {
  if (over_) return;
  over_ = true;
  context_.close(std::move(stream_), reason);
  if (!text.empty()) output_ += wyoming_error(text, code);
}

void WyomingSession::refuse_peer(const std::string& reason, std::string_view code) {
  if (!over_) context_.refuse(reason);
  leave(core::EndReason::kSourceLost, reason, code);
}

void WyomingSession::peer_left() { leave(core::EndReason::kSourceLost, "", ""); }

void WyomingSession::take_over() {
  leave(core::EndReason::kTakenOver, "another publisher took the stream over", "taken_over");
}

void WyomingSession::end(core::EndReason reason) { leave(reason, "the source was closed", "closed"); }

void WyomingSession::tick(std::int64_t now_ns) {
  if (over_) return;
  const std::int64_t silent_ns = now_ns - heard_ns_;
  if (!heard_event_ && silent_ns >= kFirstEventNs) {
    refuse_peer("no event within 10 s", "idle");
  } else if (const std::int64_t limit_ns = context_.params.idle_ns;
             heard_event_ && limit_ns > 0 && silent_ns >= limit_ns) {
    const std::string limit = " for " + seconds_text(limit_ns) + " s (idle_timeout_s of the source's URI)";
    if (stream_ != nullptr) return refuse_peer("no audio" + limit, "idle");
    leave(core::EndReason::kSourceLost, "no event" + limit, "idle");
  }
}

}  // namespace melstream::audio
