#include "daemon/stream_opener.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace melstream::daemon {
namespace {

using Streams = std::vector<std::shared_ptr<pipeline::Stream>>;

/// Several streams of one source are taken over one by one; the source ends all of them, once.
std::function<void()> once(std::function<void()> action) {
  if (!action) return {};
  return [flag = std::make_shared<std::once_flag>(), action = std::move(action)] { std::call_once(*flag, action); };
}

std::vector<pipeline::StreamOptions> options_of(const core::StreamRequest& request, std::int64_t resampler_delay_ns) {
  const pipeline::StreamOptions options{.id = request.id,
                                        .labels = request.labels,
                                        .pacing = request.fast ? pipeline::Pacing::kFast : pipeline::Pacing::kLive,
                                        .local = request.local,
                                        .resampler_delay_ns = resampler_delay_ns,
                                        .on_takeover = once(request.on_takeover)};
  std::vector<pipeline::StreamOptions> all(static_cast<std::size_t>(request.format.n_feeds()), options);
  if (request.format.channel_mode == core::ChannelMode::kSplit) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i].id += "." + std::to_string(i);
  }
  return all;
}

}  // namespace

core::StreamOpener make_stream_opener(StreamOpenerParts parts) {
  return [parts = std::move(parts)](const core::StreamRequest& request) {
    core::validate(request.format);
    auto streams = std::make_shared<Streams>(parts.registry.open(
        options_of(request, parts.resampler_delay_ns(request.format.sample_rate_hz)), /*takeover=*/false));
    std::vector<core::AudioFeed*> feeds;
    for (const auto& stream : *streams) feeds.push_back(&stream->feed());
    std::unique_ptr<core::PcmIngest> ingest;
    try {
      ingest = parts.make_ingest(request.source_kind)(request.format, feeds, request.conceal);
    } catch (...) {
      for (core::AudioFeed* const feed : feeds) feed->finish(core::EndReason::kSourceLost);
      throw;
    }
    const auto n_readers = [streams] {
      std::int32_t n = 0;
      for (const auto& stream : *streams) n += stream->n_readers();
      return n;
    };
    return std::make_unique<core::OpenStream>(core::OpenStream::Parts{
        .keeps = streams, .ingest = std::move(ingest), .n_readers = n_readers, .poke = parts.poke});
  };
}

}  // namespace melstream::daemon
