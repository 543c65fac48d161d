// The program: exit codes, output and signals, as an administrator or a service manager meets them.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/daemon/process.hpp"

namespace melstream::daemon {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class Melstreamd : public testing::Test {
 protected:
  /// A config on a socket in the scratch folder, without HTTP.
  std::string config(const std::string& more = {}) {
    return folder_.write("m.toml", "[server]\nsocket = \"" + socket() + "\"\nlisten = []\n" + kNoHttp + more);
  }
  static constexpr const char* kNoHttp = "[metrics]\nlisten = \"\"\n";
  std::string socket() const { return folder_.path("s"); }
  ScratchFolder folder_;
};

TEST_F(Melstreamd, VersionNamesBuildCompilerAndTargets) {
  const Finished finished = run_melstreamd({"--version"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out.rfind("melstreamd " MELSTREAM_EXPECTED_VERSION, 0), 0U) << finished.out;
  for (const char* part : {"\ncompiler: ", "\ngRPC: 1.", "\nengines: cpu (", "\nCUDA plugin: "}) {
    EXPECT_TRUE(contains(finished.out, part)) << finished.out;
  }
}

TEST_F(Melstreamd, ListedTargetsAreAccepted) {
  const Finished targets = run_melstreamd({"--list-targets"});
  EXPECT_EQ(targets.exit_code, 0);
  const std::string best = targets.out.substr(0, targets.out.find('\n'));
  EXPECT_FALSE(best.empty());
  const std::string path = folder_.write("m.toml", "[engine]\nsimd = \"" + best + "\"\n");
  EXPECT_EQ(run_melstreamd({"--config", path, "--check-config"}).exit_code, 0);
}

TEST_F(Melstreamd, UsageErrorExits64) {
  const Finished finished = run_melstreamd({"--no-such"});
  EXPECT_EQ(finished.exit_code, 64);
  EXPECT_TRUE(contains(finished.err, "--no-such")) << finished.err;
  EXPECT_EQ(finished.out, "");
}

TEST_F(Melstreamd, MissingConfigExits66) {
  const Finished finished = run_melstreamd({"--config", folder_.path("none.toml")});
  EXPECT_EQ(finished.exit_code, 66);
  EXPECT_TRUE(contains(finished.err, "none.toml: error: cannot read the config file: No such file")) << finished.err;
}

TEST_F(Melstreamd, UnreadableConfigExits77) {
  const std::string path = config();
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const Finished finished = run_melstreamd({"--config", path});
  EXPECT_EQ(finished.exit_code, 77);
  EXPECT_TRUE(contains(finished.err, "Permission denied")) << finished.err;
}

TEST_F(Melstreamd, ForbiddenSocketFolderExits77) {
  const std::string path = config();
  const std::string locked = folder_.path("locked");
  std::filesystem::create_directory(locked);
  std::filesystem::permissions(locked, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const std::string other = folder_.write("n.toml", "[server]\nsocket = \"" + locked + "/s\"\nlisten = []\n" + kNoHttp);
  const Finished finished = run_melstreamd({"--config", other});
  EXPECT_EQ(finished.exit_code, 77) << finished.err;
  EXPECT_TRUE(contains(finished.err, "cannot_listen")) << finished.err;
  EXPECT_TRUE(contains(finished.err, locked + "/s")) << finished.err;
}

TEST_F(Melstreamd, BadConfigExits78WithAllErrors) {
  const std::string path = folder_.write("m.toml", "[server]\nprot = 1\n[engine]\ntick_ms = 0\n");
  std::string expected = path;
  expected.append(":2:1: error: unknown key 'prot' in [server]\n    prot = 1\n    ^\n");
  expected.append(path).append(":4:11: error: engine.tick_ms = 0: expected a whole number from 1 to 100\n");
  expected.append("    tick_ms = 0\n              ^\n");
  for (const bool check : {true, false}) {
    const Finished finished =
        check ? run_melstreamd({"--config", path, "--check-config"}) : run_melstreamd({"--config", path});
    EXPECT_EQ(finished.exit_code, 78);
    EXPECT_EQ(finished.out, "");
    EXPECT_EQ(finished.err, expected);
  }
}

TEST_F(Melstreamd, GoodConfigIsCheckedWithItsMemoryPlan) {
  const std::string path = config("[stream]\nmax_streams = 7\n");
  const Finished finished = run_melstreamd({"--config", path, "--check-config"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_TRUE(contains(finished.out, path + ": good\n")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "7 streams and 16 spare x ")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "total: ")) << finished.out;
  EXPECT_TRUE(contains(finished.out, "locked in RAM: ")) << finished.out;
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(Melstreamd, ImpossibleMemoryPlanExits78) {
  const std::string path = config(
      "[stream]\nmax_streams = 100000\nhistory_s = 3600\n[features]\n"
      "always = [\"whisper-80\", \"whisper-128\", \"kaldi-80\", \"nemo-128\"]\n");
  for (const bool check : {true, false}) {
    const Finished finished =
        check ? run_melstreamd({"--config", path, "--check-config"}) : run_melstreamd({"--config", path});
    EXPECT_EQ(finished.exit_code, 78) << finished.err;
    EXPECT_TRUE(contains(finished.err, "stream.max_streams")) << finished.err;
  }
}

TEST_F(Melstreamd, CudaWithoutPluginExits69) {
  const std::string path = config("[engine]\nbackend = \"cuda\"\n");
  EXPECT_EQ(run_melstreamd({"--config", path, "--check-config"}).exit_code, 0) << "the config is good anywhere";
  const Finished finished = run_melstreamd({"--config", path}, {"MELSTREAM_CUDA_PLUGIN=/no/such.so"});
  EXPECT_EQ(finished.exit_code, 69);
  EXPECT_TRUE(contains(finished.err,
                       " error   cannot_start error=\"engine.backend = \\\"cuda\\\": no CUDA plugin found "
                       "(tried /no/such.so); with \\\"auto\\\" the CPU would compute\"\n"))
      << finished.err;
  EXPECT_FALSE(contains(finished.err, " engine backend=")) << finished.err;
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(Melstreamd, PrintedConfigPrintsTheSame) {
  const std::string path = config("[[front_end]]\nname = \"mine\"\nbase = \"nemo-80\"\nn_mels = 64\n");
  const Finished first = run_melstreamd({"--config", path, "--print-config", "--log-level", "debug"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_TRUE(contains(first.out, "\nlevel = \"debug\"\n")) << first.out;
  EXPECT_TRUE(contains(first.out, "\nn_mels = 64\n")) << first.out;
  const Finished second = run_melstreamd({"--config", folder_.write("printed.toml", first.out), "--print-config"});
  EXPECT_EQ(second.out, first.out);
}

TEST_F(Melstreamd, UsersSocketIsTheDefault) {
  const auto printed = [](std::vector<std::string> environment) {
    return run_melstreamd({"--config", "/dev/null", "--print-config"}, std::move(environment)).out;
  };
  EXPECT_TRUE(contains(printed({"XDG_RUNTIME_DIR=/run/user/7"}), "socket = \"/run/user/7/melstream.sock\"\n"));
  EXPECT_TRUE(contains(printed({}), "socket = \"/run/melstream/melstream.sock\"\n"));
}

TEST_F(Melstreamd, ConfigThatNeverEndsExits66) {
  const Finished finished = run_melstreamd({"--config", "/dev/zero", "--check-config"});
  EXPECT_EQ(finished.exit_code, 66);
  EXPECT_TRUE(contains(finished.err, "larger than 8 MiB")) << finished.err;
}

class StoppedBySignal : public Melstreamd, public testing::WithParamInterface<int> {};

TEST_P(StoppedBySignal, DrainsAndExits0) {
  Process process({"--config", config("[engine]\nbackend = \"cpu\"\n")});
  const auto notice = process.next_notice();
  ASSERT_TRUE(notice) << process.log();
  EXPECT_EQ(*notice, "READY=1\nSTATUS=listening on unix:" + socket());
  EXPECT_TRUE(std::filesystem::is_socket(socket()));
  process.send(GetParam());
  EXPECT_EQ(process.next_notice(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=13000000");
  const Finished finished = process.finish();
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.out, "");
  for (const char* part : {" starting build=", " memory_plan plan=", " engine backend=cpu ",
                           " listening addresses=unix:", " draining reason=\"signal ", " totals streams_opened=0 ",
                           " stopped exit_code=0\n"}) {
    EXPECT_TRUE(contains(finished.err, part)) << part << " in\n" << finished.err;
  }
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

INSTANTIATE_TEST_SUITE_P(Signals, StoppedBySignal, testing::Values(SIGTERM, SIGINT),
                         [](const auto& tested) { return std::string(tested.param == SIGTERM ? "Term" : "Int"); });

TEST_F(Melstreamd, SameSignalTwiceInAMomentIsOneWish) {
  Process process({"--config", config()});
  ASSERT_TRUE(process.next_notice()) << process.log();
  process.send(SIGTERM);
  EXPECT_EQ(process.next_notice(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=13000000");
  process.send(SIGTERM);  // as timeout(1) does; the process may have ended already
  EXPECT_EQ(process.finish().exit_code, 0) << process.log();
}

TEST_F(Melstreamd, HangupReloadsAndTheServiceManagerIsTold) {
  Process process({"--config", config()});
  ASSERT_TRUE(process.next_notice()) << process.log();
  process.send(SIGHUP);
  EXPECT_EQ(process.next_notice().value_or("").rfind("RELOADING=1\nMONOTONIC_USEC=", 0), 0U);
  EXPECT_EQ(process.next_notice(), "READY=1");
  process.send(SIGTERM);
  const Finished finished = process.finish();
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_TRUE(contains(finished.err, " reloaded changed=none")) << finished.err;
}

TEST_F(Melstreamd, JsonLogIsOneObjectALine) {
  Process process({"--config", config(), "--log-format", "json"});
  ASSERT_TRUE(process.next_notice()) << process.log();
  process.send(SIGTERM);
  const Finished finished = process.finish();
  ASSERT_EQ(finished.exit_code, 0);
  std::size_t begin = 0;
  while (begin < finished.err.size()) {
    const std::size_t end = finished.err.find('\n', begin);
    const std::string line = finished.err.substr(begin, end - begin);
    EXPECT_EQ(line.rfind("{\"ts\":\"2", 0), 0U) << line;
    EXPECT_TRUE(contains(line, "\",\"event\":\"")) << line;
    EXPECT_EQ(line.back(), '}') << line;
    begin = end + 1;
  }
  EXPECT_TRUE(contains(finished.err, "\"event\":\"listening\",\"addresses\":\"unix:")) << finished.err;
}

TEST_F(Melstreamd, SocketOfALivingDaemonExits71) {
  Process first({"--config", config()});
  ASSERT_TRUE(first.next_notice()) << first.log();
  const Finished second = run_melstreamd({"--config", config()});
  EXPECT_EQ(second.exit_code, 71) << second.err;
  EXPECT_TRUE(contains(second.err, " cannot_listen error=")) << second.err;
  EXPECT_TRUE(contains(second.err, socket())) << second.err;
  first.send(SIGTERM);
  EXPECT_EQ(first.finish().exit_code, 0);
}

TEST_F(Melstreamd, SocketOfAKilledDaemonIsReplaced) {
  {
    Process killed({"--config", config()});
    ASSERT_TRUE(killed.next_notice()) << killed.log();
    killed.send(SIGKILL);
    EXPECT_EQ(killed.finish().exit_code, -SIGKILL);
  }
  EXPECT_TRUE(std::filesystem::exists(socket()));
  Process second({"--config", config()});
  EXPECT_TRUE(second.next_notice()) << second.log();
  second.send(SIGTERM);
  EXPECT_EQ(second.finish().exit_code, 0);
}

TEST_F(Melstreamd, PortInUseExits71) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t n_bytes = sizeof address;
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), n_bytes), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &n_bytes), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const Finished finished = run_melstreamd(
      {"--config", folder_.write("m.toml", std::string(kNoHttp) +
                                               "[server]\nsocket = \"\"\nlisten = [\"127.0.0.1:" + port + "\"]\n")});
  close(fd);
  EXPECT_EQ(finished.exit_code, 71) << finished.err;
  EXPECT_TRUE(contains(finished.err, "127.0.0.1:" + port)) << finished.err;
}

TEST_F(Melstreamd, FreePortIsTold) {
  Process process({"--config", folder_.write("m.toml", std::string(kNoHttp) +
                                                           "[server]\nsocket = \"\"\nlisten = [\"127.0.0.1:0\"]\n")});
  const auto notice = process.next_notice();
  ASSERT_TRUE(notice) << process.log();
  const std::string start = "READY=1\nSTATUS=listening on 127.0.0.1:";
  ASSERT_EQ(notice->rfind(start, 0), 0U) << *notice;
  EXPECT_GT(std::stoi(notice->substr(start.size())), 0);
  process.send(SIGTERM);
  EXPECT_EQ(process.finish().exit_code, 0);
}

}  // namespace
}  // namespace melstream::daemon
