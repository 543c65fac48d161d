#include "client/load/load_trial.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <pthread.h>

#include "client/feature_names.hpp"
#include "client/load/daemon_watch.hpp"
#include "client/load/load_reader.hpp"
#include "client/load/sender.hpp"
#include "client/load/steady_time.hpp"
#include "client/number_text.hpp"
#include "client/progress_line.hpp"

namespace melstream::client {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kOpenPatienceNs = 30 * kNsPerSecond;
constexpr std::int64_t kEndPatienceNs = 10 * kNsPerSecond;
constexpr std::int64_t kLeadNs = 50'000'000;
/// After the ramp, before latencies count: what the opening of streams delayed has gone by.
constexpr std::int64_t kSettleNs = kNsPerSecond / 2;
/// Rows that front ends give fewer than samples / hop, at most: edges, and the tail of a resampler.
constexpr std::int64_t kEdgeRows = 3;
constexpr std::int64_t kTimelineRateHz = 16'000;

std::vector<Connection> connect(const LoadPlan& plan, const ServerOption& server, int n_calls) {
  const int n = std::max(1, (n_calls + plan.calls_per_connection - 1) / plan.calls_per_connection);
  std::vector<Connection> connections;
  connections.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) connections.emplace_back(server);
  return connections;
}

void check_room(const LoadPlan& plan, const v1::GetServerInfoResponse& info) {
  if (info.draining()) throw ClientError(ExitCode::kUnavailable, "the daemon is draining; try again later");
  const int room = info.max_streams() - info.stream_count();
  if (plan.n_streams <= room) return;
  throw ClientError(ExitCode::kFailure, "the daemon has room for " + std::to_string(room) + " more streams, not " +
                                            std::to_string(plan.n_streams) + ": raise stream.max_streams (now " +
                                            std::to_string(info.max_streams()) + ") in its config and restart it");
}

[[noreturn]] void refuse(const std::string& what, const std::string& failure, int code) {
  std::string message = what;
  if (!failure.empty()) message += ": " + failure + " (" + status_code_name(code) + ")";
  throw ClientError(ExitCode::kFailure, message);
}

class Trial {
 public:
  Trial(const LoadPlan& plan, const ServerOption& server, const Interrupt& interrupt, bool quiet)
      : plan_(plan),
        interrupt_(interrupt),
        control_(server),
        watch_(control_),
        progress_(quiet ? std::nullopt : std::optional<ProgressLine>("load")) {
    check_room(plan, control_.server_info());
    hop_samples_ = control_.front_end(plan.front_end).hop_samples();
    const bool one = plan.readers == LoadReaders::kOne;
    send_connections_ = connect(plan, control_.option(), plan.batch ? plan.n_threads : plan.n_streams);
    read_connections_ = connect(plan, control_.option(), one ? plan.n_streams : plan.n_threads);
  }

  LoadFacts run() {
    open();
    // Before the threads end by themselves: they refer to what is here.
    stop_ns_ = INT64_MAX;
    std::vector<std::thread> senders;
    std::vector<std::thread> readers;
    times_.start_ns = steady_ns() + kLeadNs;
    times_.unix_minus_steady_ns = unix_now_ns() - steady_ns();
    for (auto& reader : readers_) {
      readers.emplace_back([&reader, this] { reader.run(senders_done_, kEndPatienceNs); });
      pthread_setname_np(readers.back().native_handle(), "load-read");
    }
    for (auto& sender : senders_) {
      senders.emplace_back([&sender, this] { sender.run(times_, stop_ns_, kEndPatienceNs); });
      pthread_setname_np(senders.back().native_handle(), "load-send");
    }
    measure();
    for (std::thread& sender : senders) sender.join();
    senders_done_ = true;
    for (std::thread& reader : readers) reader.join();
    gather();
    return std::move(facts_);
  }

 private:
  void open() {
    const std::int64_t give_up_ns = steady_ns() + kOpenPatienceNs;
    // Readers first: they then have each stream from its first frame on.
    for (int thread = 0; thread < plan_.n_threads; ++thread) {
      LoadReader& reader = readers_.emplace_back(plan_, thread, read_connections_, span_);
      reader.open(give_up_ns);
      const ReadTotals& totals = reader.totals();
      if (totals.n_failed > 0 || reader.n_not_asked() > 0) {
        refuse("the daemon did not take all subscriptions", totals.failure, totals.failure_code);
      }
    }
    for (int thread = 0; thread < plan_.n_threads; ++thread) {
      Sender& sender = senders_.emplace_back(plan_, thread, send_connections_);
      sender.open(give_up_ns);
      const SendTotals& totals = sender.totals();
      if (totals.n_started == sender.n_streams()) continue;
      refuse("the daemon opened " + std::to_string(totals.n_started) + " of " + std::to_string(sender.n_streams()) +
                 " streams",
             totals.failure, totals.failure_code);
    }
  }

  /// False if the user does not want to wait any longer.
  bool wait_until(std::int64_t until_ns, const char* what) {
    while (true) {
      const std::int64_t now_ns = steady_ns();
      if (now_ns >= until_ns) return true;
      const auto ms = std::min<std::int64_t>(1000, (until_ns - now_ns) / 1'000'000 + 1);
      pollfd stop{interrupt_.fd(), POLLIN, 0};
      if (poll(&stop, 1, static_cast<int>(ms)) > 0) return false;
      if (measuring_ && steady_ns() < until_ns) watch_.look();
      if (progress_) {
        progress_->show(std::to_string(plan_.n_streams) + " streams, " + what + ", " +
                        fixed_number(static_cast<double>(std::max<std::int64_t>(0, until_ns - steady_ns())) * 1e-9, 0) +
                        " s to go");
      }
    }
  }

