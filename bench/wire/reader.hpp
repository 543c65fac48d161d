// A process that subscribes, many calls on one thread, and checks that what comes tiles the stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/wire/histogram.hpp"
#include "bench/wire/load.hpp"
#include "bench/wire/raw_call.hpp"
#include "bench/wire/send_log.hpp"
#include "client/load/told.hpp"

namespace melstream::bench {

using client::Told;

/// What came, over all calls; in memory shared with the process that asked.
struct ReaderResult {
  std::int64_t n_messages = 0;
  std::int64_t n_bytes = 0;
  std::int64_t n_blocks = 0;
  std::int64_t frames_expected = 0;   ///< from a subscription's first frame to the end of the audio that was sent
  std::int64_t frames_delivered = 0;  ///< in blocks
  std::int64_t frames_gapped = 0;     ///< in gaps
  std::int64_t n_gaps = 0;
  std::int64_t n_holes = 0;         ///< blocks, gaps and ends that did not begin where the one before ended
  std::int64_t n_ends = 0;          ///< streams that were told to be over
  std::int64_t n_failures = 0;      ///< calls that ended with an error of their own, and streams of many that failed
  std::array<char, 256> failure{};  ///< one of them
  /// From sending the chunk that completes a block to having read the block; while measuring.
  Histogram latency;
};

class Reader final : public RawCall::Owner, private client::ToldVisitor {
 public:
  /// Opens all calls. All references outlive it.
  Reader(const ReaderLoad& load, const AudioLoad& audio, const std::string& address, const SendLog& log,
         Control& control, ReaderResult& result);
  /// Reads until `stop_readers`.
  void run();

 private:
  /// One stream as one call sees it.
  struct Track {
    std::int64_t first_frame = -1;  ///< -1: not started
    std::int64_t next_frame = 0;
    std::int64_t hop_samples = 0;
    std::int64_t delay_samples = 0;
  };

  void on_read(RawCall& call) override;
  void on_written(RawCall& call) override;
  void on_end(RawCall& call) override;
  void on_told(const Told& told) override;
  Track& track_of(const Told& told);
  void advance(Track& track, std::int64_t first_frame, std::int64_t n_frames);
  void take_latency(const Track& track, const Told& block);
  void count_expected();

  const ReaderLoad load_;
  const AudioLoad audio_;
  const SendLog& log_;
  Control& control_;
  ReaderResult& result_;
  CallQueue queue_;
  std::vector<std::unique_ptr<RawCall>> calls_;
  std::vector<Track> tracks_;  ///< by call, and by stream where a call has many
  // Of the message being read:
  const RawCall* call_ = nullptr;
  std::int64_t now_ns_ = 0;
  bool measuring_ = false;
};

}  // namespace melstream::bench
