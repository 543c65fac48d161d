#include "daemon/telemetry.hpp"

#include <chrono>
#include <utility>

namespace melstream::daemon {
namespace {

std::string lines(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text + "\n";
  return all;
}

}  // namespace

Telemetry::Telemetry(const MetricsConfig& config, const core::Clock& clock) : liveness_(clock) {
  reloads_.last_success_unix_s = clock.wall_ns() / core::kNsPerSecond;
  if (config.listen.empty()) return;
  http_ = std::make_unique<HttpServer>(config.listen, [this](std::string_view path) { return answer(path); });
}

std::optional<std::string> Telemetry::address() const {
  if (!http_) return std::nullopt;
  return http_->address();
}

void Telemetry::attach(std::function<std::string()> metrics) {
  const std::lock_guard lock(metrics_mutex_);
  metrics_ = std::move(metrics);
}

HttpResponse Telemetry::answer(std::string_view path) {
  if (path == "/metrics") return metrics();
  if (path == "/livez") return livez();
  if (path == "/readyz" || path == "/healthz") return readyz();
  return {.status = 404, .body = "there are /metrics, /livez, /readyz and /healthz\n"};
}

HttpResponse Telemetry::metrics() {
  const std::lock_guard lock(metrics_mutex_);
  if (!metrics_) return {.status = 503, .body = "the daemon is starting or has ended\n"};
  return {.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_()};
}

HttpResponse Telemetry::livez() const {
  std::vector<std::string> stalled;
  for (const Liveness::Stall& stall : liveness_.stalls()) stalled.push_back(to_text(stall));
  if (stalled.empty()) return {.status = 200, .body = "live\n"};
  return {.status = 503, .body = lines(stalled)};
}

HttpResponse Telemetry::readyz() const {
  const std::vector<std::string> failing = readiness_.failing();
  if (failing.empty()) return {.status = 200, .body = "ready\n"};
  return {.status = 503, .body = lines(failing)};
}

}  // namespace melstream::daemon
