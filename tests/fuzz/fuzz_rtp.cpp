// Datagrams of anybody, in any order, at any time: parsing, senders, jitter buffer. The input is a list of operations:
// each begins with a byte that says what comes, from whom, and after how long.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include <netinet/in.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/rtp/rtp_receiver.hpp"
#include "melstream/core/error.hpp"

#include "tests/support/manual_clock.hpp"

namespace {

namespace audio = melstream::audio;
namespace core = melstream::core;

/// Counts, and holds the source to its side of the contract. Has room for so many bytes until it is emptied.
class CountingIngest final : public core::PcmIngest {
 public:
  CountingIngest(const core::PcmFormat& format, std::int64_t& n_live)
      : sample_bytes_(core::bytes_per_sample(format.encoding) * static_cast<std::size_t>(format.n_channels)),
        n_live_(n_live) {
    ++n_live_;
  }
  ~CountingIngest() override { --n_live_; }

  bool has_room(std::size_t n_bytes) noexcept override { return !finished_ && used_ + n_bytes <= kRoom; }
  void push(std::span<const std::byte> bytes, const core::AudioTime& time) override {
    require(!finished_ && !bytes.empty() && bytes.size() % sample_bytes_ == 0 && time.received_mono_ns > 0);
    require(bytes.size() <= core::kMaxChunkBytes);
    used_ += bytes.size();
    add(counters_.accepted, static_cast<std::int64_t>(bytes.size() / sample_bytes_));
  }
  void lose(std::int64_t n_source, core::GapReason /*reason*/) noexcept override {
    require(!finished_ && n_source > 0);
    add(counters_.dropped, n_source);
  }
  void push_suppressed(std::int64_t n_source, const core::AudioTime& /*time*/) noexcept override {
    require(!finished_ && n_source > 0);
    used_ += static_cast<std::size_t>(n_source) * sample_bytes_;
    counters_.suppressed += n_source;
    add(counters_.accepted, n_source);
  }
  void finish(core::EndReason /*reason*/) noexcept override { finished_ = true; }
  core::IngestCounters counters() const noexcept override { return counters_; }

  static void require(bool holds) {
    if (!holds) std::abort();
  }
  void empty() { used_ = 0; }

 private:
  static constexpr std::size_t kRoom = 64 * 1024;
  void add(std::int64_t& counter, std::int64_t n) {
    counter += n;
    counters_.offered += n;
    // A source may not invent time: at most an hour a packet.
    require(n <= std::int64_t{3600} * core::kMaxSampleRateHz);
  }

  const std::size_t sample_bytes_;
  std::int64_t& n_live_;
  core::IngestCounters counters_;
  std::size_t used_ = 0;
  bool finished_ = false;
};

class Streams {
 public:
  core::StreamOpener opener() {
    return [this](const core::StreamRequest& request) {
      if (n_live_ >= 3) throw core::Error(core::ErrorCode::kResourceExhausted, "all streams are in use");
      auto ingest = std::make_unique<CountingIngest>(request.format, n_live_);
      ingests_.push_back(ingest.get());
      return std::make_unique<core::OpenStream>(
          core::OpenStream::Parts{nullptr, std::move(ingest), [] { return 0; }, [] {}});
    };
  }
  /// Plays the tick thread, as long as no stream has ended.
  void empty() {
    if (static_cast<std::size_t>(n_live_) != ingests_.size()) return;
    for (CountingIngest* const ingest : ingests_) ingest->empty();
  }
  std::int64_t n_live() const { return n_live_; }

 private:
  std::int64_t n_live_ = 0;
  std::vector<CountingIngest*> ingests_;
};

class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  std::uint16_t word() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }
  std::span<const std::uint8_t> some(std::size_t n) {
    const auto part = bytes_.first(std::min(n, bytes_.size()));
    bytes_ = bytes_.subspan(part.size());
    return part;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

audio::NetAddress address(unsigned n) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x7F000001U + (n >> 1));
  v4.sin_port = htons(static_cast<std::uint16_t>(4000 + (n & 1U)));
  return audio::NetAddress(reinterpret_cast<const sockaddr&>(v4));
}

/// A packet whose header makes sense mostly.
std::vector<std::byte> packet(Bytes& in, std::uint8_t ssrc) {
  constexpr std::uint8_t kTypes[] = {0, 8, 96, 97, 98, 101, 9, 127};
  const std::uint8_t kind = in.byte();
  const std::uint16_t sequence = in.word();
  const std::uint16_t timestamp = in.word();
  const std::size_t n_payload = kind >> 3 == 31 ? 1500 : static_cast<std::size_t>(kind >> 3) * 10;
  std::vector<std::byte> bytes(12 + n_payload);
  bytes[0] = std::byte{0x80};
  bytes[1] = static_cast<std::byte>(kTypes[kind & 7U]);
  bytes[2] = static_cast<std::byte>(sequence >> 8);
  bytes[3] = static_cast<std::byte>(sequence & 0xFFU);
  // The upper bytes move a little only, or each packet would begin a new timeline.
  bytes[4] = static_cast<std::byte>(timestamp >= 0xFF00U ? timestamp & 0xFFU : 0);
  bytes[6] = static_cast<std::byte>(timestamp >> 8);
  bytes[7] = static_cast<std::byte>(timestamp & 0xFFU);
  bytes[11] = static_cast<std::byte>(ssrc);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static audio::NetLoop net;
  static const audio::RtpOptions options[2] = {
      audio::rtp_options({"f", "", {}}, audio::parse_source_uri(
                                            "rtp://127.0.0.1:5004?pt=96:L16/16000/1,97:L16/8000/2,98:L24/48000/2,101:CN"
                                            "&idle_timeout_s=1&conceal=hold")),
      audio::rtp_options({"f", "", {}},
                         audio::parse_source_uri("rtp://127.0.0.1:5004?pt=96:L16/16000/1,97:PCMU/16000/1,98:PCMA,101:CN"
                                                 "&demux=ssrc&max_ssrc=3&idle_timeout_s=1"))};
  Bytes in({data, size});
  melstream::test::ManualClock clock;
  Streams streams;
  const audio::SourceParts parts{streams.opener(), clock, [](const audio::SourceEvent& /*event*/) {}, net};
  const audio::RtpOptions& chosen = options[in.byte() & 1U];
  audio::RtpReceiver receiver(chosen, chosen.ports, parts, [] {});
  while (!in.empty()) {
    const std::uint8_t what = in.byte();
    const audio::NetAddress peer = address(what >> 2 & 3U);
    switch (what & 3U) {
      case 0: {
        const auto part = in.some(in.byte());
        receiver.on_datagram(0, {std::as_bytes(part), peer, clock.mono_ns(), (what & 0x80U) != 0});
        break;
      }
      case 1:
      case 2: {
        const auto bytes = packet(in, what >> 4 & 3U);
        receiver.on_datagram(0, {bytes, peer, clock.mono_ns(), false});
        break;
      }
      default:
        clock.advance_ms((what >> 2) * 5);
        if ((what & 0x80U) != 0) receiver.on_kernel_drops(0, what >> 4 & 7U);
        receiver.on_time();
        if ((what & 0x40U) != 0) receiver.look_after();
        streams.empty();
        break;
    }
  }
  static_cast<void>(receiver.status());
  receiver.end(core::EndReason::kCompleted);
  CountingIngest::require(streams.n_live() == 0);
  return 0;
}
