// Each check on a machine that the test makes up.
#include "client/doctor/checks.hpp"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/client/temp_folder.hpp"

namespace melstream::client::doctor {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;

class Checks : public testing::Test {
 protected:
  Checks() {
    machine_.root = folder_.path("");
    machine_.user = 1000;
    machine_.groups = {1000};
    machine_.now_s = kNow;
    machine_.program_folder = folder_.path("bin");
  }

  void write(const std::string& path, const std::string& content, mode_t mode = 0644) {
    const auto full = machine_.path(path);
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
    chmod(full.c_str(), mode);
  }
  /// The only finding.
  Finding only() const {
    EXPECT_EQ(findings_.size(), 1U);
    return findings_.empty() ? Finding{} : findings_.front();
  }
  void expect(Verdict verdict, const std::string& words) {
    const Finding finding = only();
    EXPECT_EQ(finding.verdict, verdict) << finding.what;
    EXPECT_NE(finding.what.find(words), std::string::npos) << finding.what;
    EXPECT_EQ(finding.verdict == Verdict::kOk, finding.remedy.empty()) << finding.remedy;
    findings_.clear();
  }

  TempFolder folder_;
  Machine machine_;
  Findings findings_;
};

TEST_F(Checks, ClockThatNobodyKeeps) {
  machine_.clock_is_synchronized = false;
  check_clock(machine_, findings_);
  expect(Verdict::kWarning, "nobody keeps the clock");
  machine_.clock_is_synchronized = true;
  machine_.clock_error_us = 150;
  check_clock(machine_, findings_);
  expect(Verdict::kOk, "within 150 us");
  machine_.now_s = 86'400;
  check_clock(machine_, findings_);
  expect(Verdict::kFail, "before 2024");
}

TEST_F(Checks, ClockThatCountsTicks) {
  write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "jiffies\n");
  check_clock(machine_, findings_);
  expect(Verdict::kWarning, "jiffies");
  write("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
  check_clock(machine_, findings_);
  EXPECT_TRUE(findings_.empty());
}

TEST_F(Checks, GpuStepByStep) {
  DaemonState daemon;
  check_gpu(machine_, daemon, "auto", findings_);
  expect(Verdict::kOk, "no NVIDIA GPU");
  check_gpu(machine_, daemon, "cuda", findings_);
  expect(Verdict::kFail, "no NVIDIA GPU");
  // No devices of a GPU, but of the driver.
  write("/dev/nvidiactl", "");
  check_gpu(machine_, daemon, "auto", findings_);
  expect(Verdict::kOk, "no NVIDIA GPU");
  write("/dev/nvidia0", "", 0666);
  check_gpu(machine_, daemon, "auto", findings_);
  expect(Verdict::kWarning, "no driver is loaded");
  write("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.1\n");
  check_gpu(machine_, daemon, "auto", findings_);
  expect(Verdict::kWarning, "no libmelstream_cuda.so");
  check_gpu(machine_, daemon, "cuda", findings_);
  expect(Verdict::kFail, "no libmelstream_cuda.so");
  write("/usr/lib/melstream/libmelstream_cuda.so", "");
  check_gpu(machine_, daemon, "auto", findings_);
  expect(Verdict::kOk, "535.1");
  daemon.info.emplace().mutable_engine()->set_backend("cpu");
  check_gpu(machine_, daemon, "auto", findings_);
  expect(Verdict::kWarning, "computes on the cpu");
  check_gpu(machine_, daemon, "cpu", findings_);
  expect(Verdict::kOk, "engine.backend is cpu");
}

TEST_F(Checks, PluginBesideTheDaemonIsFound) {
  write("/dev/nvidia0", "", 0666);
  write("/proc/driver/nvidia/version", "NVRM version: 1\n");
  write("/bin/melstreamd", "", 0755);
  write("/lib/melstream/libmelstream_cuda.so", "");
  check_gpu(machine_, {}, "auto", findings_);
  expect(Verdict::kOk, "/lib/melstream/libmelstream_cuda.so");
  machine_.cuda_plugin = folder_.path("elsewhere.so");
  check_gpu(machine_, {}, "auto", findings_);
  expect(Verdict::kWarning, "no libmelstream_cuda.so");
}

TEST_F(Checks, LimitsOfTheDaemonNotOfTheShell) {
  DaemonState daemon;
  daemon.planned_bytes = std::int64_t{81} << 20;
  machine_.own_limits = {};
  write("/proc/77/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max open files            1024                 524288               files     \n"
        "Max locked memory         8388608              8388608              bytes     \n");
  write("/proc/77/status", "Name:\tmelstreamd\nCapEff:\t0000000000000000\n");
  daemon.pid = 77;
  check_limits(machine_, daemon, findings_);
  ASSERT_EQ(findings_.size(), 2U);
  EXPECT_EQ(findings_[0].verdict, Verdict::kWarning);
  EXPECT_EQ(findings_[0].what,
            "the daemon may lock 8.0 MiB, the plan wants 81.0 MiB: the rest of the audio could be swapped to disk");
  EXPECT_EQ(findings_[0].remedy, "LimitMEMLOCK=81M or more in the unit, or 'ulimit -l'");
  EXPECT_EQ(findings_[1].verdict, Verdict::kWarning);
  EXPECT_NE(findings_[1].what.find("1024 files"), std::string::npos);
}

TEST_F(Checks, WithIpcLockTheLimitDoesNotCount) {
  DaemonState daemon;
  daemon.planned_bytes = std::int64_t{81} << 20;
  daemon.pid = 77;
  write("/proc/77/limits",
        "Max open files            unlimited            unlimited            files     \n"
        "Max locked memory         65536                65536                bytes     \n");
  write("/proc/77/status", "CapEff:\t0000000000004000\n");
  check_limits(machine_, daemon, findings_);
  ASSERT_EQ(findings_.size(), 2U);
  EXPECT_EQ(findings_[0].verdict, Verdict::kOk);
  EXPECT_EQ(findings_[1].what, "the daemon may open any number of files");
}

TEST_F(Checks, MemoryThatIsNotThere) {
  DaemonState daemon;
  daemon.planned_bytes = std::int64_t{200} << 20;
  write("/proc/meminfo", "MemTotal: 999999 kB\nMemAvailable: 102400 kB\n");
  check_limits(machine_, daemon, findings_);
  ASSERT_EQ(findings_.size(), 3U);
  EXPECT_EQ(findings_[2].verdict, Verdict::kWarning);
  EXPECT_EQ(findings_[2].what, "100.0 MiB are free, the plan wants 200.0 MiB");
}

TEST_F(Checks, SoundCardOfAnotherGroup) {
  check_sound(machine_, findings_);
  expect(Verdict::kOk, "no sound card");
  write("/dev/snd/pcmC0D0p", "", 0660);
  check_sound(machine_, findings_);
  expect(Verdict::kOk, "no sound card");
  write("/dev/snd/pcmC0D0c", "", 0660);
  check_sound(machine_, findings_);
  struct stat info {};
  ASSERT_EQ(stat(machine_.path("/dev/snd/pcmC0D0c").c_str(), &info), 0);
  if (info.st_gid != 1000 && info.st_uid != 1000) expect(Verdict::kWarning, "may not capture");
  findings_.clear();
  machine_.groups.push_back(info.st_gid);
  check_sound(machine_, findings_);
  expect(Verdict::kOk, "you may capture");
}

TEST_F(Checks, SoundServerOfTheSession) {
  machine_.runtime_folder = "/run/user/1000";
  write("/run/user/1000/pipewire-0", "");
  check_sound(machine_, findings_);
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_NE(findings_[0].what.find("PipeWire"), std::string::npos);
}

TEST_F(Checks, TokensThatOthersMayRead) {
  check_tokens(machine_, "", findings_);
  EXPECT_TRUE(findings_.empty());
  write("/tokens", "x", 0644);
  const std::string path = machine_.path("/tokens").string();
  check_tokens(machine_, path, findings_);
  expect(Verdict::kFail, "0644");
  chmod(path.c_str(), 0660);
  check_tokens(machine_, path, findings_);
  expect(Verdict::kFail, "0660");
  chmod(path.c_str(), 0640);
  check_tokens(machine_, path, findings_);
  expect(Verdict::kWarning, "0640");
  chmod(path.c_str(), 0600);
  check_tokens(machine_, path, findings_);
  expect(Verdict::kOk, "0600");
  check_tokens(machine_, path + "-none", findings_);
  expect(Verdict::kFail, "No such file");
}

TEST_F(Checks, ConfigThatEverybodyMayChange) {
  write("/melstream.toml", "[server]\nsocket = \"/run/x\"\nlisten = [\"127.0.0.1:1\"]\n", 0666);
  DaemonState daemon;
  const DaemonConfig config = check_config(machine_, machine_.path("/melstream.toml").string(), daemon, findings_);
  ASSERT_FALSE(findings_.empty());
  EXPECT_EQ(findings_[0].verdict, Verdict::kFail);
  EXPECT_NE(findings_[0].what.find("0666"), std::string::npos);
  EXPECT_EQ(config.socket, "/run/x");
  ASSERT_TRUE(config.listen);
  EXPECT_EQ(config.listen->size(), 1U);
  // No melstreamd to ask.
  EXPECT_EQ(findings_.back().verdict, Verdict::kWarning);
  EXPECT_NE(findings_.back().what.find("no melstreamd"), std::string::npos);
}

TEST(DaemonConfig, GivesNothingForWhatIsNoToml) {
  EXPECT_FALSE(parse_daemon_config("[server\n"));
  const auto config = parse_daemon_config(
      "[server]\nsocket = 3\nadmin_socket = \"/run/a\"\nlisten_tls = [\"[::]:1\", 2]\n[tls]\ncertificate = \"a\"\nkey "
      "= \"b\"\n");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->socket);
  EXPECT_EQ(config->role_sockets, std::vector<std::string>{"/run/a"});
  EXPECT_EQ(config->listen_tls, std::vector<std::string>{"[::]:1"});
  EXPECT_EQ(config->certificate, "a");
  EXPECT_EQ(config->key, "b");
}

TEST(Finding, IsOneLine) {
  EXPECT_EQ(to_line({Verdict::kFail, "socket", "it is dead", "start it"}),
            "FAIL    socket       it is dead  -> start it");
  EXPECT_EQ(to_line({Verdict::kOk, "clock", "good", ""}), "ok      clock        good");
  EXPECT_EQ(
      to_json({{Verdict::kWarning, "a", "b", "c"}}),
      "{\"failed\": false, \"warnings\": 1, \"findings\": [{\"verdict\": \"warning\", \"check\": \"a\", \"what\": "
      "\"b\", \"remedy\": \"c\"}]}");
}

TEST(RunProgram, GivesOutputAndStatus) {
  const ProgramResult result = run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
  EXPECT_EQ(run_program({"/nowhere/to/be/found"}).exit_status, -1);
  EXPECT_EQ(run_program({"/bin/sh", "-c", "head -c 1000000 /dev/zero"}).output.size(), std::size_t{64} << 10);
}

}  // namespace
}  // namespace melstream::client::doctor
