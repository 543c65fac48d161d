#include "melstream/audio/net/tcp_sender.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "melstream/audio/pcm_header.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kBeginNs = 10 * core::kNsPerSecond;
// Of a fast stream: a read fits into the smallest ring, whatever the header says of the format.
constexpr std::size_t kFirstFastRead = 4096;
constexpr std::size_t kFastReadSamples = 2048;

}  // namespace

TcpParams parse_tcp_params(const core::SourceSpec& spec, const SourceUri& uri) {
  UriParams params = uri.params;
  TcpParams tcp{.sender = take_sender_params(spec, uri, params, "max_connections"),
                .options = {.format = take_format(params)}};
  tcp.options.header = static_cast<HeaderMode>(params.choice("header", {"auto", "none", "required"}, 0));
  tcp.options.fast = params.choice("pacing", {"live", "fast"}, 0) == 1;
  params.require_valid();
  return tcp;
}

TcpSender::TcpSender(const PeerContext& context, const TcpOptions& options, std::int64_t now_ns,
                     std::function<void()> close)
    : context_(context),
      options_(options),
      close_(std::move(close)),
      preface_(options.header),
      begun_ns_(now_ns),
      heard_ns_(now_ns) {}

TcpSender::~TcpSender() { end(core::EndReason::kSourceLost, "the source was closed"); }

std::size_t TcpSender::room() noexcept {
  if (!options_.fast) return kMaxRead;
  if (!session_) return kFirstFastRead;
  const std::size_t n = std::min(kMaxRead, kFastReadSamples * session_->sample_bytes());
  return session_->has_room(n) ? n : 0;
}

bool TcpSender::take(std::span<const std::byte> bytes, std::int64_t now_ns) {
  heard_ns_ = now_ns;
  context_.totals.bytes += static_cast<std::int64_t>(bytes.size());
  try {
    if (!session_) begin(bytes);
  } catch (const core::Error& error) {
    context_.refuse(error.what());
    return false;
  }
  if (session_) session_->push(bytes, now_ns);
  return true;
}

/// Takes what belongs to the beginning from the front of `bytes`, and opens the stream once it is whole.
void TcpSender::begin(std::span<const std::byte>& bytes) {
  const std::size_t n_held = preface_.text().size();
  const std::size_t n = preface_.take(bytes);
  if (preface_.state() == TcpPreface::State::kOpen) {
    bytes = {};
    return;
  }
  if (preface_.state() == TcpPreface::State::kHeader) {
    bytes = bytes.subspan(n);
    PcmHeader header = parse_pcm_header(preface_.text(), options_.format);
    return open({.id = std::move(header.stream), .format = header.format, .labels = std::move(header.labels)});
  }
  open({.format = options_.format});
  if (n_held > 0) session_->push(std::as_bytes(std::span(preface_.text())).first(n_held), heard_ns_);
}

void TcpSender::open(PeerContext::StreamWish wish) {
  wish.fast = options_.fast;
  session_ = context_.open(wish, [this] {
    end(core::EndReason::kTakenOver, "another sender took its stream over");
    close_();
  });
}

bool TcpSender::take_end() {
  try {
    preface_.take_end();
    std::span<const std::byte> nothing;
    if (!session_ && !preface_.text().empty()) begin(nothing);
  } catch (const core::Error& error) {
    context_.refuse(error.what());
    return false;
  }
  if (!session_) {  // somebody who looks whether the port is open, maybe every few seconds
    context_.parts.tell({.level = SourceEvent::Level::kInfo,
                         .name = "sender_gone",
                         .fields = {{"peer", context_.peer.text()}, {"reason", "closed without sending anything"}}});
    return false;
  }
  if (options_.fast && !session_->has_room(0)) return true;
  end(core::EndReason::kCompleted,
      session_->is_inside_sample()
          ? "closed by the sender inside a sample, which is forgotten: are encoding and channels right?"
          : "closed by the sender");
  return false;
}

void TcpSender::fail(int error) {
  const std::string why = std::generic_category().message(error);
  if (!session_) return context_.refuse(why);
  end(core::EndReason::kSourceLost, why);
}

bool TcpSender::check(std::int64_t now_ns, bool held_back) {
  if (!session_) {
    if (now_ns - begun_ns_ < kBeginNs) return true;
    context_.refuse(preface_.text().empty() ? "closed after 10 s in which it sent nothing"
                                            : "closed after 10 s in which its header did not come to an end");
    return false;
  }
  if (held_back) heard_ns_ = now_ns;
  const std::int64_t idle_ns = context_.params.idle_ns;
  if (idle_ns == 0 || now_ns - heard_ns_ < idle_ns) return true;
  end(core::EndReason::kSourceLost, "sent nothing for " + seconds_text(now_ns - heard_ns_) + " s (idle_timeout_s)");
  return false;
}

void TcpSender::end(core::EndReason reason, const std::string& why) {
  context_.close(std::move(session_), reason, why);
}

}  // namespace melstream::audio
