#include "daemon/reload.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "melstream/core/error.hpp"

#include "daemon/access_files.hpp"
#include "daemon/config_keys.hpp"

namespace melstream::daemon {
namespace {

constexpr std::string_view kReloadable[] = {
    "server.max_connections",
    "server.drain_timeout_s",
    "server.retire_timeout_s",
    "limits.connections_per_address",
    "limits.connections_per_second",
    "limits.connections_per_identity",
    "limits.streams_per_identity",
    "limits.subscriptions_per_identity",
    "limits.subscriptions_per_second",
    "tls.certificate",
    "tls.key",
    "tls.client_ca",
    "auth.tokens",
    "auth.anonymous_roles",
    "log.level",
};

/// Listeners with TLS stay until a restart, and a file that has none any more has nothing for them.
bool keeps_tls(const Config& now, const Config& next) {
  return !now.server.listen_tls.empty() && next.server.listen_tls.empty();
}

bool is_reloadable(const std::string& key, const Config& now, const Config& next) {
  if (key.rfind("tls.", 0) == 0 && keeps_tls(now, next)) return false;
  // Whether clients are asked for a certificate is decided when a listener is made.
  if (key == "tls.client_ca") return now.tls.client_ca.empty() == next.tls.client_ca.empty();
  return std::find(std::begin(kReloadable), std::end(kReloadable), key) != std::end(kReloadable);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all.empty() ? "none" : all;
}

/// A ConfigError has a line each mistake, and pictures of them.
void log_failure(const Log& log, std::string_view what) {
  while (!what.empty()) {
    const std::string_view line = what.substr(0, what.find('\n'));
    what.remove_prefix(std::min(what.size(), line.size() + 1));
    if (!line.empty() && line.front() != ' ')
      log.event(LogLevel::kError, "reload_failed", {{"error", std::string(line)}});
  }
}

const core::SourceSpec* find_source(const std::vector<core::SourceSpec>& sources, const std::string& id) {
  const auto found = std::find_if(sources.begin(), sources.end(), [&](const auto& one) { return one.id == id; });
  return found == sources.end() ? nullptr : &*found;
}

}  // namespace

ConfigDifference compare_configs(const Config& now, const Config& next) {
  ConfigDifference difference;
  for (const KeyRule& rule : key_rules()) {
    if (rule.write(now) == rule.write(next)) continue;
    const std::string key = std::string(rule.section) + "." + std::string(rule.name);
    (is_reloadable(key, now, next) ? difference.applied : difference.restart).push_back(key);
  }
  if (now.sources != next.sources) difference.applied.emplace_back("[[source]]");
  if (now.identities != next.identities) difference.applied.emplace_back("[[identity]]");
  if (now.front_ends != next.front_ends) difference.restart.emplace_back("[[front_end]]");
  return difference;
}

Config merge_configs(const Config& now, const Config& next) {
  Config merged = now;
  merged.server.max_connections = next.server.max_connections;
  merged.server.drain_timeout_s = next.server.drain_timeout_s;
  merged.server.retire_timeout_s = next.server.retire_timeout_s;
  merged.limits = next.limits;
  merged.limits.calls_per_connection = now.limits.calls_per_connection;
  if (!keeps_tls(now, next)) {
    merged.tls.certificate = next.tls.certificate;
    merged.tls.key = next.tls.key;
  }
  if (is_reloadable("tls.client_ca", now, next)) merged.tls.client_ca = next.tls.client_ca;
  merged.auth = next.auth;
  merged.log.level = next.log.level;
  merged.sources = next.sources;
  merged.identities = next.identities;
  return merged;
}

Reloader::Reloader(Config config, std::string stamp, std::function<Config()> load, Daemon& daemon, ReloadStats& stats,
                   Log& log)
    : load_(std::move(load)),
      daemon_(daemon),
      stats_(stats),
      log_(log),
      config_(std::move(config)),
      stamp_(std::move(stamp)) {
  stats_.last_success_unix_s.store(std::time(nullptr), std::memory_order_relaxed);
  try {
    const auto certificates = tls_certificates(config_);
    if (certificates) stats_.tls_expiry_unix_s.store(certificates->expiry_unix_s, std::memory_order_relaxed);
  } catch (const core::Error&) {
    // Replaced since the start: look_at_certificates() tells.
  }
}

bool Reloader::reload() {
  const bool successful = try_reload();
  stats_.last_successful.store(successful, std::memory_order_relaxed);
  if (successful) {
    stats_.last_success_unix_s.store(std::time(nullptr), std::memory_order_relaxed);
  } else {
    stats_.failures.fetch_add(1, std::memory_order_relaxed);
  }
  return successful;
}

bool Reloader::try_reload() {
  Config merged;
  ConfigDifference difference;
  access::AccessRules rules;
  std::string stamp = stamp_;
  std::optional<access::Certificates> certificates;
  try {
    Config next = load_();
    if (leaves_sources_) next.sources = config_.sources;
    difference = compare_configs(config_, next);
    merged = merge_configs(config_, next);
    rules = access_rules(merged);
    // Those in use may be gone along with the section.
    if (!keeps_tls(config_, next)) {
      stamp = stamp_of_certificates(merged);
      certificates = tls_certificates(merged);
    }
  } catch (const std::exception& error) {
    log_failure(log_, error.what());
    log_.event(LogLevel::kError, "config_kept", {{"remedy", "mend the file and send SIGHUP again"}});
    return false;
  }
  log_.set_level(parse_log_level(merged.log.level));
  daemon_.set_access(merged, std::move(rules));
  const bool new_certificates = certificates && stamp != std::exchange(stamp_, stamp);
  if (new_certificates) take_certificates(std::move(*certificates));
  const bool all_open = open_and_close_sources(merged.sources);
  merged.sources = std::move(config_.sources);
  config_ = std::move(merged);
  log_.event(LogLevel::kInfo, "reloaded", {{"changed", joined(difference.applied)}, {"access", "read anew"}});
  if (!difference.restart.empty()) {
    log_.event(LogLevel::kWarning, "needs_restart", {{"keys", joined(difference.restart)}});
  }
  return all_open;
}

void Reloader::look_at_certificates() {
  if (config_.server.listen_tls.empty()) return;
  std::string stamp = stamp_of_certificates(config_);
  // Empty: somebody is about to put new ones there.
  if (stamp.empty() || stamp == stamp_) return;
  stamp_ = std::move(stamp);  // a bad file is told once
  try {
    take_certificates(*tls_certificates(config_));
  } catch (const core::Error& error) {
    log_.event(LogLevel::kError, "certificates_kept",
               {{"error", error.what()}, {"remedy", "the old ones stay in use until the files are good"}});
  }
}

void Reloader::take_certificates(access::Certificates certificates) {
  const auto expiry = static_cast<std::time_t>(certificates.expiry_unix_s);
  std::tm calendar{};
  gmtime_r(&expiry, &calendar);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &calendar);
  stats_.tls_expiry_unix_s.store(certificates.expiry_unix_s, std::memory_order_relaxed);
  daemon_.set_certificates(std::move(certificates));
  log_.event(LogLevel::kInfo, "certificates_taken", {{"expires", text}});
}

