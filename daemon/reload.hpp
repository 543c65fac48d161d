// A new config for a running daemon: SIGHUP, and certificate files that were replaced. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/daemon.hpp"
#include "daemon/log.hpp"
#include "daemon/metrics.hpp"

namespace melstream::daemon {

/// Keys by their dotted names, "server.listen"; [[source]], [[identity]] and [[front_end]] by these.
struct ConfigDifference {
  std::vector<std::string> applied;  ///< what a running daemon can take
  std::vector<std::string> restart;  ///< what only a restart can
};

ConfigDifference compare_configs(const Config& now, const Config& next);
/// `now` with what of `next` can be applied.
Config merge_configs(const Config& now, const Config& next);

class Reloader {
 public:
  /// @param load reads the config again; throws ConfigError. @param stats gets how it went, and when certificates
  /// expire. All references outlive this.
  /// @param stamp of the certificate files, taken before they were read for the daemon.
  Reloader(Config config, std::string stamp, std::function<Config()> load, Daemon& daemon, ReloadStats& stats,
           Log& log);

  /// Reads everything anew: all of it is good and is applied, or nothing changes and the log says why. False then, or
  /// if a source could not be opened or closed: then it is as before where that is possible, and the next reload tries
  /// it again.
  bool reload();
  /// From now on sources are left as they are: the daemon has ended them.
  void leave_sources() noexcept { leaves_sources_ = true; }
  /// Call every second or so: certificate files that were replaced are taken if they are good.
  void look_at_certificates();
  /// What is in effect; of the sources, those that this has opened and not closed.
  const Config& config() const noexcept { return config_; }

 private:
  bool try_reload();
  bool open_and_close_sources(const std::vector<core::SourceSpec>& next);
  bool close_source(const core::SourceSpec& spec);
  bool open_source(const core::SourceSpec& spec);
  void take_certificates(access::Certificates certificates);

  const std::function<Config()> load_;
  Daemon& daemon_;
  ReloadStats& stats_;
  Log& log_;
  Config config_;  ///< its sources: those that are open
  bool leaves_sources_ = false;
  std::string stamp_;  ///< of the certificate files that were looked at last
};

}  // namespace melstream::daemon
