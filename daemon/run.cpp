// One loop on the main thread: signals, a lost engine, the tick thread's failure, a drain on a thread of its own.
// Streams that are over are forgotten by the server.
#include "daemon/run.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>  // sigabbrev_np (glibc 2.32)
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "melstream/core/freed_memory.hpp"

#include "daemon/access_files.hpp"
#include "daemon/available_memory.hpp"
#include "daemon/config_reader.hpp"
#include "daemon/daemon.hpp"
#include "daemon/listeners.hpp"
#include "daemon/plan.hpp"
#include "daemon/reload.hpp"
#include "daemon/service_notice.hpp"
#include "daemon/signals.hpp"
#include "daemon/telemetry.hpp"
#include "daemon/version.hpp"

namespace melstream::daemon {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// The thread "ms-drain": ends streams and waits for subscribers, while the main thread still hears signals.
class Drain {
 public:
  Drain(Daemon& daemon, std::chrono::milliseconds patience, Wakeup& done)
      : deadline_(SteadyClock::now() + patience + kGrace), thread_([this, &daemon, patience, &done] {
          pthread_setname_np(pthread_self(), "ms-drain");
          complete_.store(daemon.drain(patience), std::memory_order_relaxed);
          done_.store(true, std::memory_order_release);
          done.notify();
        }) {}

  bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  /// Nobody was cut off. Once done().
  bool complete() const noexcept { return complete_.load(std::memory_order_relaxed); }
  bool overdue() const noexcept { return SteadyClock::now() > deadline_; }

 private:
  /// For closing connections once the patience is over.
  static constexpr std::chrono::seconds kGrace{1};

  // Writer: the drain thread; reader: the main thread. complete_ is stored before done_ is released.
  std::atomic<bool> complete_{false};
  std::atomic<bool> done_{false};
  const SteadyClock::time_point deadline_;
  std::jthread thread_;
};

class Run {
 public:
  Run(const Config& config, std::function<Config()> load, Log& log)
      : config_(config), load_(std::move(load)), log_(log), grpc_log_(log) {}

  ExitCode serve();

 private:
  Plan plan_memory() const;
  ExitCode loop();
  void tell_overload();
  void tell_overload_state(const Overload& overload);
  void on_signal(int signal);
  void open_telemetry();
  void retire();
  void drain(int signal, const std::string& why);
  void tell_engine_loss();
  void reload();
  void look_at_loops();
  void tell_stalls(const std::vector<Liveness::Stall>& stalls);
  [[noreturn]] void leave_at_once(ExitCode exit_code, const std::string& why) const;
  ExitCode fail(const std::exception_ptr& failure) const;