bool Reloader::close_source(const core::SourceSpec& spec) {
  try {
    daemon_.sources().close(spec.id);
  } catch (const core::Error& error) {
    if (error.code() == core::ErrorCode::kNotFound) return true;  // somebody has closed it by hand
    log_.event(LogLevel::kError, "source_not_closed", {{"source", spec.id}, {"error", error.what()}});
    return false;
  }
  return true;
}

bool Reloader::open_source(const core::SourceSpec& spec) {
  try {
    daemon_.sources().open(spec);
  } catch (const std::exception& error) {
    log_.event(LogLevel::kError, "source_not_opened",
               {{"source", spec.id},
                {"uri", spec.uri},
                {"error", error.what()},
                {"remedy", "mend what is wrong and send SIGHUP again"}});
    return false;
  }
  return true;
}

/// What is open afterwards is what config_ has, so that the next reload tries the rest again.
bool Reloader::open_and_close_sources(const std::vector<core::SourceSpec>& next) {
  const std::vector<core::SourceSpec> before = std::exchange(config_.sources, {});
  std::vector<core::SourceSpec>& open = config_.sources;
  // Ports that go are free for those that come.
  std::vector<core::SourceSpec> closed;
  for (const core::SourceSpec& old : before) {
    const core::SourceSpec* kept = find_source(next, old.id);
    if (kept != nullptr && *kept == old) continue;
    (close_source(old) ? closed : open).push_back(old);
  }
  const bool all_closed = open.empty();
  std::vector<core::SourceSpec> failed;
  for (const core::SourceSpec& spec : next) {
    if (find_source(open, spec.id) != nullptr) continue;  // the old one could not be closed
    const core::SourceSpec* old = find_source(before, spec.id);
    const bool is_open = (old != nullptr && *old == spec) || open_source(spec);
    (is_open ? open : failed).push_back(spec);
  }
  // Last, since a source that has come may have their ports.
  for (const core::SourceSpec& spec : failed) {
    const core::SourceSpec* old = find_source(closed, spec.id);
    if (old != nullptr && open_source(*old)) open.push_back(*old);
  }
  return all_closed && failed.empty();
}

}  // namespace melstream::daemon
