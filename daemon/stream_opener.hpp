// How a source gets its streams: from the registry, with an ingest that writes to their feeds.
#pragma once

#include <functional>
#include <string_view>

#include "melstream/core/pcm.hpp"
#include "melstream/core/stream_opener.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::daemon {

struct StreamOpenerParts {
  pipeline::Registry& registry;  ///< outlives the opener and its streams
  /// By the scheme of the source's URI.
  std::function<core::PcmIngestFactory(std::string_view source_kind)> make_ingest;
  std::function<std::int64_t(int sample_rate_hz)> resampler_delay_ns;
  std::function<void()> poke;  ///< asks for a tick now
};

core::StreamOpener make_stream_opener(StreamOpenerParts parts);

}  // namespace melstream::daemon
