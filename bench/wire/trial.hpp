// One trial: a server on core 0, a publisher and readers on core 1, each a process of its own.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bench/support/child.hpp"
#include "bench/wire/load.hpp"
#include "bench/wire/reader.hpp"
#include "bench/wire/send_log.hpp"
#include "bench/wire/server_probe.hpp"

namespace melstream::bench {

/// Processor time in a span of time, above all the server's.
struct ServerTime {
  double wall_s = 0;
  double cpu_s = 0;
  double load_cpu_s = 0;                  ///< of publisher and readers: near wall_s they are the limit, not the server
  std::map<std::string, double> threads;  ///< the server's seconds by name
};

class Trial {
 public:
  /// Starts the server and the publisher. When it returns all streams are open, and no audio has been sent. Throws
  /// std::runtime_error, like all else here, if a process fails.
  Trial(const ServerLoad& server, const AudioLoad& audio, int n_calls);
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  ~Trial();

  struct ReaderProcess {
    Shared<ReaderResult> result;
    std::optional<Child> child;
  };
  /// Starts a process with these calls, and returns when all have been asked for.
  ReaderProcess& add_reader(const ReaderLoad& load);
  /// Starts a process that asks for GetServerInfo.
  const ServerInfo& add_probe();
  /// Audio begins.
  void publish();
  /// Latencies count from here to stop_measuring().
  void start_measuring() { control_->measuring = true; }
  void stop_measuring() { control_->measuring = false; }
  /// Latencies count in this time.
  ServerTime measure(double seconds);
  /// Ends the audio, gives readers time to read to the end, and stops all. Then the results are complete.
  void end();

  pid_t server_pid() const noexcept { return server_->pid(); }
  const Control& control() const noexcept { return *control_; }
  /// Throws if one of the processes is gone.
  void check();

 private:
  double load_seconds() const;
  template <typename Condition>
  void wait_until(const char* what, Condition condition);

  const AudioLoad audio_;
  std::string folder_;
  Shared<Control> control_;
  SendLog log_;
  Shared<ServerInfo> info_;
  std::optional<Child> server_;
  std::optional<Child> publisher_;
  std::optional<Child> probe_;
  std::list<ReaderProcess> readers_;
  int n_calls_asked_ = 0;
};

}  // namespace melstream::bench
