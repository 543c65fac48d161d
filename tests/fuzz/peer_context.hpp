// A source's side of one peer without a source, for fuzz targets: streams take audio and forget it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/peer/peer_source.hpp"
#include "melstream/core/pcm.hpp"

namespace melstream::fuzz {

/// Checks what PcmIngest asks of its callers.
class ForgetfulIngest final : public core::PcmIngest {
 public:
  explicit ForgetfulIngest(const core::PcmFormat& format)
      : sample_bytes_(core::bytes_per_sample(format.encoding) * static_cast<std::size_t>(format.n_channels)) {
    core::validate(format);
  }
  bool has_room(std::size_t) noexcept override { return true; }
  void push(std::span<const std::byte> bytes, const core::AudioTime&) override {
    if (finished_ || bytes.size() % sample_bytes_ != 0 || bytes.size() > core::kMaxChunkBytes) std::abort();
    const auto n = static_cast<std::int64_t>(bytes.size() / sample_bytes_);
    counters_.offered += n;
    counters_.accepted += n;
  }
  void lose(std::int64_t n_source, core::GapReason) noexcept override { counters_.dropped += n_source; }
  void push_suppressed(std::int64_t n_source, const core::AudioTime&) noexcept override {
    counters_.suppressed += n_source;
  }
  void finish(core::EndReason) noexcept override { finished_ = true; }
  core::IngestCounters counters() const noexcept override { return counters_; }

 private:
  const std::size_t sample_bytes_;
  bool finished_ = false;
  core::IngestCounters counters_;
};

class StoppedClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return core::kNsPerSecond; }
  std::int64_t wall_ns() const noexcept override { return core::kNsPerSecond; }
};

/// Lives as long as the process.
class PeerBench {
 public:
  explicit PeerBench(const std::string& uri) : PeerBench(audio::parse_source_uri(uri)) {}
  audio::PeerContext context() {
    sockaddr_in loopback{};
    loopback.sin_family = AF_INET;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return {params_, parts_, totals_, audio::NetAddress(reinterpret_cast<const sockaddr&>(loopback)), 4000, 1};
  }
  audio::NetLoop& net() noexcept { return net_; }

 private:
  explicit PeerBench(audio::SourceUri uri)
      : params_(audio::take_sender_params({.id = "fuzz", .uri = uri.text}, uri, uri.params, "max_connections")) {}

  static std::unique_ptr<core::OpenStream> open(const core::StreamRequest& request) {
    return std::make_unique<core::OpenStream>(
        core::OpenStream::Parts{.keeps = nullptr,
                                .ingest = std::make_unique<ForgetfulIngest>(request.format),
                                .n_readers = [] { return 0; },
                                .poke = [] {}});
  }

  StoppedClock clock_;
  audio::NetLoop net_;
  const audio::SenderParams params_;
  const audio::SourceParts parts_{.open_stream = open, .clock = clock_, .tell = [](const auto&) {}, .net = net_};
  audio::PeerTotals totals_;
};

}  // namespace melstream::fuzz
