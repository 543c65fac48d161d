#include "bench/wire/trial.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include <signal.h>

#include <absl/synchronization/mutex.h>
#include <stdlib.h>  // mkdtemp

#include "bench/support/live_server.hpp"
#include "bench/support/processor_time.hpp"
#include "bench/wire/bare_server.hpp"
#include "bench/wire/publisher.hpp"
#include "bench/wire/server_probe.hpp"

namespace melstream::bench {
namespace {

constexpr double kStepS = 0.02;
constexpr double kPatienceS = 60;
constexpr double kDrainS = 1;
constexpr int kSpareConnections = 64;

/// The bare server and the load generators shall cost as little as they can. Debian builds Abseil with checks for
/// deadlocks, which walk a graph of locks at each lock in gRPC.
void disarm_abseil() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

std::string make_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "melstream-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder");
  return folder;
}

void tell_address(const std::string& address, Control& control) {
  std::strncpy(control.address.data(), address.c_str(), control.address.size() - 1);
  control.server_ready = true;
}

void serve_live(const ServerLoad& load, const AudioLoad& audio, int n_calls, const std::string& socket,
                Control& control) {
  LiveServer server({.socket = load.tcp ? "" : socket,
                     .max_streams = audio.n_streams + 1,
                     .max_subscriptions = n_calls + kSpareConnections,
                     .max_connections = audio.n_streams + n_calls + kSpareConnections,
                     .tick_ns = load.tick_ns,
                     .max_queued_bytes = load.max_queued_bytes});
  tell_address(server.address(), control);
  const pipeline::Counters& counters = server.registry().counters();
  while (!control.stop_server) {
    pause_s(5 * kStepS);
    control.n_subscriptions = counters.subscriptions.load();
    control.frames_gapped = counters.frames_gapped.load();
    control.late_ticks = counters.late_ticks.load();
  }
}

}  // namespace

template <typename Condition>
void Trial::wait_until(const char* what, Condition condition) {
  const std::int64_t give_up_ns = steady_ns() + static_cast<std::int64_t>(kPatienceS * 1e9);
  while (!condition()) {
    check();
    if (steady_ns() > give_up_ns) throw std::runtime_error(std::string("not in time: ") + what);
    pause_s(kStepS);
  }
}

Trial::Trial(const ServerLoad& server, const AudioLoad& audio, int n_calls)
    : audio_(audio), folder_(make_folder()), log_(audio.n_streams) {
  server_.emplace([this, server, n_calls] {
    pin_if_two(0);
    const std::string socket = folder_ + "/s";
    if (!server.bare) return serve_live(server, audio_, n_calls, socket, *control_);
    disarm_abseil();
    BareServer bare(server, audio_, socket);
    tell_address(bare.address(), *control_);
    bare.run(control_->stop_server);
  });
  wait_until("the server", [this] { return control_->server_ready.load(); });
  publisher_.emplace([this] {
    pin_if_two(1);
    disarm_abseil();
    Publisher publisher(audio_, control_->address.data(), log_, *control_);
    publisher.run();
  });
  wait_until("the streams", [this] { return control_->publisher_ready.load(); });
}

Trial::~Trial() {
  readers_.clear();
  probe_.reset();
  publisher_.reset();
  server_.reset();
  std::filesystem::remove_all(folder_);
}

void Trial::check() {
  if (server_ && !server_->runs()) throw std::runtime_error("the server has ended");
  if (publisher_ && !publisher_->runs()) throw std::runtime_error("the publisher has ended");
  for (ReaderProcess& reader : readers_) {
    if (reader.child && !reader.child->runs()) throw std::runtime_error("a reader has ended");
  }
}

Trial::ReaderProcess& Trial::add_reader(const ReaderLoad& load) {
  ReaderProcess& reader = readers_.emplace_back();
  reader.child.emplace([this, load, &reader] {
    pin_if_two(1);
    disarm_abseil();
    Reader(load, audio_, control_->address.data(), log_, *control_, *reader.result).run();
  });
  n_calls_asked_ += load.n_calls;
  wait_until("the subscriptions", [this] { return control_->n_readers_ready == n_calls_asked_; });
  return reader;
}

const ServerInfo& Trial::add_probe() {
  probe_.emplace([this] {
    pin_if_two(1);
    disarm_abseil();
    probe_server(control_->address.data(), control_->stop_readers, *info_);
  });
  wait_until("an answer", [this] { return info_->n_answers > 0; });
  return *info_;
}

void Trial::publish() { control_->publish = true; }

double Trial::load_seconds() const {
  double seconds = process_seconds(publisher_->pid());
  for (const ReaderProcess& reader : readers_) seconds += process_seconds(reader.child->pid());
  return seconds;
}

ServerTime Trial::measure(double seconds) {
  start_measuring();
  const std::int64_t begin_ns = steady_ns();
  const double cpu_before = process_seconds(server_pid());
  const double load_before = load_seconds();
  const auto threads_before = thread_seconds(server_pid());
  pause_s(seconds);
  ServerTime time;
  time.cpu_s = process_seconds(server_pid()) - cpu_before;
  time.load_cpu_s = load_seconds() - load_before;
  time.wall_s = static_cast<double>(steady_ns() - begin_ns) * 1e-9;
  for (const auto& [name, total] : thread_seconds(server_pid())) {
    const auto before = threads_before.find(name);
    time.threads[name] = total - (before == threads_before.end() ? 0 : before->second);
  }
  stop_measuring();
  check();
  return time;
}

void Trial::end() {
  check();
  control_->stop_publisher = true;
  if (!publisher_->wait()) throw std::runtime_error("the publisher failed");
  publisher_.reset();
  pause_s(kDrainS);
  control_->stop_readers = true;
  for (ReaderProcess& reader : readers_) {
    if (!reader.child->wait()) throw std::runtime_error("a reader failed");
    reader.child.reset();
  }
  if (probe_) probe_->wait();
  control_->stop_server = true;
  server_->wait();
  server_.reset();
}

}  // namespace melstream::bench
