// The daemon's own figures over a span of time, and this machine's. Main thread.
#pragma once

#include <optional>

#include "client/connection.hpp"
#include "client/load/load_facts.hpp"
#include "client/load/machine_use.hpp"

namespace melstream::client {

class DaemonWatch {
 public:
  /// Outlived by the connection.
  explicit DaemonWatch(const Connection& connection) : connection_(connection) {}

  /// The span begins.
  void begin();
  /// Once in a while between. Blocks for a second at most.
  void look();
  /// The span ends. Fills in what is known.
  void end(DaemonUse& daemon, GeneratorUse& generator);

 private:
  std::optional<v1::GetServerInfoResponse> ask();

  const Connection& connection_;
  std::optional<v1::GetServerInfoResponse> before_;
  MachineUse machine_before_;
  int most_streams_shed_ = 0;
  int unanswered_ = 0;
};

}  // namespace melstream::client
