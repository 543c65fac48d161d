// What a subscription to one or many streams has brought so far, and the check that the responses of each stream tile
// its frames, across reconnections too.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "melstream/v1/feature_service.pb.h"

#include "client/latency.hpp"

namespace melstream::client {

class SubscriptionTotals {
 public:
  /// Counts a response. Throws ClientError(kFailure) where frames of a stream are missing without a gap or come twice:
  /// a fault of the daemon that no consumer may see as data.
  /// @param now_ns Unix time of its arrival.
  void note(const v1::SubscribeResponse& response, std::int64_t now_ns);
  void note_reconnect() noexcept { ++reconnects_; }
  /// @param n_frames that came again and were dropped, in all.
  void set_duplicates(std::int64_t n_frames) noexcept { duplicate_frames_ = n_frames; }
  /// A stream's life that could not be resumed: the daemon no longer has it.
  void note_epoch_change() noexcept { ++epoch_changes_; }

  // Of all streams together.
  std::int64_t frames() const noexcept { return frames_; }
  std::int64_t gaps() const noexcept { return gaps_; }
  std::int64_t gap_frames() const noexcept { return gap_frames_; }
  std::int64_t discontinuities() const noexcept { return discontinuities_; }
  /// Mean over all frames of the share of samples that were made up for losses, 0 to 1.
  double concealed_share() const noexcept;
  /// Frames of blocks that read silence which the sender left out.
  std::int64_t suppressed_frames() const noexcept { return suppressed_frames_; }
  /// Lives of streams that began; those that ended; those that ended otherwise than COMPLETED.
  std::int64_t started_streams() const noexcept { return started_streams_; }
  std::int64_t ended_streams() const noexcept { return ended_streams_; }
  std::int64_t lost_streams() const noexcept { return lost_streams_; }
  /// Without changes of the epoch.
  std::int64_t failures() const noexcept { return failures_; }
  std::int64_t reconnects() const noexcept { return reconnects_; }
  /// Whether the last thing heard was an end, and its reason: for subscriptions to one stream.
  bool ended() const noexcept { return ended_; }
  v1::EndReason end_reason() const noexcept { return end_reason_; }
  /// Of the blocks that were computed after the stream's subscription began: those from the history are old by intent.
  const LatencyHistogram& latency() const noexcept { return latency_; }
  /// "1100 frames, 0 gaps, 1.25 % concealed, added latency p50 12.3 ms p99 20.1 ms".
  std::string text() const;
  /// The same after "12 streams (10 ended), ".
  std::string text_of_many() const;

 private:
  /// Where a stream is that is followed now.
  struct Place {
    std::uint64_t epoch = 0;
    std::int64_t next_frame = 0;
    std::int64_t start_ns = 0;
  };

  void note_start(const v1::SubscriptionStart& start, std::int64_t now_ns);
  void note_block(const v1::FeatureBlock& block, std::int64_t now_ns);
  void note_end(const v1::End& end);
  template <typename Message>
  Place& advance(const Message& message, std::int64_t first_frame, std::int64_t n_frames, const char* what);

  std::unordered_map<std::string, Place> places_;
  std::int64_t frames_ = 0;
  std::int64_t gaps_ = 0;
  std::int64_t gap_frames_ = 0;
  std::int64_t discontinuities_ = 0;
  double concealed_frames_ = 0;  ///< sum of the shares of all frames
  std::int64_t suppressed_frames_ = 0;
  std::int64_t started_streams_ = 0;
  std::int64_t ended_streams_ = 0;
  std::int64_t lost_streams_ = 0;
  std::int64_t failures_ = 0;
  std::int64_t epoch_changes_ = 0;
  std::int64_t reconnects_ = 0;
  std::int64_t duplicate_frames_ = 0;
  bool ended_ = false;
  v1::EndReason end_reason_ = v1::END_REASON_UNSPECIFIED;
  LatencyHistogram latency_;
};

/// Values of a block or window as float32, time-major. Throws ClientError(kFailure) if their number is not
/// frames * bins.
void decode_values(const std::string& bytes, v1::ElementType type, std::int64_t n_frames, int bins,
                   std::vector<float>& values);

}  // namespace melstream::client
