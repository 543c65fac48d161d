// What sources bring, counted by kind of source, for metrics: a PcmIngest around each that is made.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "melstream/core/histogram.hpp"
#include "melstream/core/pcm.hpp"
#include "melstream/core/reasons.hpp"
#include "melstream/pipeline/counters.hpp"

namespace melstream::daemon {

/// By the scheme of the source's URI; "grpc" for StreamAudio and StreamAudioBatch, "page" for browsers' microphones.
inline constexpr std::array<std::string_view, 10> kSourceKinds{"grpc", "mic",     "tcp",  "udp",  "rtp",
                                                               "ws",   "wyoming", "file", "page", "other"};
/// Place in kSourceKinds; that of "other" for what is not there.
std::size_t source_kind_of(std::string_view scheme) noexcept;

/// Writers: whoever feeds an ingest; readers: any. Counts of their own.
struct IngestTotals {
  struct Kind {
    std::atomic<std::int64_t> streams{0};   ///< open now
    std::atomic<std::int64_t> accepted{0};  ///< source samples per channel
    std::atomic<std::int64_t> n_bytes{0};
    std::array<std::atomic<std::int64_t>, core::kNGapReasons> dropped{};  ///< source samples per channel
  };
  std::array<Kind, kSourceKinds.size()> kinds{};
  /// From the capture of a chunk's first sample, as the source tells it, else by the chunk's length, until it arrived.
  core::Histogram<pipeline::kLatencyBoundsNs> capture;
};

/// @param totals outlive the factory and what it makes.
core::PcmIngestFactory metered(core::PcmIngestFactory make, IngestTotals& totals, std::size_t source_kind);

}  // namespace melstream::daemon
