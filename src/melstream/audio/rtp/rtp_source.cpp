// Any thread makes, asks and ends a source; what it consists of lives on ms-net.
#include "melstream/audio/rtp/rtp_source.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "melstream/audio/datagram_sockets.hpp"
#include "melstream/audio/net_address.hpp"
#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/net_ticker.hpp"
#include "melstream/audio/rtp/rtp_options.hpp"
#include "melstream/audio/rtp/rtp_receiver.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

constexpr std::chrono::milliseconds kLookAfter{100};
constexpr std::chrono::milliseconds kWhileWaiting{5};
// The quick ticker stays so long after the last stream that waited, since another one will.
constexpr int kIdleTicks = 200;

/// As large as is asked for, even beyond the system's limit if this process may. @return what there is.
int widen_receive_buffer(int fd, int wanted_bytes) noexcept {
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted_bytes, sizeof(wanted_bytes));
  int doubled = 0;  // the kernel counts its own bookkeeping too
  socklen_t size = sizeof(doubled);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &doubled, &size);
  return doubled / 2;
}

struct Bound {
  std::vector<OwnedFd> sockets;
  std::vector<std::uint16_t> ports;
};

Bound bind_all(const RtpOptions& options, const SourceParts& parts) {
  const NetAddress address = bind_address(options.bind, Transport::kDatagram, parts.allow_insecure_bind);
  Bound bound;
  int receive_bytes = options.receive_bytes;
  for (const std::uint16_t port : options.ports) {
    bound.sockets.push_back(make_datagram_socket(address.with_port(port), options.bind.scheme, options.receive_bytes));
    bound.ports.push_back(local_address(bound.sockets.back().get()).port());
    receive_bytes = std::min(receive_bytes, widen_receive_buffer(bound.sockets.back().get(), options.receive_bytes));
  }
  if (receive_bytes < options.receive_bytes) {
    parts.tell({SourceEvent::Level::kInfo,
                "rtp_small_receive_buffer",
                {{"wanted", std::to_string(options.receive_bytes)},
                 {"granted", std::to_string(receive_bytes)},
                 {"remedy", "for hundreds of calls on one port: sysctl net.core.rmem_max=" +
                                std::to_string(options.receive_bytes)}}});
  }
  return bound;
}

/// All that is touched on ms-net alone.
class RtpRuntime {
 public:
  RtpRuntime(const RtpOptions& options, Bound bound, const SourceParts& parts)
      : net_(parts.net),
        receiver_(options, std::move(bound.ports), parts, [this] { begin_ticking(); }),
        sockets_(parts.net, parts.clock, receiver_, kSlotBytes),
        look_after_(parts.net, kLookAfter, [this] { receiver_.look_after(); }) {
    for (OwnedFd& socket : bound.sockets) sockets_.add(std::move(socket));
  }

  RtpReceiver& receiver() noexcept { return receiver_; }

 private:
  void begin_ticking() {
    if (!while_waiting_) while_waiting_.emplace(net_, kWhileWaiting, [this] { tick(); });
  }
  void tick() {
    n_idle_ticks_ = receiver_.is_waiting() ? 0 : n_idle_ticks_ + 1;
    receiver_.on_time();
    if (n_idle_ticks_ < kIdleTicks) return;
    n_idle_ticks_ = 0;
    while_waiting_.reset();
  }

  NetLoop& net_;
  RtpReceiver receiver_;
  DatagramSockets sockets_;
  NetTicker look_after_;
  std::optional<NetTicker> while_waiting_;
  int n_idle_ticks_ = 0;
};

class RtpSource final : public Source {
 public:
  RtpSource(const RtpOptions& options, const SourceParts& parts) : parts_(parts) {
    Bound bound = bind_all(options, parts);
    parts_.net.call([&] { runtime_ = std::make_unique<RtpRuntime>(options, std::move(bound), parts_); });
  }
  ~RtpSource() override {
    if (runtime_) RtpSource::end(core::EndReason::kSourceLost);
  }

  core::SourceStatus status() const override {
    core::SourceStatus status;
    parts_.net.call([&] { status = runtime_ ? runtime_->receiver().status() : last_; });
    return status;
  }
  void end(core::EndReason reason) override {
    parts_.net.call([&] {
      if (!runtime_) return;
      runtime_->receiver().end(reason);
      last_ = runtime_->receiver().status();
      last_.state = core::SourceState::kEnded;
      runtime_.reset();
    });
  }

 private:
  const SourceParts parts_;
  std::unique_ptr<RtpRuntime> runtime_;  ///< ms-net's
  core::SourceStatus last_;              ///< after the end; ms-net's
};

void check_rtp(const core::SourceSpec& spec, const SourceUri& uri) { rtp_options(spec, uri); }

std::unique_ptr<Source> make_rtp(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts) {
  return std::make_unique<RtpSource>(rtp_options(spec, uri), parts);
}

[[noreturn]] void refuse_srtp(const SourceUri& uri) {
  const std::string target = uri.host + ":" + std::to_string(uri.first_port);
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    "'" + uri.text + "': melstream does not decrypt SRTP; open rtp://" + target + " and run " +
                        conversion_advice(target),
                    "uri");
}

}  // namespace

SourceKind rtp_kind() { return {"rtp", "rtp://HOST:PORT or rtp://HOST:FIRST-LAST", check_rtp, make_rtp}; }

SourceKind srtp_kind() {
  return {"srtp", "", [](const core::SourceSpec& /*spec*/, const SourceUri& uri) { refuse_srtp(uri); },
          [](const core::SourceSpec& /*spec*/, const SourceUri& uri,
             const SourceParts& /*parts*/) -> std::unique_ptr<Source> { refuse_srtp(uri); }};
}

}  // namespace melstream::audio
