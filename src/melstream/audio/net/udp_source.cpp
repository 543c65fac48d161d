// The socket of udp://. All but the calls of the daemon runs on the thread of sockets.
#include <chrono>
#include <memory>
#include <utility>

#include "melstream/audio/net/net_sources.hpp"
#include "melstream/audio/net/udp_senders.hpp"
#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/net_ticker.hpp"

namespace melstream::audio {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr std::size_t kMaxDatagramBytes = 65536;  // there are none longer
constexpr int kReceiveBytes = 1 << 20;            // 30 s of 16 kHz s16, or what the system allows

/// Lives on ms-net.
struct UdpServer {
  UdpServer(const UdpParams& params, const SourceParts& parts, OwnedFd fd)
      : address(local_address(fd.get())), senders(params, parts, address.port()) {
    sockets = std::make_unique<DatagramSockets>(parts.net, parts.clock, senders, kMaxDatagramBytes);
    sockets->add(std::move(fd));
    ticker = std::make_unique<NetTicker>(parts.net, kLook, [this, &parts] { senders.check(parts.clock.mono_ns()); });
  }

  void end(core::EndReason reason) {
    ticker.reset();
    sockets.reset();
    senders.end_all(reason, "the source was closed");
  }

  const NetAddress address;
  UdpSenders senders;
  std::unique_ptr<DatagramSockets> sockets;  ///< null: ended
  std::unique_ptr<NetTicker> ticker;
};

class UdpSource final : public Source {
 public:
  UdpSource(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
      : params_(parse_udp_params(spec, uri)), parts_(parts) {
    OwnedFd fd =
        make_datagram_socket(bind_address(params_.sender.bind, Transport::kDatagram, parts.allow_insecure_bind),
                             params_.sender.bind.scheme, kReceiveBytes);
    parts_.net.call([&] { server_ = std::make_unique<UdpServer>(params_, parts_, std::move(fd)); });
  }
  UdpSource(const UdpSource&) = delete;
  UdpSource& operator=(const UdpSource&) = delete;
  ~UdpSource() override {
    parts_.net.call([this] { server_.reset(); });
  }

  core::SourceStatus status() const override {
    core::SourceStatus status;
    parts_.net.call([&] {
      server_->senders.add_status(status);
      if (server_->sockets == nullptr) status.state = core::SourceState::kEnded;
    });
    status.detail = status.state == core::SourceState::kEnded ? "ended" : "listening on " + server_->address.text();
    return status;
  }
  void end(core::EndReason reason) override {
    parts_.net.call([&] { server_->end(reason); });
  }

 private:
  const UdpParams params_;
  const SourceParts parts_;
  std::unique_ptr<UdpServer> server_;  ///< lives on ms-net
};

}  // namespace

SourceKind udp_kind() {
  return {.scheme = "udp",
          .form = "udp://HOST:PORT",
          .check = [](const core::SourceSpec& spec, const SourceUri& uri) { parse_udp_params(spec, uri); },
          .make = [](const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
              -> std::unique_ptr<Source> { return std::make_unique<UdpSource>(spec, uri, parts); }};
}

}  // namespace melstream::audio
