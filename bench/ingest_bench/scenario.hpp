// What ingest_bench does: so many calls of 20 ms PCMU packets, to one port or to one port each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace melstream::bench {

struct Scenario {
  int n_streams = 1500;
  double seconds = 30;  ///< that are measured, after all calls have begun
  double ramp_s = 5;    ///< in which they begin, one after the other
  bool demux = true;    ///< one port, a stream an SSRC; else one port a stream
  int first_port = 20000;
  std::string front_end = "kaldi-80";
  int receive_bytes = 16 << 20;
  int receiver_core = 0;
  int sender_core = 1;
};

inline constexpr int kPacketMs = 20;
inline constexpr int kPayloadBytes = 160;

/// Where call i is sent.
inline std::uint16_t port_of(const Scenario& scenario, int stream) noexcept {
  return static_cast<std::uint16_t>(scenario.demux ? scenario.first_port : scenario.first_port + 2 * stream);
}

/// What one receiver saw while it was measured, and in all.
struct Measured {
  std::int64_t n_packets = 0;  ///< in the time that was measured
  double seconds = 0;
  double processor_s = 0;
  std::vector<std::string> details;
  std::int64_t n_received = 0;  ///< in all
  std::int64_t n_lost = 0;      ///< that a stream misses
};

}  // namespace melstream::bench
