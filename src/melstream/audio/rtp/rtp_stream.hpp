// One sender's packets on their way into one stream: in the order of their sequence numbers, on a timeline by their
// timestamps. Packets in order pass at once; the first one after a hole waits until what is missing comes or is given
// up. Runs on ms-net; no sockets, and time is a parameter.
//
//   what is missing                                    | becomes
//   packets, and timestamps go on later                | a loss of exactly so many samples
//   no packet, but timestamps go on later (silence)    | marked zeros, if the arrival clock confirms it
//   timestamps or sequence numbers begin anew          | a loss as long as the arrival clock says
//   samples of packets of another format               | a loss of exactly so many samples
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "melstream/audio/rtp/delay_target.hpp"
#include "melstream/audio/rtp/held_packets.hpp"
#include "melstream/audio/rtp/packet_pool.hpp"
#include "melstream/audio/rtp/rtp_counters.hpp"
#include "melstream/audio/rtp/sequence_tracker.hpp"
#include "melstream/audio/source_clock.hpp"
#include "melstream/core/stream_opener.hpp"

namespace melstream::audio {

/// What all streams of a source share.
struct RtpShared {
  PacketPool& pool;
  RtpCounters& counters;
  std::span<std::byte> scratch;  ///< 2 * kSlotBytes, for a payload that is decoded
  std::int64_t jitter_min_ns = 0;
  std::int64_t jitter_max_ns = 0;
};

class RtpStream {
 public:
  /// Begins with this packet, which has audio. Its type is that of the stream. `shared` outlives it.
  RtpStream(std::unique_ptr<core::OpenStream> stream, const RtpArrival& first, RtpShared& shared);
  RtpStream(const RtpStream&) = delete;
  RtpStream& operator=(const RtpStream&) = delete;
  /// Ends the stream as kSourceLost if finish() did not come before.
  ~RtpStream();

  /// A packet of the stream's sender, of any payload type. Audio that does not fit the stream is lost. Allocates
  /// nothing.
  void on_packet(const RtpArrival& in) noexcept;
  /// Gives up what was waited for long enough. Call every few milliseconds while is_waiting().
  void on_time(std::int64_t now_mono_ns) noexcept;
  bool is_waiting() const noexcept { return !held_.empty(); }
  /// Another sender goes on with this stream, with this packet: a loss as long as the arrival clock says.
  void change_sender(const RtpArrival& first) noexcept;
  /// Gives up all that is waited for, and ends.
  void finish(core::EndReason reason) noexcept;

  const PayloadType& type() const noexcept { return *type_; }
  std::int64_t last_arrival_ns() const noexcept { return last_arrival_ns_; }
  std::int64_t wait_ns() const noexcept { return delay_.wait_ns(); }
  std::optional<double> drift_ppm() const noexcept { return clock_.drift_ppm(); }
  core::IngestCounters counters() const noexcept { return stream_->ingest().counters(); }

 private:
  /// A packet in its place.
  struct Item {
    std::int64_t sequence;
    const RtpArrival& in;
  };

  void on_ahead(const Item& item) noexcept;
  void on_behind(const Item& item) noexcept;
  void on_jump(const RtpArrival& in) noexcept;
  void on_restart(const RtpArrival& in) noexcept;
  /// False if there is no slot.
  bool hold(const Item& item) noexcept;
  void drain(std::int64_t now_mono_ns) noexcept;
  /// Takes all that is held, waiting for nothing.
  void flush() noexcept;
  void drop_jump() noexcept;

  enum class Patience : std::uint8_t { kWaitForRoom, kForce };
  /// What lies before it is settled, and it goes to the ingest. False: there is no room yet; call it again later.
  bool take(const Item& item, core::GapReason missing, Patience patience) noexcept;
  /// Brings the timeline to the packet's timestamp. False as take().
  bool reach(const RtpArrival& in, Patience patience) noexcept;
  /// Silence becomes zeros as it goes by, if there is comfort noise in it. False as take().
  bool reach_comfort_noise(const RtpArrival& in, Patience patience) noexcept;
  /// By how many samples a timestamp may go on before and after what is expected, else the sender began anew.
  std::int64_t lowest_step() const noexcept;
  std::int64_t highest_step(std::int64_t elapsed) const noexcept;
  bool reach_through_silence(std::int64_t timestamp, const RtpArrival& in, Patience patience) noexcept;
  void push(const RtpArrival& in) noexcept;
  void pass(std::int64_t sequence) noexcept;
  void begin_again(const RtpArrival& first) noexcept;
  void begin_timeline(const RtpArrival& in) noexcept;
  void observe(const RtpArrival& in) noexcept;

  bool has_audio(const RtpArrival& in) const noexcept;
  std::int64_t n_samples(const RtpArrival& in) const noexcept;
  std::size_t n_pcm_bytes(std::int64_t n_samples) const noexcept;
  /// 64 bits of a timestamp that is at most half a cycle from the next one expected.
  std::int64_t extended(std::uint32_t timestamp) const noexcept;
  std::int64_t to_samples(std::int64_t ns) const noexcept;

  const std::unique_ptr<core::OpenStream> stream_;
  RtpShared& shared_;
  const PayloadType* type_;
  SequenceTracker sequence_;
  HeldPackets held_;
  HeardNumbers heard_;
  HeldPacket jump_;  ///< far from all others: the first of a sender that began anew, perhaps
  SourceClock clock_;
  DelayTarget delay_;
  std::int64_t first_sequence_ = 0;
  std::int64_t next_sequence_ = 0;
  std::int64_t next_timestamp_ = 0;         ///< extended: of the sample after the last that was taken or lost
  std::int64_t gap_since_ns_ = 0;           ///< when it was seen that next_sequence_ is missing
  std::int64_t last_arrival_ns_ = 0;        ///< of any packet
  std::int64_t last_audio_arrival_ns_ = 0;  ///< of the last that brought the timeline on
  std::optional<core::GapReason> hole_;  ///< why samples before the next packet with audio are missing, if packets are
  bool catching_up_ = false;             ///< silence was more than there is room for: others wait behind it
};

}  // namespace melstream::audio
