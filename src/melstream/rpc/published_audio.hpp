// One AudioConfig on its way in, for calls of StreamAudio and of StreamAudioBatch alike: its streams, the ingest that
// writes to them, the chunk that is being taken. One thread at a time: the mutex of its call sees to that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <grpcpp/support/status.h>

#include "melstream/access/access.hpp"
#include "melstream/core/pcm.hpp"
#include "melstream/rpc/audio_config.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/v1/audio_service.pb.h"

namespace melstream::rpc {

/// What a message says of one chunk; the content stays the message's.
struct Chunk {
  std::span<const std::byte> content;
  std::int64_t capture_time_ns = 0;  ///< Unix time; 0: not known
  std::int64_t lost_samples = 0;     ///< before it, per channel
  v1::GapReason lost_reason = v1::GAP_REASON_UNSPECIFIED;
};

/// @param message an AudioChunk or a BatchChunk.
template <typename Message>
Chunk chunk_of(const Message& message) noexcept {
  return {.content = std::as_bytes(std::span(message.content())),
          .capture_time_ns = message.capture_time_ns(),
          .lost_samples = message.lost_samples(),
          .lost_reason = message.lost_reason()};
}

/// Overwrites audio that was taken: no copy of it stays behind in memory that is ours.
void wipe(std::string& content) noexcept;

class PublishedAudio {
 public:
  /// Opens the streams. May call on_takeover of other calls, so hold no mutex that those take. Throws Error as
  /// Registry::open() and the ingest's factory, kPermissionDenied and kResourceExhausted as the grant says. @param
  /// on_takeover as of pipeline::StreamOptions; it may come before the constructor returns.
  PublishedAudio(const Environment& environment, const access::Grant& grant, AudioChoice choice,
                 const std::function<void()>& on_takeover);
  PublishedAudio(const PublishedAudio&) = delete;
  PublishedAudio& operator=(const PublishedAudio&) = delete;
  /// As finish(kSourceLost).
  ~PublishedAudio();

  void set_started(v1::StreamStarted& out) const;
  /// Checks a chunk and counts what was lost before it; take() does the rest. Throws Error(kInvalidArgument); then
  /// nothing was taken. @param chunk its content lives until take() has returned true.
  void begin(const Chunk& chunk, std::int64_t received_mono_ns);
  /// Takes what is left of the chunk. False if a fast stream has no room: call it again after the next tick.
  bool take();
  /// Whether finish() would lose nothing now.
  bool can_finish() noexcept { return ingest_->has_room(0); }
  /// Ends the streams; the first reason counts.
  void finish(core::EndReason reason) noexcept { ingest_->finish(reason); }

  bool is_fast() const noexcept { return fast_; }
  /// A second of audio came since the last set_progress(), or some was lost.
  bool is_progress_due() const noexcept;
  /// Anything came since the last set_progress().
  bool has_progress() const noexcept { return ingest_->counters().offered != told_.offered; }
  void set_progress(v1::StreamProgress& out);
  void set_ended(core::EndReason reason, v1::StreamEnded& out) const;

 private:
  const access::StreamShare share_;
  const core::PcmFormat format_;
  const bool fast_;
  const std::size_t sample_bytes_;  ///< of all channels
  const std::size_t slice_bytes_;
  std::vector<std::shared_ptr<pipeline::Stream>> streams_;  ///< before ingest_: it writes to their feeds
  std::unique_ptr<core::PcmIngest> ingest_;

  Chunk chunk_;
  core::AudioTime chunk_time_;  ///< of its first sample
  std::size_t taken_bytes_ = 0;
  core::IngestCounters told_;  ///< in the last progress
};

// What publishers are told.
/// Those for whom Publishers have no place.
grpc::Status no_place_status(const Environment& environment);
grpc::Status taken_over_status();
grpc::Status shutting_down_status();
/// Why a publisher ends that was last heard of then; nothing if it may go on.
std::optional<grpc::Status> idle_status(const Environment& environment, std::int64_t heard_mono_ns,
                                        std::int64_t now_mono_ns);

}  // namespace melstream::rpc