  void measure() {
    const std::int64_t begin_ns = times_.start_ns + plan_.ramp_ns() + kSettleNs;
    const std::int64_t end_ns = begin_ns + static_cast<std::int64_t>(plan_.seconds * 1e9);
    span_.begin_ns = begin_ns + times_.unix_minus_steady_ns;
    span_.end_ns = end_ns + times_.unix_minus_steady_ns;
    facts_.interrupted = !wait_until(begin_ns, "beginning");
    const std::int64_t began_ns = steady_ns();
    watch_.begin();
    measuring_ = true;
    if (!facts_.interrupted) facts_.interrupted = !wait_until(end_ns, "measuring");
    facts_.measured_s = static_cast<double>(steady_ns() - began_ns) * 1e-9;
    watch_.end(facts_.daemon, facts_.generator);
    stop_ns_ = steady_ns();
  }

  void gather() {
    facts_.n_streams = plan_.n_streams;
    facts_.readers = plan_.readers == LoadReaders::kNone ? "none" : plan_.readers == LoadReaders::kOne ? "one" : "many";
    facts_.batch = plan_.batch;
    facts_.chunk_ms = plan_.chunk_ms;
    facts_.chunk_samples = plan_.chunk_samples();
    facts_.front_end = plan_.front_end;
    for (const Sender& sender : senders_) add(sender.totals());
    if (plan_.readers != LoadReaders::kNone) {
      for (const LoadReader& reader : readers_) add(reader.totals());
      expect_frames();
    }
    facts_.generator.n_threads = 2 * plan_.n_threads;
  }

  void add(const SendTotals& sent) {
    facts_.n_started += sent.n_started;
    facts_.n_completed += sent.n_completed;
    facts_.chunks_sent += sent.chunks_sent;
    facts_.chunks_lost += sent.chunks_lost;
    facts_.chunks_held_back += sent.chunks_held_back;
    facts_.dropped_samples += sent.dropped_samples;
    for (const auto& [reason, n] : sent.dropped_by_reason) {
      facts_.dropped_by[gap_reason_name(static_cast<v1::GapReason>(reason))] += n;
    }
    if (sent.n_failed > 0) facts_.failures["publishing: " + sent.failure] += sent.n_failed;
    facts_.lateness.add(sent.lateness);
    note_share(sent.cpu_s);
  }

  void add(const ReadTotals& read) {
    facts_.frames_delivered += read.frames_delivered;
    facts_.frames_gapped += read.frames_gapped;
    facts_.holes += read.holes;
    facts_.n_ended += read.n_ended;
    for (std::size_t reason = 0; reason < ReadTotals::kNReasons; ++reason) {
      facts_.losses += read.losses_by[reason];
      if (read.frames_gapped_by[reason] == 0) continue;
      facts_.gapped_by[gap_reason_name(static_cast<v1::GapReason>(reason))] += read.frames_gapped_by[reason];
    }
    if (read.n_failed > 0) facts_.failures["subscribing: " + read.failure] += read.n_failed;
    facts_.latency.add(read.latency);
    facts_.added.add(read.added);
    note_share(read.cpu_s);
  }

  void note_share(double cpu_s) {
    const double wall_s = static_cast<double>(stop_ns_ - times_.start_ns) * 1e-9;
    facts_.generator.busiest_share = std::max(facts_.generator.busiest_share, cpu_s / std::max(wall_s, 1e-3));
  }

  /// What was sent, as rows; edges may cost some of each stream.
  void expect_frames() {
    for (int thread = 0; thread < plan_.n_threads; ++thread) {
      const Sender& sender = senders_[static_cast<std::size_t>(thread)];
      for (int stream = plan_.first_of(thread); stream < plan_.first_of(thread + 1); ++stream) {
        const std::int64_t samples = sender.n_chunks(stream) * plan_.chunk_samples();
        const std::int64_t rows = samples * kTimelineRateHz / plan_.format.rate_hz / hop_samples_;
        facts_.frames_expected += std::max<std::int64_t>(0, rows - kEdgeRows);
      }
    }
  }

  const LoadPlan& plan_;
  const Interrupt& interrupt_;
  const Connection control_;
  DaemonWatch watch_;
  std::optional<ProgressLine> progress_;
  std::int64_t hop_samples_ = 0;
  std::vector<Connection> send_connections_;
  std::vector<Connection> read_connections_;
  MeasuredSpan span_;
  std::deque<LoadReader> readers_;
  std::deque<Sender> senders_;
  LoadTimes times_;
  bool measuring_ = false;
  // Writer: main; readers: the senders, the readers. Neither orders anything else.
  std::atomic<std::int64_t> stop_ns_{INT64_MAX};
  std::atomic<bool> senders_done_{false};
  LoadFacts facts_;
};

}  // namespace

LoadFacts run_trial(const LoadPlan& plan, const ServerOption& server, const Interrupt& interrupt, bool quiet) {
  return Trial(plan, server, interrupt, quiet).run();
}

}  // namespace melstream::client
