// Sends live audio on time: a chunk of each stream every so many milliseconds. One thread, many calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "melstream/v1/audio_service.pb.h"

#include "client/connection.hpp"
#include "client/latency.hpp"
#include "client/load/load_plan.hpp"
#include "client/load/raw_call.hpp"

namespace melstream::client {

/// What one thread has sent, and what became of it. Complete when run() has returned.
struct SendTotals {
  std::int64_t chunks_sent = 0;
  std::int64_t chunks_lost = 0;       ///< were due and could not be sent: their stream had failed
  std::int64_t chunks_held_back = 0;  ///< were due while the one before was still under way
  int n_started = 0;
  int n_completed = 0;                            ///< streams that the daemon ended as we asked
  std::int64_t offered_samples = 0;               ///< the daemon's count, at the source's rate
  std::int64_t dropped_samples = 0;               ///< of these
  std::map<int, std::int64_t> dropped_by_reason;  ///< v1::GapReason
  int n_failed = 0;                               ///< streams
  std::string failure;                            ///< what the daemon said of one of them
  int failure_code = 0;                           ///< google.rpc.Code
  LatencyHistogram lateness;  ///< from when a chunk was due until this thread sent it, unless it was held back
  double cpu_s = 0;           ///< of the thread while it sent
};

class Sender final : public RawCall::Owner {
 public:
  /// Streams of `thread`. All references outlive it.
  Sender(const LoadPlan& plan, int thread, const std::vector<Connection>& connections);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() override { queue_.end(calls_); }

  /// Opens all streams. When it returns all are started, or failed, or `give_up_ns` (steady) has passed.
  void open(std::int64_t give_up_ns);
  /// Sends until `stop_ns` (steady; may come nearer), then ends all streams and waits for that, `patience_ns` at most.
  void run(const LoadTimes& times, const std::atomic<std::int64_t>& stop_ns, std::int64_t patience_ns);
  /// Streams that were to be opened.
  int n_streams() const noexcept { return last_ - first_; }
  /// Chunks sent of a stream. After run().
  std::int64_t n_chunks(int stream) const noexcept { return state_of(stream).n_sent; }
  const SendTotals& totals() const noexcept { return totals_; }

 private:
  enum class Life : std::uint8_t { kOpening, kStarted, kOver };
  struct Stream {
    Life life = Life::kOpening;
    std::int64_t n_due = 0;
    std::int64_t n_sent = 0;
    v1::StreamProgress progress;  ///< the last that was told
  };
  /// Streams that are sent together by one call: one, or with StreamAudioBatch many.
  struct Group {
    int first = 0;
    int n = 1;
    RawCall* call = nullptr;
    int first_number = 1;  ///< of a batch, in its call
    bool waits = false;    ///< something is due and the call is busy
  };

  void on_read(RawCall& call) override;
  void on_written(RawCall& call) override;
  void on_end(RawCall& call) override;
  void open_streams();
  void open_batches();
  v1::AudioConfig config_of(int stream) const;
  void send_due(std::int64_t now_ns);
  void send(Group& group);
  void fill(int stream, std::string& content, std::int64_t& capture_time_ns);
  void end_streams(std::int64_t patience_ns);
  void on_update(int stream, const v1::StreamAudioResponse& response);
  void on_update(int stream, const v1::BatchUpdate& update);
  void fail(int stream, int code, const std::string& message);
  void count_progress();
  Stream& state_of(int stream) noexcept { return streams_[static_cast<std::size_t>(stream - first_)]; }
  const Stream& state_of(int stream) const noexcept { return streams_[static_cast<std::size_t>(stream - first_)]; }

  const LoadPlan& plan_;
  const int first_;
  const int last_;
  const Schedule schedule_;
  const std::vector<Connection>& connections_;
  const int thread_;
  LoadTimes times_;
  CallQueue queue_;
  std::vector<std::unique_ptr<RawCall>> calls_;
  std::vector<Group> groups_;
  std::vector<std::vector<std::size_t>> groups_of_call_;  ///< by the call's index
  std::vector<std::size_t> group_of_stream_;
  std::vector<Stream> streams_;
  v1::StreamAudioRequest request_;     ///< reused
  v1::StreamAudioBatchRequest batch_;  ///< reused
  std::int64_t at_ = 0;                ///< events of the schedule that have passed
  int n_opening_ = 0;
  int n_over_ = 0;
  SendTotals totals_;
};

}  // namespace melstream::client
