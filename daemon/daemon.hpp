// The composition root: owns every part of the daemon and ties them together. Made, drained and destroyed by control
// threads; the parts bring their own threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "melstream/audio/mic/microphones.hpp"
#include "melstream/audio/resampler.hpp"
#include "melstream/audio/sources.hpp"
#include "melstream/core/clock.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/pipeline/overload_guard.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/tick_loop.hpp"
#include "melstream/pipeline/tick_thread.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/server.hpp"

#include "daemon/config.hpp"
#include "daemon/engine_choice.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/ingest_meter.hpp"
#include "daemon/listeners.hpp"
#include "daemon/log.hpp"
#include "daemon/microphone_figures.hpp"
#include "daemon/page/live_page.hpp"
#include "daemon/plan.hpp"
#include "daemon/process_load.hpp"
#include "daemon/signals.hpp"
#include "daemon/telemetry.hpp"
#include "daemon/tick_fault.hpp"

namespace melstream::daemon {

/// Asks for a tick. The server can ring from before the tick thread starts until after it has stopped.
class TickBell {
 public:
  /// @param tick_thread null: nobody listens. On return no ring() is under way to the one before.
  void connect(pipeline::TickThread* tick_thread) noexcept;
  void ring() noexcept;

 private:
  std::mutex mutex_;  // protects tick_thread_ and its life while it is poked
  pipeline::TickThread* tick_thread_ = nullptr;
};

/// Tells the engine of the arena's slabs, so that it can pin them. The arena is made before the engine, and its first
/// slab with it, because it must outlive what is pinned.
class SlabNotice {
 public:
  /// Tells of the slabs so far. Once.
  void connect(engine::Engine& engine);
  /// Any thread.
  void on_slab(std::span<std::byte> slab);

 private:
  std::mutex mutex_;  // protects the rest
  std::vector<std::span<std::byte>> waiting_;
  engine::Engine* engine_ = nullptr;
};

/// What the engine cannot carry.
struct Overload {
  std::int64_t streams_shed = 0;  ///< at present
  std::int64_t frames_shed = 0;   ///< since the start
  pipeline::OverloadView view;
  std::int64_t refused = 0;         ///< streams, front ends and subscriptions, since the start
  std::int64_t rows_forgotten = 0;  ///< of live streams, since the start
};

/// A source of the config cannot be opened. The message begins with its id.
class SourceError : public core::Error {
 public:
  SourceError(const std::string& message, core::ErrorCode code, ExitCode exit_code)
      : Error(code, message), exit_code_(exit_code) {}
  ExitCode exit_code() const noexcept { return exit_code_; }

 private:
  ExitCode exit_code_;
};

class Daemon {
 public:
  /// Serves from here on. @param passed sockets of the service manager. @param trouble notified when the tick thread
  /// has ended or an engine was lost: failure() and engine_status() say how. Log and wakeup outlive the daemon. Throws
  /// rpc::BindError, AccessFileError, core::Error.
  Daemon(const Config& config, const Plan& plan, const std::vector<PassedSocket>& passed, const Log& log,
         Wakeup& trouble);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  std::vector<std::string> addresses() const { return server_.addresses(); }
  /// Of the live page, to be opened in a browser; empty without one.
  std::string page_url() const { return page_ ? page_->url() : std::string(); }
  /// Ends streams, lets subscribers read to their end. False if some were cut off. Once; any one thread.
  bool drain(std::chrono::milliseconds patience);
  /// Gives the addresses of server and sources free for another daemon; streams by gRPC and their subscribers go on,
  /// `patience` at most. Once, before drain().
  void retire(std::chrono::milliseconds patience);
  /// Nobody publishes by gRPC or subscribes.
  bool is_idle() const { return server_.is_idle(); }
  /// Opens the sources of the config. Throws SourceError for the first that cannot be.
  void open_sources(const Config& config);
  /// Of a new config: limits, anonymous roles; and the rules that go with it.
  void set_access(const Config& config, access::AccessRules rules);
  void set_certificates(access::Certificates certificates) { server_.set_certificates(std::move(certificates)); }
  core::SourceControl& sources() noexcept { return sources_; }
  /// What ended the tick thread; null while it runs. Any thread.
  std::exception_ptr failure() const;
  /// Any thread.
  rpc::EngineStatus engine_status() const { return engine_.status(); }
  /// Any thread.
  Overload overload();
  /// The text of a scrape. Any thread; waits for no loop.
  std::string metrics(const Telemetry& telemetry, const Log& log);
  /// Makes the loops answer that owe no answer, and looks at those that move by themselves. Main thread.
  void provoke_loops(Liveness& liveness);
  /// What keeps the daemon from being ready, but for what only the main thread knows. Main thread, about twice a
  /// second.
  void check_readiness(const Config& config, Readiness& readiness);
  /// For grpc.health.v1. Not after drain(). Any thread.
  void set_serving(bool serving) { server_.set_serving(serving); }
  /// Streams, subscribers, memory, engine: lines of the log, for whoever looks for a fault. Main thread.
  void log_state(const Log& log);
  /// One line of what was done since the start.
  void log_totals(const Log& log);

 private:
  core::StreamOpener make_opener();
  std::unique_ptr<page::LivePage> make_page(const Config& config, const Log& log);
  std::vector<rpc::OtherReader> page_readers() const;
  /// What is computed from now on counts as that of the engine in use.
  void note_engine() noexcept;

  // In order of dependence: each stands on those above it. The last goes first, so threads stop before what they use.
  const core::SystemClock clock_;
  ProcessMeter process_;
  IngestTotals ingest_;
  MicrophoneTotals microphone_totals_;
  const TickFault tick_fault_;
  std::int64_t n_without_fds_ = 0;  ///< main thread: connections that could not be accepted, at the last look
  const engine::FrontEndCatalog catalog_;
  SlabNotice slabs_;
  core::HostArena arena_;
  const ChosenEngine engine_;
  pipeline::Registry registry_;
  engine::EngineInfo window_engine_info_;
  pipeline::WindowReader windows_;
  pipeline::TickLoop tick_loop_;
  mutable std::mutex failure_mutex_;  // protects failure_
  std::exception_ptr failure_;
  TickBell bell_;
  audio::ResamplerDelays resampler_delays_;
  const std::unique_ptr<audio::Microphones> microphones_;
  audio::Sources sources_;
  std::unique_ptr<page::LivePage> page_;  ///< null: not wanted
  rpc::Server server_;
  pipeline::TickThread tick_thread_;
};

}  // namespace melstream::daemon
