// The seam by which a source of audio gets a stream to write to. The daemon answers it with the registry; tests with
// feeds of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "melstream/core/pcm.hpp"

namespace melstream::core {

struct StreamRequest {
  std::string id;  ///< [A-Za-z0-9._-]{1,64}; ID.0, ID.1 ... for ChannelMode::kSplit
  std::map<std::string, std::string> labels;
  std::string source_kind;  ///< the scheme of the source's URI, for metrics: audio::Sources sets it
  PcmFormat format;
  Conceal conceal = Conceal::kNone;
  /// Never loses: before each push the source waits until has_room(), and calls poke() after it.
  bool fast = false;
  /// A microphone or a file: it has an audio history for windows, as the config says.
  bool local = false;
  /// Called once, from any thread, when another publisher takes the id over: finish(kTakenOver) soon, on the source's
  /// own thread.
  std::function<void()> on_takeover;
};

/// A stream (or one a channel) that one source writes to. One thread at a time. Destroyed without ingest().finish(), it
/// ends as kSourceLost.
class OpenStream final {
 public:
  struct Parts {
    std::shared_ptr<void> keeps;  ///< what the ingest writes to
    std::unique_ptr<PcmIngest> ingest;
    std::function<std::int32_t()> n_readers;  ///< subscriptions of it now
    std::function<void()> poke;               ///< asks for a tick now
  };
  explicit OpenStream(Parts parts) : parts_(std::move(parts)) {}
  OpenStream(const OpenStream&) = delete;
  OpenStream& operator=(const OpenStream&) = delete;
  ~OpenStream() { parts_.ingest->finish(EndReason::kSourceLost); }

  PcmIngest& ingest() noexcept { return *parts_.ingest; }
  const PcmIngest& ingest() const noexcept { return *parts_.ingest; }
  /// Takes a mutex for an instant: not once a packet.
  std::int32_t n_readers() const { return parts_.n_readers(); }
  void poke() const { parts_.poke(); }

 private:
  Parts parts_;
};

/// Thread-safe. Throws Error: kInvalidArgument (id, format, labels), kAlreadyExists (the id is live),
/// kResourceExhausted (max_streams, memory), kUnavailable (draining).
using StreamOpener = std::function<std::unique_ptr<OpenStream>(StreamRequest request)>;

}  // namespace melstream::core
