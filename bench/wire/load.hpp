// What one trial of a wire benchmark puts on a server, and the memory by which its processes hear of each other.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace melstream::bench {

inline constexpr int kRateHz = 16'000;
/// Streams in one StreamAudioBatch message: 20 ms of 16-bit audio of more would pass the limit of 1,000,000 bytes.
inline constexpr int kMostInMessage = 1500;

/// All audio of a trial: 16-bit samples at 16 kHz.
struct AudioLoad {
  int n_streams = 200;
  int chunk_ms = 20;
  bool batch = false;   ///< all streams by one StreamAudioBatch, else a connection each
  bool silent = false;  ///< streams are opened, and nothing is sent
  int n_messages() const noexcept { return batch ? (n_streams + kMostInMessage - 1) / kMostInMessage : n_streams; }
  int chunk_samples() const noexcept { return kRateHz / 1000 * chunk_ms; }
  std::int64_t chunk_ns() const noexcept { return std::int64_t{chunk_ms} * 1'000'000; }
};

/// Calls of Subscribe that one process holds. Call i reads stream i modulo n_streams.
struct ReaderLoad {
  int n_calls = 0;
  int n_connections = 0;  ///< 0: one each
  int block_frames = 4;
  std::string front_end = "whisper-80";
  bool all_streams = false;  ///< each call reads all streams
  bool wait = false;         ///< for streams that nobody has opened
};

/// Which server, and how it works.
struct ServerLoad {
  bool bare = false;  ///< no DSP: the limit that gRPC sets
  bool tcp = true;    ///< loopback, else a unix socket
  /// 0 (a bare server only): blocks are written as soon as their audio is there.
  std::int64_t tick_ns = 10'000'000;
  std::int64_t max_queued_bytes = 0;  ///< 0: the server's default
};

/// In memory that all processes of a trial share. Each count has one writer.
struct Control {
  std::array<char, 128> address{};     ///< set before server_ready
  std::atomic<bool> server_ready{};    ///< writer: server
  std::atomic<int> n_readers_ready{};  ///< writers: readers
  std::atomic<bool> publisher_ready{};
  std::atomic<bool> publish{};    ///< the publisher shall send
  std::atomic<bool> measuring{};  ///< what arrives now counts for latency
  std::atomic<bool> stop_publisher{};
  std::atomic<bool> stop_readers{};
  std::atomic<bool> stop_server{};
  // Writer: server.
  std::atomic<std::int64_t> n_subscriptions{};
  std::atomic<std::int64_t> frames_gapped{};
  std::atomic<std::int64_t> late_ticks{};
  // Writer: publisher.
  std::atomic<std::int64_t> n_waited{};  ///< messages that were due before gRPC had taken the one before
};

inline std::int64_t steady_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline void pause_s(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

inline std::string stream_id(int stream) { return "bench-" + std::to_string(stream); }

}  // namespace melstream::bench
