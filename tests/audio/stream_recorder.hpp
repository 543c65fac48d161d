// The daemon's side of sources in tests: opens streams, keeps what each was asked for and what came through its feeds.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/core/stream_opener.hpp"

#include "tests/audio/ingest_fixture.hpp"

namespace melstream::test {

/// One stream, as its source opened it.
struct RecordedStream {
  core::StreamRequest request;
  std::vector<std::unique_ptr<core::AudioFeed>> feeds;
  std::vector<Taken> taken;  ///< what was drained, one a feed
  const core::PcmIngest* ingest = nullptr;
  std::atomic<std::int32_t> n_readers{0};
  std::atomic<int> n_pokes{0};

  /// Plays the tick thread.
  void drain() {
    for (std::size_t i = 0; i < feeds.size(); ++i) test::drain(*feeds[i], taken[i]);
  }
  bool ended() const { return taken.front().n_ends > 0; }  ///< as of the last drain
};

/// Thread-safe, but draining and looking is one thread's. Must outlive the sources.
class StreamRecorder {
 public:
  explicit StreamRecorder(const core::Clock& clock) : clock_(clock) {}

  core::StreamOpener opener() {
    return [this](core::StreamRequest request) { return open(std::move(request)); };
  }
  /// The newest of this id, drained; null without.
  RecordedStream* find(const std::string& id) {
    const std::lock_guard lock(mutex_);
    for (auto stream = streams_.rbegin(); stream != streams_.rend(); ++stream) {
      if ((*stream)->request.id != id) continue;
      (*stream)->drain();
      return stream->get();
    }
    return nullptr;
  }
  /// All in the order of opening, drained.
  std::vector<RecordedStream*> all() {
    const std::lock_guard lock(mutex_);
    std::vector<RecordedStream*> streams;
    for (const auto& stream : streams_) {
      stream->drain();
      streams.push_back(stream.get());
    }
    return streams;
  }
  /// Streams beyond so many are refused as the daemon does.
  void set_max_streams(std::size_t n) { max_streams_ = n; }

 private:
  std::unique_ptr<core::OpenStream> open(core::StreamRequest request) {
    const std::lock_guard lock(mutex_);
    std::size_t n_live = 0;
    for (const auto& stream : streams_) {
      stream->drain();
      if (stream->ended()) continue;
      ++n_live;
      if (stream->request.id == request.id) {
        throw core::Error(core::ErrorCode::kAlreadyExists, "stream '" + request.id + "' is live", "stream");
      }
    }
    if (n_live >= max_streams_) throw core::Error(core::ErrorCode::kResourceExhausted, "all streams are in use");
    auto stream = std::make_shared<RecordedStream>();
    std::vector<core::AudioFeed*> feeds;
    for (int i = 0; i < request.format.n_feeds(); ++i) {
      stream->feeds.push_back(std::make_unique<core::AudioFeed>(arena_.take()));
      feeds.push_back(stream->feeds.back().get());
    }
    stream->taken.resize(feeds.size());
    auto ingest = std::make_unique<audio::Ingest>(request.format, feeds, clock_, request.conceal);
    stream->ingest = ingest.get();
    stream->request = std::move(request);
    streams_.push_back(stream);
    return std::make_unique<core::OpenStream>(
        core::OpenStream::Parts{.keeps = stream,
                                .ingest = std::move(ingest),
                                .n_readers = [one = stream.get()] { return one->n_readers.load(); },
                                .poke = [one = stream.get()] { ++one->n_pokes; }});
  }

  const core::Clock& clock_;
  core::HostArena arena_{{.max_bytes = std::size_t{256} << 20, .lock = false}};
  std::mutex mutex_;  // protects streams_
  std::vector<std::shared_ptr<RecordedStream>> streams_;
  std::size_t max_streams_ = 4096;
};

}  // namespace melstream::test
