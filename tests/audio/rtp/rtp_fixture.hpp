// An rtp: source without sockets: packets as a sender makes them, a clock that the test turns, streams that are
// recorded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/rtp/rtp_receiver.hpp"

#include "tests/audio/net_fixture.hpp"
#include "tests/audio/stream_recorder.hpp"

namespace melstream::test {

inline constexpr std::int64_t kMs = 1'000'000;

/// What a packet says.
struct RtpFields {
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0x11111111;
  std::uint8_t payload_type = 96;
  std::uint8_t first_byte = 0x80;
};

inline std::vector<std::byte> rtp_bytes(const RtpFields& fields, std::span<const std::byte> payload) {
  std::vector<std::byte> bytes = {static_cast<std::byte>(fields.first_byte),
                                  static_cast<std::byte>(fields.payload_type)};
  const auto append = [&](std::uint32_t value, int n) {
    for (int shift = 8 * (n - 1); shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::byte>(value >> shift & 0xFFU));
  };
  append(fields.sequence, 2);
  append(fields.timestamp, 4);
  append(fields.ssrc, 4);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

/// L16: sample i of the packet is `first + i`, modulo 2^16.
inline std::vector<std::byte> counting_l16(std::int64_t first, std::size_t n) {
  std::vector<std::byte> bytes = counting_bytes(first, n);
  for (std::size_t i = 0; i < bytes.size(); i += 2) std::swap(bytes[i], bytes[i + 1]);
  return bytes;
}

inline audio::NetAddress address(std::uint8_t last_byte, std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0A000000U | last_byte);
  v4.sin_port = htons(port);
  return audio::NetAddress(reinterpret_cast<const sockaddr&>(v4));
}

class RtpTest : public testing::Test {
 protected:
  static constexpr std::size_t kSamples = 320;  ///< of a packet: 20 ms at 16 kHz
  static constexpr std::int64_t kN = 320;

  void make(const std::string& parameters, const std::string& ports = "5004") {
    receiver_.reset();
    const core::SourceSpec spec{"desk", "rtp://127.0.0.1:" + ports + "?" + parameters, {{"room", "7"}}};
    const audio::RtpOptions options = audio::rtp_options(spec, audio::parse_source_uri(spec.uri));
    receiver_ = std::make_unique<audio::RtpReceiver>(options, options.ports, parts_, [this] { ++n_waits_; });
  }

  void hear(std::span<const std::byte> bytes, const audio::NetAddress& peer, std::size_t socket = 0) {
    receiver_->on_datagram(socket, {bytes, peer, clock_.mono, false});
    expect_balance();
  }
  void hear(std::span<const std::byte> bytes) { hear(bytes, peer_); }

  /// The n-th packet of the stream whose sample i is i: sequence and timestamp go with it.
  std::vector<std::byte> packet(std::int64_t n) const {
    RtpFields fields = fields_;
    fields.sequence = static_cast<std::uint16_t>(fields_.sequence + n);
    fields.timestamp = static_cast<std::uint32_t>(fields_.timestamp + n * static_cast<std::int64_t>(kSamples));
    return rtp_bytes(fields, counting_l16(n * static_cast<std::int64_t>(kSamples), kSamples));
  }
  void hear_packets(std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      hear(packet(n));
      pass(20);
    }
  }
  /// Time goes by, as the source sees it.
  void pass(std::int64_t ms) {
    for (std::int64_t i = 0; i < ms; ++i) {
      clock_.mono += kMs;
      if (clock_.mono / kMs % 5 == 0 && receiver_->is_waiting()) {
        receiver_->on_time();
        expect_balance();
      }
      if (clock_.mono / kMs % 100 == 0) receiver_->look_after();
    }
    if (receiver_) expect_balance();
  }
  /// Invariant I1, for every stream.
  void expect_balance() {
    if (!reads_along_) return;
    for (RecordedStream* const stream : recorder_.all()) {
      if (stream->ended()) continue;  // its ingest is gone
      const core::IngestCounters counters = stream->ingest->counters();
      ASSERT_EQ(counters.offered, counters.accepted + counters.dropped);
    }
  }

  core::IngestCounters counters(const std::string& id = "desk") { return recorder_.find(id)->ingest->counters(); }
  std::int64_t lost(core::GapReason reason, const std::string& id = "desk") {
    return counters(id).dropped_by[static_cast<std::size_t>(reason)];
  }
  const Taken& taken(const std::string& id = "desk") { return recorder_.find(id)->taken.front(); }
  std::int64_t count(const std::string& name) {
    for (const core::SourceCounter& counter : receiver_->status().counters) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return -1;
  }
  int n_told(std::string_view name) const {
    return static_cast<int>(
        std::count_if(told_.begin(), told_.end(), [&](const auto& event) { return event.name == name; }));
  }
  std::string told(std::string_view name, std::string_view key) const {
    for (const audio::SourceEvent& event : told_) {
      if (event.name != name) continue;
      for (const auto& [field, value] : event.fields) {
        if (field == key) return value;
      }
    }
    return {};
  }
  /// That each sample of a 16 kHz stream lies where its value says, sample `origin` at position 0.
  static void expect_in_place(const Taken& taken, std::int64_t origin = 0) {
    for (const Taken::Segment& segment : taken.segments) {
      for (std::size_t i = 0; i < segment.samples.size(); ++i) {
        const std::int64_t position = segment.start.timeline_begin + static_cast<std::int64_t>(i);
        const auto expected = static_cast<float>(static_cast<std::int16_t>(origin + position)) / 32768.0F;
        ASSERT_EQ(segment.samples[i], expected) << "position " << position;
      }
    }
  }

  TurnedClock clock_;
  audio::NetLoop net_;
  StreamRecorder recorder_{clock_};
  std::vector<audio::SourceEvent> told_;
  const audio::SourceParts parts_{recorder_.opener(), clock_,
                                  [this](const audio::SourceEvent& event) { told_.push_back(event); }, net_};
  audio::NetAddress peer_ = address(1, 4000);
  RtpFields fields_;
  int n_waits_ = 0;
  bool reads_along_ = true;  ///< the streams' rings are emptied all the time
  std::unique_ptr<audio::RtpReceiver> receiver_;
};

}  // namespace melstream::test
