// How the parts are made.
#include "daemon/daemon.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "melstream/audio/ingest.hpp"

#include "daemon/access_files.hpp"
#include "daemon/config_reader.hpp"
#include "daemon/devices.hpp"
#include "daemon/listen_address.hpp"
#include "daemon/source_kinds.hpp"
#include "daemon/stream_opener.hpp"
#include "daemon/version.hpp"

namespace melstream::daemon {
namespace {

constexpr engine::Limits kLimits{};
constexpr std::int64_t kNsPerMs = 1'000'000;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

core::HostArena::Options arena_options(const Plan& plan) {
  core::HostArena::Options options;
  options.max_bytes = static_cast<std::size_t>(plan.memory.arena_bytes);
  return options;
}

rpc::ConnectionLimits connection_limits(const Config& config) {
  return {.max_connections = static_cast<int>(config.server.max_connections),
          .max_per_address = static_cast<int>(config.limits.connections_per_address),
          .new_per_second = config.limits.connections_per_second};
}

void log_refusal(const Log& log, const rpc::Refusal& refusal) {
  log.event(LogLevel::kWarning, "call_refused",
            {{"reason", std::string(refusal.reason)}, {"peer", refusal.peer}, {"error", refusal.message}});
}

rpc::ServerOptions server_options(const Config& config, const std::vector<PassedSocket>& passed) {
  rpc::ServerOptions options;
  options.listeners = make_listeners(config, passed);
  options.connections = connection_limits(config);
  options.max_calls_per_connection = static_cast<int>(config.limits.calls_per_connection);
  options.access = access_rules(config);
  options.certificates = tls_certificates(config);
  options.require_client_certificate = config.tls.require_client_certificate;
  options.publisher_idle_timeout = milliseconds(config.server.publisher_idle_timeout_s);
  options.max_queued_bytes = config.memory.queued_bytes;
  options.take_over_patience = milliseconds(config.server.take_over_s);
  options.version = version();
  options.build = build();
  options.tick_ms = static_cast<double>(config.engine.tick_ms);
  // /run is empty after a boot. The folder of the default place is ours to make; if that fails, binding says why.
  if (config.server.socket == default_socket(nullptr)) {
    std::error_code ignored;
    std::filesystem::create_directory(std::filesystem::path(config.server.socket).parent_path(), ignored);
  }
  return options;
}

pipeline::RegistryOptions limited_registry(const Config& config, const Plan& plan) {
  pipeline::RegistryOptions options = registry_options(config);
  options.memory_limit_bytes = plan.memory.limit_bytes;
  return options;
}

pipeline::TickOptions tick_options(const Config& config) {
  pipeline::TickOptions options;
  options.period_ns = config.engine.tick_ms * kNsPerMs;
  options.limits = kLimits;
  return options;
}

/// Told at once: should listening fail, the log has said what was found. No stream is there yet.
ChosenEngine take_engine(const Config& config, const EngineSurroundings& surroundings, const Log& log,
                         SlabNotice& slabs) {
  ChosenEngine chosen = choose_engine(config.engine, surroundings);
  log_choice(log, config.engine, chosen);
  slabs.connect(chosen.engine());
  return chosen;
}

void log_source_event(const Log& log, const core::SourceSpec& spec, const audio::SourceEvent& event) {
  std::vector<LogField> fields{{"source", spec.id}};
  for (const auto& [key, value] : event.fields) fields.emplace_back(key, value);
  const bool is_warning = event.level == audio::SourceEvent::Level::kWarning;
  log.event(is_warning ? LogLevel::kWarning : LogLevel::kInfo, event.name, fields);
}

ExitCode exit_code_of(const core::Error& error, const core::SourceSpec& spec) {
  switch (error.code()) {
    case core::ErrorCode::kInvalidArgument:
      return ExitCode::kConfig;
    case core::ErrorCode::kPermissionDenied:
      return ExitCode::kPermission;
    default:
      return audio::parse_source_uri(spec.uri).has_authority ? ExitCode::kCannotBind : ExitCode::kUnavailable;
  }
}

engine::EngineInstance make_window_engine(const Config& config, engine::EngineInfo& info) {
  engine::EngineInstance instance = make_cpu_engine(config.engine, 1, kLimits);
  info = instance.info;
  return instance;
}

}  // namespace

void TickBell::connect(pipeline::TickThread* tick_thread) noexcept {
  const std::lock_guard lock(mutex_);
  tick_thread_ = tick_thread;
}

void TickBell::ring() noexcept {
  const std::lock_guard lock(mutex_);
  if (tick_thread_ != nullptr) tick_thread_->poke();
}

void SlabNotice::connect(engine::Engine& engine) {
  const std::lock_guard lock(mutex_);
  engine_ = &engine;
  for (const std::span<std::byte> slab : waiting_) engine.register_host(slab);
  waiting_.clear();
}

void SlabNotice::on_slab(std::span<std::byte> slab) {
  const std::lock_guard lock(mutex_);
  if (engine_ == nullptr) {
    waiting_.push_back(slab);
  } else {
    engine_->register_host(slab);
  }
}

Daemon::Daemon(const Config& config, const Plan& plan, const std::vector<PassedSocket>& passed, const Log& log,
               Wakeup& trouble)
    : catalog_(make_catalog(config)),
      arena_(arena_options(plan), [this](std::span<std::byte> slab) { slabs_.on_slab(slab); }),
      engine_(take_engine(config, {catalog_, clock_, kLimits, [&trouble] { trouble.notify(); }}, log, slabs_)),
      registry_(limited_registry(config, plan), arena_, clock_, engine_.engine(), catalog_),
      windows_(make_window_engine(config, window_engine_info_), kLimits),
      tick_loop_(registry_, engine_.engine(), tick_options(config)),
      microphones_(audio::make_portaudio_microphones(device_probe_command(), clock_)),
      sources_({.kinds = source_kinds(),
                .open_stream = make_opener(),
                .tell = [&log](const core::SourceSpec& spec,
                               const audio::SourceEvent& event) { log_source_event(log, spec, event); },
                .devices = [this] { return microphones_->devices(); },
                .microphones = microphones_.get(),
                .allow_insecure_bind = config.server.allow_insecure_bind},
               clock_),
      page_(make_page(config, log)),
      server_(server_options(config, passed),
              {registry_, windows_, metered(audio::make_ingest_factory(clock_), ingest_, source_kind_of("grpc")),
               [this](int rate_hz) { return resampler_delays_.of(rate_hz); }, [this] { return engine_.status(); },
               window_engine_info_, [this] { bell_.ring(); }, &sources_, [this] { return process_.load(); },
               [&log](const rpc::Refusal& refusal) { log_refusal(log, refusal); }, [this] { return page_readers(); }}),
      tick_thread_(
          tick_loop_, clock_, tick_options(config).period_ns, registry_.counters(),
          [this] {
            server_.on_tick();
            tick_fault_.on_tick();
          },
          [this, &trouble](std::exception_ptr failure) {
            {
              const std::lock_guard lock(failure_mutex_);
              failure_ = std::move(failure);
            }
            trouble.notify();
          }) {
  bell_.connect(&tick_thread_);
  note_engine();
}

Daemon::~Daemon() { bell_.connect(nullptr); }

core::StreamOpener Daemon::make_opener() {
  return make_stream_opener({registry_,
                             [this](std::string_view source_kind) {
                               return metered(audio::make_ingest_factory(clock_), ingest_, source_kind_of(source_kind));
                             },
                             [this](int rate_hz) { return resampler_delays_.of(rate_hz); }, [this] { bell_.ring(); }});
}

std::unique_ptr<page::LivePage> Daemon::make_page(const Config& config, const Log& log) {
  if (config.page.listen.empty()) return nullptr;
  const ListenAddress address = parse_listen_address(config.page.listen);
  return std::make_unique<page::LivePage>(
      page::LivePageOptions{.host = address.host,
                            .port = address.port,
                            .take_over_patience = milliseconds(config.server.take_over_s),
                            .may_publish = anonymous_roles(config.auth).has(access::Role::kPublisher),
                            .version = version()},
      page::LivePageParts{registry_, clock_, make_opener(), [&log](std::string_view event, const std::string& why) {
                            log.event(LogLevel::kWarning, event, {{"reason", why}});
                          }});
}

std::vector<rpc::OtherReader> Daemon::page_readers() const {
  std::vector<rpc::OtherReader> readers;
  if (!page_) return readers;
  for (page::PageReader& one : page_->readers()) {
    readers.push_back({.peer = std::move(one.peer),
                       .stream = std::move(one.stream),
                       .front_end = std::move(one.front_end),
                       .lag_frames = one.lag_frames,
                       .delivered_frames = one.delivered_frames,
                       .gap_frames = one.gap_frames});
  }
  return readers;
}

void Daemon::open_sources(const Config& config) {
  for (const core::SourceSpec& spec : config.sources) {
    try {
      sources_.open(spec);
    } catch (const core::Error& error) {
      throw SourceError("source '" + spec.id + "': " + error.what(), error.code(), exit_code_of(error, spec));
    } catch (const std::exception& error) {
      throw SourceError("source '" + spec.id + "': " + error.what(), core::ErrorCode::kUnavailable,
                        ExitCode::kUnavailable);
    }
  }
}

bool Daemon::drain(std::chrono::milliseconds patience) {
  sources_.end_all(core::EndReason::kShutdown);
  if (page_) page_->end(core::EndReason::kShutdown);
  return server_.drain(patience);
}

void Daemon::set_access(const Config& config, access::AccessRules rules) {
  server_.set_access(std::move(rules), anonymous_roles(config.auth));
  server_.set_connection_limits(connection_limits(config));
  if (page_) page_->set_may_publish(anonymous_roles(config.auth).has(access::Role::kPublisher));
}

void Daemon::retire(std::chrono::milliseconds patience) {
  sources_.end_all(core::EndReason::kShutdown);  // their sockets and devices are wanted by the next daemon
  if (page_) page_->end(core::EndReason::kShutdown);
  server_.retire(patience);
}

std::exception_ptr Daemon::failure() const {
  const std::lock_guard lock(failure_mutex_);
  return failure_;
}

Overload Daemon::overload() {
  const pipeline::Counters& counters = registry_.counters();
  return {.streams_shed = counters.streams_shed.load(std::memory_order_relaxed),
          .frames_shed = counters.frames_shed.load(std::memory_order_relaxed),
          .view = registry_.overload().look(),
          .refused = counters.streams_refused.load(std::memory_order_relaxed) +
                     counters.front_ends_refused.load(std::memory_order_relaxed) +
                     counters.subscriptions_refused.load(std::memory_order_relaxed),
          .rows_forgotten = counters.rows_forgotten.load(std::memory_order_relaxed)};
}

void Daemon::log_totals(const Log& log) {
  const pipeline::Counters& counters = registry_.counters();
  const auto text = [](const std::atomic<std::int64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  log.event(LogLevel::kInfo, "totals",
            {{"streams_opened", text(counters.streams_opened)},
             {"frames_computed", text(counters.frames_computed)},
             {"frames_delivered", text(counters.frames_delivered)},
             {"frames_gapped", text(counters.frames_gapped)},
             {"frames_shed", text(counters.frames_shed)},
             {"ticks", text(counters.ticks)},
             {"late_ticks", text(counters.late_ticks)},
             {"engine_losses", engine_.status().loss ? 1 : 0}});
}

}  // namespace melstream::daemon
