// Where the responses of one call of Subscribe come from: one stream, or many. Thread: ms-subscribe.
#pragma once

#include <cstdint>
#include <string>

#include "melstream/access/access.hpp"
#include "melstream/core/units.hpp"
#include "melstream/rpc/wire_message.hpp"

namespace melstream::rpc {

/// How a subscription stands.
struct SourceView {
  std::string streams;                ///< which: an id, or a selection
  std::int32_t n_streams = 0;         ///< that it follows now
  core::FrameIndex next_frame = 0;    ///< of one stream, from Start on
  std::int64_t lag_frames = 0;        ///< computed and not told: of the stream where it is most
  std::int64_t delivered_frames = 0;  ///< in all
  std::int64_t gap_frames = 0;        ///< in all
};

class ResponseSource {
 public:
  enum class State : std::uint8_t {
    kAllTold,  ///< nothing more before the next tick
    kMore,     ///< the message is full
    kOver,     ///< these are the last responses
  };

  virtual ~ResponseSource() = default;
  /// In every tick, also while nothing can be written: what comes and goes is not to be missed.
  virtual void look() {}
  /// Adds what there is to tell. Throws Error: the call ends with it.
  virtual State fill(std::int64_t now_mono_ns, WireMessage& out) = 0;
  /// Bytes that fill() adds at most.
  virtual std::size_t most_bytes() const = 0;
  virtual SourceView view() const = 0;
  /// The streams that it names, and those that it follows now: some are there, and the caller reaches all of them.
  virtual bool is_within(const access::Grant& grant) const = 0;
  /// A stream that waits for its readers is among them, so it must hear that they have read.
  virtual bool blocks_streams() const = 0;
};

}  // namespace melstream::rpc
