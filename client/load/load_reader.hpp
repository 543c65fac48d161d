// Subscribes to the streams of a load test, and checks that what comes tiles them. One thread, many calls.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/latency.hpp"
#include "client/load/load_plan.hpp"
#include "client/load/raw_call.hpp"
#include "client/load/told.hpp"

namespace melstream::client {

/// What came to one thread. Complete when run() has returned.
struct ReadTotals {
  static constexpr std::size_t kNReasons = 16;

  std::int64_t blocks = 0;
  std::int64_t bytes = 0;
  std::int64_t frames_delivered = 0;
  std::int64_t frames_gapped = 0;
  std::array<std::int64_t, kNReasons> frames_gapped_by{};  ///< v1::GapReason
  std::array<std::int64_t, kNReasons> losses_by{};         ///< gaps and discontinuities, however long; v1::GapReason
  std::int64_t holes = 0;    ///< responses that did not begin where the one before ended: a bug of the daemon
  int n_ended = 0;           ///< streams that were told to be over, completely
  int n_failed = 0;          ///< streams that failed, or whose call did
  std::string failure;       ///< of one of them
  int failure_code = 0;      ///< google.rpc.Code
  LatencyHistogram latency;  ///< of rows: from the capture of the newest sample they need to their receipt
  LatencyHistogram added;    ///< of blocks: from the arrival of the last sample at the daemon to the receipt
  double cpu_s = 0;          ///< of the thread until the senders had stopped
};

/// In which span of time rows count for latency: by the capture of their newest sample, Unix time.
struct MeasuredSpan {
  std::atomic<std::int64_t> begin_ns{INT64_MAX};
  std::atomic<std::int64_t> end_ns{INT64_MAX};
};

class LoadReader final : public RawCall::Owner, private ToldVisitor {
 public:
  /// Streams of `thread`. All references outlive it.
  LoadReader(const LoadPlan& plan, int thread, const std::vector<Connection>& connections, const MeasuredSpan& span);
  LoadReader(const LoadReader&) = delete;
  LoadReader& operator=(const LoadReader&) = delete;
  ~LoadReader() override { queue_.end(calls_); }

  /// Opens all calls. When it returns the daemon has been asked for all, or `give_up_ns` (steady) has passed.
  void open(std::int64_t give_up_ns);
  /// Reads until all streams have ended, at most `patience_ns` after `senders_done`.
  void run(const std::atomic<bool>& senders_done, std::int64_t patience_ns);
  /// Calls that were not taken by a connection.
  int n_not_asked() const noexcept { return static_cast<int>(calls_.size()) - n_asked_; }
  /// Frames that came of a stream, and those of gaps. After run().
  std::int64_t frames_of(int stream) const noexcept {
    return track_of(stream).next_frame - track_of(stream).first_frame;
  }
  const ReadTotals& totals() const noexcept { return totals_; }

 private:
  struct Track {
    std::int64_t first_frame = 0;
    std::int64_t next_frame = 0;
    std::int64_t hop_samples = 0;
    std::int64_t delay_samples = 0;
    bool over = false;
  };

  void on_read(RawCall& call) override;
  void on_written(RawCall& call) override;
  void on_end(RawCall& call) override;
  void on_told(const Told& told) override;
  void take_block(Track& track, const Told& block);
  void take_gap(Track& track, const Told& gap);
  void advance(Track& track, std::int64_t first_frame, std::int64_t n_frames);
  void end(Track& track, bool completed);
  void fail(Track& track, int code, const std::string& message);
  const Track& track_of(int stream) const noexcept { return tracks_[static_cast<std::size_t>(stream - first_)]; }

  const LoadPlan& plan_;
  const int first_;
  const int last_;
  const MeasuredSpan& span_;
  CallQueue queue_;
  std::vector<std::unique_ptr<RawCall>> calls_;
  std::vector<Track> tracks_;
  int n_asked_ = 0;
  int n_over_ = 0;
  std::int64_t now_unix_ns_ = 0;  ///< of the message being read
  ReadTotals totals_;
};

}  // namespace melstream::client
