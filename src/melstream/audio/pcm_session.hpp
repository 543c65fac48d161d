// One sender of PCM bytes and the stream that they become, for kinds whose senders come and go (TCP, UDP, WebSocket,
// Wyoming): opening, a takeover, the end, and what is counted of senders that are gone. Runs on the thread of sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "melstream/audio/pcm_byte_stream.hpp"
#include "melstream/audio/source.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/sources.hpp"
#include "melstream/core/stream_opener.hpp"

namespace melstream::audio {

/// Thread: ms-net. push() allocates nothing. Destroyed without end(), its stream ends as kSourceLost.
class PcmSession {
 public:
  /// Opens the stream. @param request its on_takeover is ignored. @param on_takeover called on ms-net, never after
  /// the session's destruction: end(kTakenOver) then. Throws core::Error as the opener.
  PcmSession(const core::StreamRequest& request, const SourceParts& parts, std::function<void()> on_takeover);

  const std::string& id() const noexcept { return id_; }
  /// Ids of its streams: one, or one a channel.
  std::vector<std::string> stream_ids() const;
  /// True if n_bytes more lose nothing now; 0: if end() does not.
  bool has_room(std::size_t n_bytes) noexcept;
  /// @param bytes cut anywhere. @param received_mono_ns when the last of them came.
  void push(std::span<const std::byte> bytes, std::int64_t received_mono_ns);
  /// The next samples are known to be missing.
  void lose(std::int64_t n_source, core::GapReason reason) noexcept { bytes_.stream().ingest().lose(n_source, reason); }
  /// The bytes so far end inside a sample: end() forgets its beginning.
  bool is_inside_sample() const noexcept { return bytes_.is_inside_sample(); }
  /// Idempotent; the first reason counts. Nothing may be pushed after it.
  void end(core::EndReason reason) noexcept { bytes_.finish(reason); }
  core::IngestCounters counters() const noexcept { return bytes_.stream().ingest().counters(); }
  std::size_t sample_bytes() const noexcept { return sample_bytes_; }  ///< of all channels

 private:
  const std::string id_;
  const int n_feeds_;
  const std::size_t sample_bytes_;
  const bool fast_;
  std::shared_ptr<const std::function<void()>> on_takeover_;  ///< alive as long as the session
  PcmByteStream bytes_;
};

/// Adds up counters of sessions.
void add_counters(core::IngestCounters& sum, const core::IngestCounters& more) noexcept;
/// samples_offered, samples_accepted, samples_dropped, samples_concealed, samples_nonfinite, and
/// samples_dropped_REASON where there are any.
void append_counters(const core::IngestCounters& sum, std::vector<core::SourceCounter>& counters);

/// Why no stream was opened, with the remedy. @param one_id the source gives all its senders the same id.
std::string refusal_text(const core::Error& error, bool one_id);

}  // namespace melstream::audio
