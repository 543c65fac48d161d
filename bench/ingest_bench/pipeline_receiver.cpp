#include "bench/ingest_bench/pipeline_receiver.hpp"

#include <chrono>
#include <exception>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>
#include <string_view>
#include <thread>

#include "melstream/audio/ingest.hpp"
#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/resampler.hpp"
#include "melstream/audio/rtp/rtp_source.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/tick_loop.hpp"
#include "melstream/pipeline/tick_thread.hpp"

#include "bench/support/processor_time.hpp"
#include "daemon/stream_opener.hpp"

namespace melstream::bench {
namespace {

constexpr std::int64_t kTickNs = 10'000'000;
constexpr std::int64_t kSpareStreams = 16;

pipeline::RegistryOptions registry_options(const Scenario& scenario) {
  pipeline::RegistryOptions options;
  options.max_streams = scenario.n_streams + static_cast<std::int32_t>(kSpareStreams);
  options.history_s = 1.0;
  options.always = {scenario.front_end};
  return options;
}

core::HostArena::Options arena_options(const Scenario& scenario) {
  core::HostArena::Options options;
  options.max_bytes = (static_cast<std::size_t>(scenario.n_streams) + 128) * core::kBlockSamples * sizeof(float);
  return options;
}

std::string uri_of(const Scenario& scenario) {
  std::string uri = "rtp://127.0.0.1:" + std::to_string(scenario.first_port);
  if (!scenario.demux) uri += "-" + std::to_string(port_of(scenario, scenario.n_streams - 1));
  uri += "?rcvbuf=" + std::to_string(scenario.receive_bytes);
  if (scenario.demux) uri += "&demux=ssrc&max_ssrc=" + std::to_string(scenario.n_streams);
  return uri;
}

std::int64_t value_of(const core::SourceStatus& status, std::string_view name) {
  for (const core::SourceCounter& counter : status.counters) {
    if (counter.name == name) return counter.value;
  }
  return 0;
}

/// Everything between a socket and a feature.
class Pipeline {
 public:
  explicit Pipeline(const Scenario& scenario)
      : arena_(arena_options(scenario)),
        engine_(engine::cpu::make_engine({.simd = "auto", .n_threads = 1, .limits = limits_})),
        registry_(registry_options(scenario), arena_, clock_, *engine_.engine, catalog_),
        loop_(registry_, *engine_.engine, {.period_ns = kTickNs, .limits = limits_}),
        ticks_(
            loop_, clock_, kTickNs, registry_.counters(), [] {}, [](const std::exception_ptr&) { std::terminate(); }),
        parts_{
            daemon::make_stream_opener({registry_, [this](auto) { return audio::make_ingest_factory(clock_); },
                                        [delay_ns = audio::resampler_delay_ns(8000)](int) { return delay_ns; }, [] {}}),
            clock_, [](const audio::SourceEvent& event) { tell(event); }, net_},
        source_(make(scenario)) {}

  core::SourceStatus status() const { return source_->status(); }
  const pipeline::Counters& counters() { return registry_.counters(); }
  const std::string& simd() const { return engine_.info.target; }

 private:
  static void tell(const audio::SourceEvent& event) {
    if (event.level != audio::SourceEvent::Level::kWarning) return;
    std::cerr << event.name;
    for (const auto& [key, value] : event.fields) std::cerr << ' ' << key << '=' << value;
    std::cerr << '\n';
  }
  std::unique_ptr<audio::Source> make(const Scenario& scenario) {
    const core::SourceSpec spec{"bench", uri_of(scenario), {}};
    return audio::rtp_kind().make(spec, audio::parse_source_uri(spec.uri), parts_);
  }

  const engine::Limits limits_{};
  core::SystemClock clock_;
  core::HostArena arena_;
  engine::FrontEndCatalog catalog_;
  engine::EngineInstance engine_;
  pipeline::Registry registry_;
  pipeline::TickLoop loop_;
  audio::NetLoop net_;
  pipeline::TickThread ticks_;
  audio::SourceParts parts_;
  std::unique_ptr<audio::Source> source_;
};

std::string line(std::string_view name, double value, int digits, std::string_view unit) {
  std::ostringstream text;
  text << "  " << std::left << std::setw(28) << name << std::right << std::setw(12) << std::fixed
       << std::setprecision(digits) << value << ' ' << unit;
  return text.str();
}

}  // namespace

PipelineRun receive_into_pipeline(const Scenario& scenario, RtpSender& sender) {
  Pipeline pipeline(scenario);
  sender.begin();
  std::this_thread::sleep_for(std::chrono::duration<double>(scenario.ramp_s + 1));
  const core::SourceStatus before = pipeline.status();
  const std::int64_t frames_before = pipeline.counters().frames_computed;
  const std::int64_t late_before = pipeline.counters().late_ticks;
  const auto threads_before = thread_seconds();
  std::this_thread::sleep_for(std::chrono::duration<double>(scenario.seconds));
  const auto threads_after = thread_seconds();
  const core::SourceStatus after = pipeline.status();

  Measured measured;
  measured.seconds = scenario.seconds;
  measured.n_packets = value_of(after, "packets") - value_of(before, "packets");
  const auto n_packets = static_cast<double>(measured.n_packets);
  const auto frames = static_cast<double>(pipeline.counters().frames_computed - frames_before);
  const auto late = static_cast<double>(pipeline.counters().late_ticks - late_before);
  for (const auto& [name, seconds] : threads_after) {
    const auto found = threads_before.find(name);
    const double used = seconds - (found == threads_before.end() ? 0 : found->second);
    measured.processor_s += used;
    if (used > 0.001 * scenario.seconds)
      measured.details.push_back(line(name, used / n_packets * 1e6, 3, "us a packet"));
  }
  measured.details.push_back(line("frames computed", frames, 0, ""));
  measured.details.push_back(
      line("of those that were due", frames / (scenario.seconds * 100.0 * scenario.n_streams) * 100, 2, "%"));
  measured.details.push_back(line("late ticks", late, 0, ""));

  const RtpSender::Sent sent = sender.wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const core::SourceStatus end = pipeline.status();
  measured.n_received = value_of(end, "packets");
  measured.n_lost = value_of(end, "packets_lost") + value_of(end, "kernel_drops") + value_of(end, "packets_refused");
  measured.details.push_back(line("streams open", static_cast<double>(end.streams.size()), 0, ""));
  for (const std::string_view name :
       {"packets_lost", "packets_late", "kernel_drops", "packets_refused", "samples_dropped"}) {
    measured.details.push_back(line(name, static_cast<double>(value_of(end, name)), 0, ""));
  }
  measured.details.push_back("  engine: " + pipeline.simd());
  measured.n_lost += value_of(end, "samples_dropped");
  return {measured, sent};
}

}  // namespace melstream::bench
