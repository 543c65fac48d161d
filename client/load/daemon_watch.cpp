#include "client/load/daemon_watch.hpp"

#include <algorithm>
#include <map>

namespace melstream::client {
namespace {

constexpr double kPatienceS = 1;

bool is_local(const std::string& server) {
  return server.rfind("unix:", 0) == 0 || server.rfind("127.", 0) == 0 || server.rfind("localhost:", 0) == 0 ||
         server.rfind("[::1]", 0) == 0;
}

/// Shares of one processor of the threads that are alone with their name: those of a pool say nothing of each.
std::map<std::string, double> thread_shares(const v1::ServerLoad& before, const v1::ServerLoad& after, double wall_s) {
  std::map<std::string, double> began;
  for (const auto& thread : before.threads()) began[thread.name()] = thread.cpu_seconds();
  std::map<std::string, double> shares;
  for (const auto& thread : after.threads()) {
    const auto known = began.find(thread.name());
    if (thread.thread_count() != 1 || known == began.end()) continue;
    shares[thread.name()] = std::max(0.0, thread.cpu_seconds() - known->second) / wall_s;
  }
  return shares;
}

}  // namespace

std::optional<v1::GetServerInfoResponse> DaemonWatch::ask() {
  try {
    v1::GetServerInfoResponse info = connection_.server_info(kPatienceS);
    most_streams_shed_ = std::max(most_streams_shed_, info.streams_shed());
    return info;
  } catch (const ClientError&) {
    ++unanswered_;
    return std::nullopt;
  }
}

void DaemonWatch::begin() {
  before_ = ask();
  machine_before_ = machine_use();
}

void DaemonWatch::look() { ask(); }

void DaemonWatch::end(DaemonUse& daemon, GeneratorUse& generator) {
  const MachineUse machine = machine_use();
  generator.cpu_s = machine.process_s - machine_before_.process_s;
  generator.machine_processors = machine.processors;
  const double total_s = machine.total_s - machine_before_.total_s;
  if (total_s > 0) generator.machine_share = (machine.busy_s - machine_before_.busy_s) / total_s;
  const auto after = ask();
  daemon.most_streams_shed = most_streams_shed_;
  daemon.unanswered = unanswered_;
  daemon.is_local = is_local(connection_.server());
  if (!before_ || !after) return;
  const v1::ServerLoad& a = before_->load();
  const v1::ServerLoad& b = after->load();
  daemon.backend = after->engine().backend();
  daemon.target = after->engine().target();
  daemon.engine_threads = after->engine_threads();
  daemon.tick_ms = after->tick_ms();
  daemon.queued_bytes_peak = after->queued_bytes_peak();
  daemon.engine_lost = after->engine_losses() > before_->engine_losses();
  daemon.wall_s = b.uptime_seconds() - a.uptime_seconds();
  // An older daemon tells none of this; one that was started anew meanwhile, nothing that can be compared.
  daemon.known = daemon.wall_s > 0 && after->start_time_ns() == before_->start_time_ns();
  if (!daemon.known) return;
  daemon.cpu_s = b.cpu_seconds() - a.cpu_seconds();
  daemon.processors = b.processors();
  daemon.thread_shares = thread_shares(a, b, daemon.wall_s);
  const double wall_ns = daemon.wall_s * 1e9;
  daemon.tick_share = static_cast<double>(b.tick_busy_ns() - a.tick_busy_ns()) / wall_ns;
  daemon.engine_share = static_cast<double>(b.engine_busy_ns() - a.engine_busy_ns()) / wall_ns;
  daemon.late_ticks = b.late_ticks() - a.late_ticks();
  daemon.resident_bytes = b.resident_bytes();
  daemon.resident_bytes_peak = b.resident_bytes_peak();
}

}  // namespace melstream::client
