// All senders of one udp:// source, apart from its socket: datagrams and the time in, streams out. Runs on the thread
// of sockets.
//
// Raw PCM has no sequence numbers: a datagram that was lost on the way cannot be seen, and what the kernel threw away
// is counted in datagrams, not in samples (rtp:// knows both). A datagram that is no whole number of samples may begin
// inside one, so all of it is lost: as many samples as fit into it, kDecodeError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "melstream/audio/datagram_sockets.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/peer/sender_events.hpp"
#include "melstream/audio/peer/sender_params.hpp"
#include "melstream/audio/seldom.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

struct UdpParams {
  SenderParams sender;
  core::PcmFormat format;
};

/// Throws core::Error(kInvalidArgument, "uri").
UdpParams parse_udp_params(const core::SourceSpec& spec, const SourceUri& uri);

class UdpSenders final : public DatagramSink {
 public:
  /// @param params, @param parts outlive it. @param port where senders send to.
  UdpSenders(const UdpParams& params, const SourceParts& parts, std::uint16_t port);
  UdpSenders(const UdpSenders&) = delete;
  UdpSenders& operator=(const UdpSenders&) = delete;
  ~UdpSenders() override;

  void on_datagram(std::size_t socket, const Datagram& datagram) noexcept override;
  void on_kernel_drops(std::size_t socket, std::int64_t n) noexcept override;
  /// Ends those that sent nothing for too long.
  void check(std::int64_t now_ns);
  void end_all(core::EndReason reason, const std::string& why);
  /// Streams, counters, and whether somebody is live.
  void add_status(core::SourceStatus& status) const;

 private:
  struct Sender {
    std::unique_ptr<PcmSession> session;
    std::size_t number = 0;
    std::int64_t heard_ns = 0;
  };
  using Senders = std::unordered_map<NetAddress, Sender, NetAddressHash>;

  bool is_whole(const Datagram& datagram) noexcept;
  Sender* open(const Datagram& datagram);
  /// Whether to tell of it: the text of an event is made for few packets only.
  bool count_refusal() noexcept;
  Senders::iterator end(Senders::iterator sender, core::EndReason reason, const std::string& why);

  const SenderParams& params_;
  const core::PcmFormat format_;
  const SourceParts& parts_;
  const std::uint16_t port_;
  const std::size_t sample_bytes_;
  Senders senders_;
  SenderNumbers numbers_;
  std::int64_t next_open_ns_ = 0;  ///< none is opened before: the last was refused
  Seldom refusal_;
  Seldom malformed_;
  Seldom kernel_drops_;
  std::int64_t n_senders_ = 0;
  std::int64_t n_packets_ = 0;
  std::int64_t n_refused_ = 0;
  std::int64_t n_malformed_ = 0;
  std::int64_t n_kernel_drops_ = 0;
  std::int64_t n_bytes_ = 0;
  core::IngestCounters ended_;  ///< of sessions that are gone
};

}  // namespace melstream::audio