  const Config& config_;  ///< of the start; reloader_ has what is in effect
  const std::function<Config()> load_;
  Log& log_;
  Signals signals_;  // first: threads inherit the mask
  Wakeup wakeup_;
  GrpcLogGuard grpc_log_;
  const core::SystemClock clock_{};
  Watchdog watchdog_{Watchdog::period_from_environment()};
  std::optional<Telemetry> telemetry_;
  std::optional<Daemon> daemon_;
  std::string stalls_told_;  ///< names of the loops
  std::optional<Reloader> reloader_;
  bool has_passed_sockets_ = false;  ///< the service manager holds them as well
  bool engine_loss_told_ = false;
  int drain_signal_ = 0;
  SteadyClock::time_point drain_began_;
  std::optional<Drain> drain_;
  std::optional<SteadyClock::time_point> retire_until_;
  pipeline::OverloadState overload_state_told_ = pipeline::OverloadState::kNormal;
  bool is_overloaded_ = false;
  std::int64_t n_shed_told_ = 0;  ///< frames shed, as last told
  SteadyClock::time_point overload_told_;
};

/// Audio shall not stay behind in memory that a library frees, nor be read from outside: no core dump, no ptrace by the
/// same user (prctl(2)). Before any thread that sees audio.
void hide_memory() {
  core::wipe_freed_memory();
#if !defined(__SANITIZE_ADDRESS__)  // LeakSanitizer needs ptrace at exit
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

/// Of the service manager; those that the daemon starts must not take them for theirs.
std::vector<PassedSocket> inherited_sockets() {
  std::vector<PassedSocket> sockets =
      passed_sockets(std::getenv("LISTEN_PID"), std::getenv("LISTEN_FDS"), std::getenv("LISTEN_FDNAMES"), getpid());
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  return sockets;
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

Plan Run::plan_memory() const {
  Plan plan = make_plan(config_, make_catalog(config_), available_memory_bytes(), lockable_memory_bytes());
  for (const std::string& line : plan.lines) log_.record(LogLevel::kInfo, "memory_plan", {{"plan", line}});
  for (const std::string& warning : plan.warnings) {
    log_.record(LogLevel::kWarning, "memory_plan", {{"lowered", warning}});
  }
  return plan;
}

/// Each source may need thousands of sockets; the soft limit is there for programs that use select(2), which we do not.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

ExitCode Run::serve() {
  hide_memory();
  raise_descriptor_limit();
  log_.event(LogLevel::kInfo, "starting", {{"build", build()}, {"pid", getpid()}});
  std::optional<Plan> plan;
  try {
    plan = plan_memory();
  } catch (const core::Error& error) {
    log_.event(LogLevel::kError, "impossible_memory_plan", {{"error", error.what()}});
    return ExitCode::kConfig;
  }
  std::string certificates_stamp;
  try {
    // Who takes over gets ready before it waits for addresses, that of the metrics included: nobody is kept waiting.
    const bool takes_over = config_.server.take_over_s > 0;
    if (takes_over) {
      log_.event(LogLevel::kInfo, "taking_over",
                 {{"at_most_s", std::to_string(std::lround(config_.server.take_over_s))},
                  {"remedy", "send SIGUSR2 to the daemon that has the addresses"}});
    } else {
      open_telemetry();
    }
    certificates_stamp = stamp_of_certificates(config_);
    const std::vector<PassedSocket> passed = inherited_sockets();
    has_passed_sockets_ = !passed.empty();
    daemon_.emplace(config_, *plan, passed, log_, wakeup_);
    if (takes_over) open_telemetry();
    if (const auto address = telemetry_->address()) log_.event(LogLevel::kInfo, "metrics", {{"address", *address}});
    telemetry_->attach([this] { return daemon_->metrics(*telemetry_, log_); });
  } catch (const PassedSocketError& error) {
    log_.event(LogLevel::kError, "cannot_listen", {{"error", error.what()}});
    return ExitCode::kConfig;
  } catch (const AccessFileError& error) {
    log_.event(LogLevel::kError, "cannot_start", {{"error", error.what()}});
    return error.exit_code();
  } catch (const rpc::BindError& error) {
    log_.event(LogLevel::kError, "cannot_listen", {{"error", error.what()}});
    return error.code() == core::ErrorCode::kPermissionDenied ? ExitCode::kPermission : ExitCode::kCannotBind;
  } catch (const core::Error& error) {
    log_.event(LogLevel::kError, "cannot_start", {{"error", error.what()}});
    return ExitCode::kUnavailable;
  }
  try {
    daemon_->open_sources(config_);
  } catch (const SourceError& error) {
    log_.event(LogLevel::kError, "cannot_open_source", {{"error", error.what()}});
    return error.exit_code();
  }
  const std::string addresses = joined(daemon_->addresses());
  log_.event(LogLevel::kInfo, "listening", {{"addresses", addresses}});
  const std::string page = daemon_->page_url();
  if (!page.empty()) log_.event(LogLevel::kInfo, "page", {{"url", page}});
  telemetry_->readiness().set(Check::kStarting, "");
  notify_service_manager("READY=1\nSTATUS=listening on " + addresses);
  reloader_.emplace(config_, std::move(certificates_stamp), load_, *daemon_, telemetry_->reloads(), log_);
  const ExitCode exit_code = loop();
  daemon_->log_totals(log_);
  drain_.reset();
  telemetry_->detach();
  daemon_.reset();
  log_.event(LogLevel::kInfo, "stopped", {{"exit_code", static_cast<int>(exit_code)}});
  log_.flush();
  // Without exit handlers: those of a CUDA runtime whose device hangs may hang too, and gRPC's threads still run.
  _exit(static_cast<int>(exit_code));
}

/// The daemon before this one gives its address free when it retires.
void Run::open_telemetry() {
  constexpr std::chrono::milliseconds kAgain{10};
  const SteadyClock::time_point deadline = SteadyClock::now() + milliseconds(config_.server.take_over_s);
  while (true) {
    try {
      telemetry_.emplace(config_.metrics, clock_);
      return;
    } catch (const rpc::BindError& error) {
      if (error.code() == core::ErrorCode::kPermissionDenied || SteadyClock::now() >= deadline) throw;
    }
    std::this_thread::sleep_for(kAgain);
  }
}

ExitCode Run::loop() {
  // Is the drain overdue, is the engine overloaded, have the last clients gone.
  constexpr std::chrono::milliseconds kLook{500};
  constexpr std::chrono::milliseconds kLookInDrain{50};
  while (true) {
    wait_for(signals_, wakeup_, drain_ ? kLookInDrain : kLook);
    wakeup_.clear();
    tell_overload();
    tell_engine_loss();
    reloader_->look_at_certificates();
    look_at_loops();
    log_.tell_suppressed();
    if (const std::exception_ptr failure = daemon_->failure()) return fail(failure);
    while (const std::optional<int> signal = signals_.next()) on_signal(*signal);
    if (retire_until_ && !drain_ && (daemon_->is_idle() || SteadyClock::now() >= *retire_until_)) {
      drain(SIGUSR2, daemon_->is_idle() ? "everybody has gone" : "server.retire_timeout_s is over");
    }
    if (drain_ && drain_->done()) return drain_->complete() ? ExitCode::kOk : ExitCode::kDrainTimeout;
    if (drain_ && drain_->overdue()) leave_at_once(ExitCode::kDrainTimeout, "the drain does not end");
  }
}

/// Told in the way of Type=notify-reload, which older service managers ignore.
void Run::reload() {
  notify_reloading(clock_.mono_ns());
  const bool successful = reloader_->reload();
  telemetry_->readiness().set(Check::kReload, successful ? "" : "the config could not be reloaded; see the log");
  notify_service_manager("READY=1");
}

/// Feeds the service manager's watchdog while all loops move. In a drain loops end one after the other: that has a
/// deadline of its own.
void Run::look_at_loops() {
  Liveness& liveness = telemetry_->liveness();
  if (!drain_) daemon_->provoke_loops(liveness);
  const std::vector<Liveness::Stall> stalls = liveness.look();
  if (stalls.empty() || drain_) watchdog_.feed(clock_.mono_ns());
  tell_stalls(stalls);
  if (!drain_) daemon_->check_readiness(reloader_->config(), telemetry_->readiness());
}

void Run::tell_stalls(const std::vector<Liveness::Stall>& stalls) {
  std::string names;
  std::string text;
  for (const Liveness::Stall& stall : stalls) {
    names += std::string(kLoopNames[static_cast<std::size_t>(stall.loop)]) + " ";
    text += (text.empty() ? "" : ", ") + to_text(stall);
  }
  telemetry_->readiness().set(Check::kLoops, text);
  if (names == stalls_told_) return;
  stalls_told_ = names;
  if (!drain_) daemon_->set_serving(stalls.empty());
  if (stalls.empty()) {
    log_.event(LogLevel::kInfo, "loops_move");
  } else {
    log_.event(LogLevel::kError, "loop_stalled", {{"loops", text}});
  }
}

void Run::tell_engine_loss() {
  const rpc::EngineStatus engine = daemon_->engine_status();
  if (!engine.loss || std::exchange(engine_loss_told_, true)) return;
  const std::string now = short_name(engine.info);
  log_.event(LogLevel::kError, "engine_lost",
             {{"reason", *engine.loss}, {"now", now}, {"remedy", "restart melstreamd to use the GPU again"}});
  notify_service_manager("STATUS=engine lost (" + *engine.loss + "), " + now + " computes until a restart");
}

/// Its beginning, then at most every ten seconds while it lasts, and its end.
void Run::tell_overload() {
  constexpr std::chrono::seconds kAgain{10};
  const Overload overload = daemon_->overload();
  tell_overload_state(overload);
  const SteadyClock::time_point now = SteadyClock::now();
  if (overload.streams_shed == 0) {
    if (!std::exchange(is_overloaded_, false)) return;
    log_.event(LogLevel::kInfo, "overload_over", {{"frames_shed", overload.frames_shed}});
    n_shed_told_ = overload.frames_shed;
  } else if (!is_overloaded_ || (now - overload_told_ >= kAgain && overload.frames_shed > n_shed_told_)) {
    is_overloaded_ = true;
    overload_told_ = now;
    n_shed_told_ = overload.frames_shed;
    log_.event(
        LogLevel::kWarning, "overload",
        {{"streams_shed", overload.streams_shed},
         {"frames_shed", overload.frames_shed},
         {"remedy", "the newest streams get no frames: fewer streams or front ends, more engine.threads, a GPU"}});
  }
}

void Run::tell_overload_state(const Overload& overload) {
  const pipeline::OverloadState state = overload.view.state();
  if (std::exchange(overload_state_told_, state) == state) return;
  const char* const cause = state == pipeline::OverloadState::kNormal          ? "none"
                            : overload.view.by_memory >= overload.view.by_time ? "memory"
                                                                               : "time";
  const LogLevel level = state >= pipeline::OverloadState::kRefuse ? LogLevel::kWarning : LogLevel::kInfo;
  log_.event(level, "overload_state",
             {{"state", std::to_string(static_cast<int>(state))},
              {"name", std::string(pipeline::name_of(state))},
              {"cause", cause},
              {"memory_bytes", std::to_string(overload.view.memory_bytes)},
              {"limit_bytes", std::to_string(overload.view.limit_bytes)},
              {"time_percent", std::to_string(std::lround(100.0 * overload.view.time_share))},
              {"refused", std::to_string(overload.refused)},
              {"rows_forgotten", std::to_string(overload.rows_forgotten)}});
}

void Run::on_signal(int signal) {
  const std::string name = sigabbrev_np(signal);
  if (signal == SIGUSR1) return daemon_->log_state(log_);
  if (signal == SIGHUP) {
    if (!drain_) return reload();
    return log_.event(LogLevel::kWarning, "reload_refused", {{"error", "the daemon is shutting down"}});
  }
  if (signal == SIGUSR2) return retire();
  if (drain_) {
    // timeout(1) and some service managers signal the process and then its group: that is one wish, not two.
    constexpr std::chrono::milliseconds kOneWish{500};
    if (drain_signal_ == SIGUSR2) {  // a retired daemon that drains by itself: this is the first wish to stop
      drain_signal_ = signal;
      drain_began_ = SteadyClock::now();
      return;
    }
    if (signal == drain_signal_ && SteadyClock::now() - drain_began_ < kOneWish) return;
    leave_at_once(ExitCode::kDrainTimeout, "a second signal, " + name);
  }
  drain(signal, "signal " + name);
}

/// Makes place for another daemon; the loop goes on until the last client has gone.
void Run::retire() {
  if (drain_ || retire_until_) return;
  if (has_passed_sockets_) {
    // The service manager keeps them open: who connected would wait in a queue that nobody takes from.
    log_.event(LogLevel::kError, "retire_refused",
               {{"error", "the service manager holds listening sockets of this daemon"},
                {"remedy", "systemctl restart melstreamd: the sockets stay, and who connects meanwhile waits"}});
    return;
  }
  const std::chrono::milliseconds patience = milliseconds(reloader_->config().server.retire_timeout_s);
  log_.event(LogLevel::kInfo, "retiring", {{"at_most_ms", patience.count()}});
  telemetry_->readiness().set(Check::kDraining, "the daemon makes place for another");
  telemetry_->close();
  retire_until_ = SteadyClock::now() + patience;
  reloader_->leave_sources();
  daemon_->retire(patience);
  notify_service_manager("STATUS=retired: another daemon may listen; streams that run go on");
}

void Run::drain(int signal, const std::string& why) {
  const std::chrono::milliseconds patience = milliseconds(reloader_->config().server.drain_timeout_s);
  log_.event(LogLevel::kInfo, "draining", {{"reason", why}, {"at_most_ms", patience.count()}});
  telemetry_->readiness().set(Check::kDraining, "the daemon is shutting down");
  notify_stopping(std::chrono::nanoseconds(patience + std::chrono::seconds(3)).count());
  for (const Loop loop : {Loop::kTick, Loop::kAccept, Loop::kSubscribe, Loop::kNet, Loop::kCapture}) {
    telemetry_->liveness().expect(loop, false);
  }
  drain_signal_ = signal;
  drain_began_ = SteadyClock::now();
  drain_.emplace(*daemon_, patience, wakeup_);
}

/// Audio memory needs no wiping here: the kernel clears pages before it gives them to anybody else.
void Run::leave_at_once(ExitCode exit_code, const std::string& why) const {
  log_.event(LogLevel::kWarning, "stopped_at_once", {{"reason", why}, {"exit_code", static_cast<int>(exit_code)}});
  log_.flush();
  _exit(static_cast<int>(exit_code));
}

ExitCode Run::fail(const std::exception_ptr& failure) const {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log_.event(LogLevel::kError, "engine_failed", {{"error", error.what()}});
  } catch (...) {
    log_.event(LogLevel::kError, "engine_failed", {{"error", "unknown exception"}});
  }
  // Without ticks a drain cannot end by itself.
  if (drain_) leave_at_once(ExitCode::kInternal, "the engine failed in a drain");
  return ExitCode::kInternal;
}

}  // namespace

ExitCode run(const Config& config, std::function<Config()> load, Log& log) {
  return Run(config, std::move(load), log).serve();
}

}  // namespace melstream::daemon
