#include "melstream/audio/net/tcp_sender.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "melstream/audio/net/sender_events.hpp"
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
  TcpParams tcp{.sender = take_sender_params(spec, uri, params, "max_connections")};
  tcp.header = static_cast<HeaderMode>(params.choice("header", {"auto", "none", "required"}, 0));
  tcp.fast = params.choice("pacing", {"live", "fast"}, 0) == 1;
  params.require_all_taken();
  return tcp;
}

TcpSender::TcpSender(TcpShared& shared, const NetAddress& peer, std::int64_t now_ns, std::function<void()> close)
    : shared_(shared),
      peer_(peer),
      close_(std::move(close)),
      preface_(shared.params.header),
      begun_ns_(now_ns),
      heard_ns_(now_ns) {}

TcpSender::~TcpSender() {
  end(core::EndReason::kSourceLost, "the source was closed");
  if (number_ > 0) shared_.numbers.give_back(number_);
}

std::size_t TcpSender::room() noexcept {
  if (!shared_.params.fast) return kMaxRead;
  if (!session_) return kFirstFastRead;
  const std::size_t n = std::min(kMaxRead, kFastReadSamples * session_->sample_bytes());
  return session_->has_room(n) ? n : 0;
}

bool TcpSender::take(std::span<const std::byte> bytes, std::int64_t now_ns) {
  heard_ns_ = now_ns;
  shared_.n_bytes += static_cast<std::int64_t>(bytes.size());
  try {
    if (!session_) begin(bytes);
  } catch (const core::Error& error) {
    refuse(refusal_text(error, shared_.params.sender.has_one_id()));
    return false;
  }
  if (session_) session_->push(bytes, now_ns);
  return true;
}

/// Takes what belongs to the beginning from the front of `bytes`, and opens the stream once it is whole.
void TcpSender::begin(std::span<const std::byte>& bytes) {
  const SenderParams& params = shared_.params.sender;
  const std::size_t n_held = preface_.text().size();
  const std::size_t n = preface_.take(bytes);
  if (preface_.state() == TcpPreface::State::kOpen) {
    bytes = {};
    return;
  }
  if (number_ == 0) number_ = shared_.numbers.take();
  core::StreamRequest request = params.request(number_, shared_.port, peer_);
  if (preface_.state() == TcpPreface::State::kHeader) {
    bytes = bytes.subspan(n);
    PcmHeader header = parse_pcm_header(preface_.text(), params.format);
    if (header.stream) request.id = *header.stream;
    request.format = header.format;
    request.labels.merge(header.labels);  // the source's own stay
  }
  open(std::move(request));
  if (preface_.state() == TcpPreface::State::kPcm && n_held > 0) {
    session_->push(std::as_bytes(std::span(preface_.text())).first(n_held), heard_ns_);
  }
}

void TcpSender::open(core::StreamRequest request) {
  request.fast = shared_.params.fast;
  session_ = std::make_unique<PcmSession>(request, shared_.parts, [this] {
    end(core::EndReason::kTakenOver, "another sender took its stream over");
    close_();
  });
  tell_connected(shared_.parts, peer_, request);
}

bool TcpSender::take_end() {
  try {
    preface_.take_end();
    std::span<const std::byte> nothing;
    if (!session_ && !preface_.text().empty()) begin(nothing);
  } catch (const core::Error& error) {
    refuse(refusal_text(error, shared_.params.sender.has_one_id()));
    return false;
  }
  if (!session_) {  // somebody who looks whether the port is open, maybe every few seconds
    shared_.parts.tell({.level = SourceEvent::Level::kInfo,
                        .name = "sender_gone",
                        .fields = {{"peer", peer_.text()}, {"reason", "closed without sending anything"}}});
    return false;
  }
  if (shared_.params.fast && !session_->has_room(0)) return true;
  end(core::EndReason::kCompleted,
      session_->is_inside_sample()
          ? "closed by the sender inside a sample, which is forgotten: are encoding and channels right?"
          : "closed by the sender");
  return false;
}

void TcpSender::fail(int error) {
  const std::string why = std::generic_category().message(error);
  if (!session_) return refuse(why);
  end(core::EndReason::kSourceLost, why);
}

bool TcpSender::check(std::int64_t now_ns, bool held_back) {
  if (!session_) {
    if (now_ns - begun_ns_ < kBeginNs) return true;
    refuse(preface_.text().empty() ? "closed after 10 s in which it sent nothing"
                                   : "closed after 10 s in which its header did not come to an end");
    return false;
  }
  if (held_back) heard_ns_ = now_ns;
  const std::int64_t idle_ns = shared_.params.sender.idle_ns;
  if (idle_ns == 0 || now_ns - heard_ns_ < idle_ns) return true;
  end(core::EndReason::kSourceLost, "sent nothing for " + seconds_text(now_ns - heard_ns_) + " s (idle_timeout_s)");
  return false;
}

void TcpSender::end(core::EndReason reason, const std::string& why) {
  if (!session_) return;
  session_->end(reason);
  add_counters(shared_.ended, session_->counters());
  tell_gone(shared_.parts, peer_, *session_, reason, why);
  session_.reset();
}

void TcpSender::refuse(const std::string& why) {
  ++shared_.n_refused;
  tell_refused(shared_.parts, peer_, why);
}

}  // namespace melstream::audio
