// All senders of one rtp: source: who may send, who is believed, which stream each one's packets belong to. Runs on
// ms-net; no sockets, and time is a parameter.
//
// One port has one stream, that of its first sender, or with demux=ssrc one a synchronization source (SSRC). The
// sender's address and SSRC own the stream; another SSRC from that address goes on with it once the first one is
// silent.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "melstream/audio/datagram_sockets.hpp"
#include "melstream/audio/rtp/packet_pool.hpp"
#include "melstream/audio/rtp/rtp_candidates.hpp"
#include "melstream/audio/rtp/rtp_counters.hpp"
#include "melstream/audio/rtp/rtp_events.hpp"
#include "melstream/audio/rtp/rtp_options.hpp"
#include "melstream/audio/rtp/rtp_stream.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

class RtpReceiver final : public DatagramSink {
 public:
  /// @param ports of the sockets, in their order. @param on_waiting called when a stream begins to wait, and none did:
  /// on_time() is wanted. `parts` outlives it.
  RtpReceiver(const RtpOptions& options, std::vector<std::uint16_t> ports, const SourceParts& parts,
              std::function<void()> on_waiting);
  RtpReceiver(const RtpReceiver&) = delete;
  RtpReceiver& operator=(const RtpReceiver&) = delete;
  ~RtpReceiver() override = default;

  /// Allocates nothing for a packet of a stream that is open.
  void on_datagram(std::size_t socket, const Datagram& datagram) noexcept override;
  void on_kernel_drops(std::size_t socket, std::int64_t n) noexcept override;
  /// Every few milliseconds while is_waiting().
  void on_time() noexcept;
  bool is_waiting() const noexcept { return !waiting_.empty(); }
  /// A few times a second: ends streams that were silent too long or were taken over.
  void look_after() noexcept;
  void end(core::EndReason reason) noexcept;

  /// Without spec.
  core::SourceStatus status() const;
  const RtpCounters& counters() const noexcept { return counters_; }

 private:
  /// A sender and its stream.
  struct Call {
    std::unique_ptr<RtpStream> stream;
    std::string id;
    NetAddress peer;
    std::uint64_t key = 0;
    std::uint32_t ssrc = 0;
    bool is_waiting = false;
    bool is_told = false;                           ///< of others that want to be it
    bool is_type_told = false;                      ///< that a packet had another format
    std::shared_ptr<std::atomic<bool>> taken_over;  ///< writer: another publisher's thread; relaxed, it orders nothing
  };
  /// Where a packet came in.
  struct Origin {
    std::size_t socket;
    const NetAddress& peer;
  };

  static RtpSender sender_of(const Call& call) noexcept { return {call.id, call.peer, call.ssrc}; }
  std::uint64_t key_of(std::size_t socket, std::uint32_t ssrc) const noexcept;
  Call* find(std::uint64_t key) noexcept;
  void on_call(Call& call, const Origin& origin, const RtpArrival& in) noexcept;
  void on_stranger(const Origin& origin, const RtpArrival& in) noexcept;
  /// False, counted and told, if this sender cannot have the call's stream.
  bool may_take(Call& call, const Origin& origin, const RtpArrival& in) noexcept;
  bool has_too_many(const Origin& origin) noexcept;
  /// True, kept or counted, if the call's own sender may still be there.
  bool is_rival(const Call& call, RtpCandidate& candidate, const RtpArrival& in) noexcept;
  void on_other_type(Call& call, const Origin& origin, const RtpArrival& in) noexcept;
  void accept(RtpCandidate& candidate, const Origin& origin, const RtpArrival& second) noexcept;
  /// The call's stream goes on with what the candidate brought.
  void hear_kept(Call& call, RtpCandidate& candidate, const RtpArrival& second) noexcept;
  void open(RtpCandidate& candidate, const Origin& origin, const RtpArrival& second);
  void change(Call& call, RtpCandidate& candidate, const Origin& origin, const RtpArrival& second) noexcept;
  /// @param why for the log; empty: as the reason says.
  void close(std::uint64_t key, core::EndReason reason, std::string_view why = {}) noexcept;
  /// True for audio.
  bool count_type(const Origin& origin, const RtpArrival& in) noexcept;
  void count_malformed(const Origin& origin, std::string_view reason) noexcept;
  void refuse(const Origin& origin, std::string_view reason) noexcept;
  void note_waiting(Call& call) noexcept;
  core::StreamRequest request(const Origin& origin, const RtpArrival& in,
                              std::shared_ptr<std::atomic<bool>> flag) const;

  const RtpOptions options_;
  const std::vector<std::uint16_t> ports_;
  const SourceParts& parts_;
  RtpEvents events_;
  const std::function<void()> on_waiting_;
  RtpCounters counters_;
  core::IngestCounters ended_;  ///< of streams that ended
  PacketPool pool_;
  std::array<std::byte, 2 * kSlotBytes> scratch_{};
  RtpShared shared_;
  RtpCandidates candidates_;
  std::vector<std::int64_t> n_dropped_;  ///< since the last datagram of each socket
  std::unordered_map<std::uint64_t, Call> calls_;
  std::unordered_map<NetAddress, int, NetAddressHash> n_of_host_;  ///< streams; its ports are 0
  std::vector<Call*> waiting_;
};

}  // namespace melstream::audio
