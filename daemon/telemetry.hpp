// What operators and their tools see of the daemon: /metrics, /livez, /readyz, /healthz over HTTP, and what stands
// behind them. Made before the daemon's parts, so that a start can be watched; they are attached once they are there.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "melstream/core/clock.hpp"

#include "daemon/config.hpp"
#include "daemon/http_server.hpp"
#include "daemon/liveness.hpp"
#include "daemon/log.hpp"
#include "daemon/metrics.hpp"
#include "daemon/readiness.hpp"

namespace melstream::daemon {

class Telemetry {
 public:
  /// @param clock outlives it. Listens if the config wants it. Throws rpc::BindError.
  Telemetry(const MetricsConfig& config, const core::Clock& clock);
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  Liveness& liveness() noexcept { return liveness_; }
  const Liveness& liveness() const noexcept { return liveness_; }
  Readiness& readiness() noexcept { return readiness_; }
  const Readiness& readiness() const noexcept { return readiness_; }
  /// For whoever reloads the config, and for the certificates' owner.
  ReloadStats& reloads() noexcept { return reloads_; }
  const ReloadStats& reloads() const noexcept { return reloads_; }
  /// With the real port; nothing if it does not listen.
  std::optional<std::string> address() const;

  /// From now on /metrics is answered with this text. Thread of the call: ms-http. detach() waits for one under way.
  void attach(std::function<std::string()> metrics);
  void detach() { attach({}); }

 private:
  HttpResponse answer(std::string_view path);
  HttpResponse metrics();
  HttpResponse livez() const;
  HttpResponse readyz() const;

  Liveness liveness_;
  Readiness readiness_;
  ReloadStats reloads_;
  std::mutex metrics_mutex_;  // protects metrics_, and what it stands on while it runs
  std::function<std::string()> metrics_;
  std::unique_ptr<HttpServer> http_;  // last: its thread uses all above
};

}  // namespace melstream::daemon
