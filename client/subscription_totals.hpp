// What a subscription has brought so far, and the check that its responses tile the frames.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "melstream/v1/feature_service.pb.h"

#include "client/latency.hpp"

namespace melstream::client {

class SubscriptionTotals {
 public:
  /// Counts a response. Throws ClientError(kFailure) where frames are missing without a gap or come twice: a fault of
  /// the daemon that no consumer may see as data.
  /// @param now_ns Unix time of its arrival.
  void note(const v1::SubscribeResponse& response, std::int64_t now_ns);

  std::int64_t frames() const noexcept { return frames_; }
  std::int64_t gaps() const noexcept { return gaps_; }
  std::int64_t gap_frames() const noexcept { return gap_frames_; }
  std::int64_t discontinuities() const noexcept { return discontinuities_; }
  /// Mean over all frames of the share of samples that were made up for losses, 0 to 1.
  double concealed_share() const noexcept;
  /// Frames of blocks that read silence which the sender left out.
  std::int64_t suppressed_frames() const noexcept { return suppressed_frames_; }
  bool ended() const noexcept { return ended_; }
  v1::EndReason end_reason() const noexcept { return end_reason_; }
  /// Of the blocks that were computed after the subscription began: those from the history are old by intent.
  const LatencyHistogram& latency() const noexcept { return latency_; }
  /// "1100 frames, 0 gaps, 1.25 % concealed, added latency p50 12.3 ms p99 20.1 ms".
  std::string text() const;

 private:
  void advance(std::int64_t first_frame, std::int64_t n_frames, const char* what);

  std::int64_t next_frame_ = 0;
  std::int64_t start_ns_ = 0;
  std::int64_t frames_ = 0;
  std::int64_t gaps_ = 0;
  std::int64_t gap_frames_ = 0;
  std::int64_t discontinuities_ = 0;
  double concealed_frames_ = 0;  ///< sum of the shares of all frames
  std::int64_t suppressed_frames_ = 0;
  bool started_ = false;
  bool ended_ = false;
  v1::EndReason end_reason_ = v1::END_REASON_UNSPECIFIED;
  LatencyHistogram latency_;
};

/// Values of a block or window as float32, time-major. Throws ClientError(kFailure) if their number is not
/// frames * bins.
void decode_values(const std::string& bytes, v1::ElementType type, std::int64_t n_frames, int bins,
                   std::vector<float>& values);

}  // namespace melstream::client
