// Commands run in this process, as main() would, against a fake daemon.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "client/command_line.hpp"
#include "tests/client/fake_daemon.hpp"
#include "tests/client/temp_folder.hpp"
#include "tests/client/wav.hpp"

namespace melstream::client {

class CommandTest : public testing::Test {
 protected:
  void start(Script script) {
    daemon_.reset();  // first: it takes its socket with it
    daemon_ = std::make_unique<FakeDaemon>(folder_.path("s"), std::move(script));
  }

  /// Runs `melstream ARGUMENTS --server ...`, keeps what it printed, and returns its exit code.
  int run(std::vector<std::string> arguments) {
    if (daemon_) arguments.insert(arguments.end(), {"--server", daemon_->address()});
    return run_alone(std::move(arguments));
  }
  int run_alone(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "melstream");
    std::vector<char*> pointers;
    pointers.reserve(arguments.size());
    for (auto& argument : arguments) pointers.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_command_line(static_cast<int>(pointers.size()), pointers.data());
    output_ = testing::internal::GetCapturedStdout();
    errors_ = testing::internal::GetCapturedStderr();
    return code;
  }

  /// A file of n 16-bit samples.
  std::string clip(int n_samples) {
    std::string samples;
    for (int i = 0; i < n_samples; ++i) samples += little_endian(static_cast<std::uint64_t>(i), 2);
    return folder_.write("clip.wav", wav({}, samples));
  }
  bool exists(const std::string& name) const {
    for (const auto& there : folder_.names()) {
      if (there.rfind(name, 0) == 0) return true;
    }
    return false;
  }

  TempFolder folder_;
  std::unique_ptr<FakeDaemon> daemon_;
  std::string output_;
  std::string errors_;
};

}  // namespace melstream::client
