// What the config accepts, and that it survives being printed and read again.
#include "daemon/config.hpp"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "daemon/config_keys.hpp"
#include "tests/daemon/config_errors.hpp"

namespace melstream::daemon {
namespace {

std::string shipped_config() {
  std::ifstream file(MELSTREAM_SHIPPED_CONFIG, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The file with every documented default in effect: "# key = value" becomes "key = value".
std::string with_defaults_spelled_out(const std::string& text) {
  std::set<std::string> keys;
  for (const KeyRule& rule : key_rules()) keys.insert(std::string(rule.name));
  std::string spelled;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    if (line.rfind("# ", 0) == 0 && keys.count(line.substr(2, line.find(" = ") - 2)) > 0) line.erase(0, 2);
    spelled += line + "\n";
    begin = end + 1;
  }
  return spelled;
}

TEST(Config, EmptyFileIsTheDefaults) {
  const Config config = good("");
  Config expected;
  expected.server.socket = "/run/user/7/melstream.sock";
  EXPECT_EQ(config, expected);
  EXPECT_EQ(config.server.listen, std::vector<std::string>{"127.0.0.1:50071"});
  EXPECT_EQ(config.engine.tick_ms, 10);
  EXPECT_EQ(config.stream.ring_ms, 1000);
  EXPECT_EQ(config.stream.history_s, 30.0);
}

TEST(Config, EveryKeyIsRead) {
  const Config config = good(R"([server]
socket = ""
listen = ["[::1]:0", "0.0.0.0:9"]
allow_insecure_bind = true
max_connections = 7
drain_timeout_s = 1.5
publisher_idle_timeout_s = 2
[engine]
backend = "cpu"
simd = "sse4"
threads = 2
tick_ms = 20
device = 3
wait = "spin"
[stream]
ring_ms = 200
audio_history_s = 40
local_audio_history_s = 4.5
history_s = 60.5
max_streams = 3
[features]
always = ["whisper-80", "kaldi80"]
[memory]
audio_history_bytes = 1
queued_bytes = 8388609
[metrics]
listen = "[::1]:0"
required_sources = ["hall"]
[log]
level = "debug"
format = "json"
[[source]]
id = "hall"
uri = "mic:default"
)");
  Config expected;
  expected.server = {"", {"[::1]:0", "0.0.0.0:9"}, true, 7, 1.5, 2.0};
  expected.engine = {"cpu", "sse4", 2, 20, 3, "spin"};
  expected.stream = {200, 40.0, 4.5, 60.5, 3};
  expected.features.always = {"whisper-80", "kaldi80"};
  expected.memory.audio_history_bytes = 1;
  expected.memory.queued_bytes = 8388609;
  expected.metrics = {"[::1]:0", {"hall"}};
  expected.log = {"debug", "json"};
  expected.sources = {{"hall", "mic:default", {}}};
  EXPECT_EQ(config, expected);
}

TEST(Config, PrintedConfigReadsBackToTheSame) {
  const Config config = good(R"([server]
socket = "/tmp/odd \"name\"\t\u00e4\\"
listen = []
drain_timeout_s = 0.1
[stream]
history_s = 33.333333333333336
[features]
always = ["mine"]
[[front_end]]
name = "mine"
base = "whisper-80"
n_mels = 64
f_max_hz = 7600.5
mel_scale = "htk"
remove_dc = true
[[front_end]]
name = "mine-too"
base = "mine"
n_mels = 3
cmvn_shift = [1, -0.5, 2.5e-3]
cmvn_scale = "1,2,3"
[[source]]
id = "corridor"
uri = "file:/a \u00e4.wav?loop=true"
labels = { room = "3", "odd key" = "x \"y\"" }
pacing = "fast"
capture = "on-demand"
)");
  EXPECT_EQ(config.sources.at(0).uri, "file:/a \u00e4.wav?loop=true&pacing=fast&capture=on-demand");
  EXPECT_EQ(config.sources.at(0).labels.at("odd key"), "x \"y\"");
  const std::string printed = to_toml(config);
  EXPECT_EQ(good(printed), config) << printed;
  EXPECT_EQ(to_toml(good(printed)), printed);
}

TEST(Config, PrintedDefaultsHaveEveryKey) {
  const std::string printed = to_toml(good(""));
  for (const KeyRule& rule : key_rules()) {
    EXPECT_NE(printed.find("\n" + std::string(rule.name) + " = "), std::string::npos) << rule.name;
  }
}

TEST(Config, ShippedFileIsTheDefaults) { EXPECT_EQ(good(shipped_config()), good("")); }

TEST(Config, ShippedFileDocumentsEveryKeyWithItsDefault) {
  const std::string spelled = with_defaults_spelled_out(shipped_config());
  Config expected = good("");
  expected.server.socket = default_socket(nullptr);
  EXPECT_EQ(good(spelled), expected);
  for (const KeyRule& rule : key_rules()) {
    EXPECT_NE(spelled.find("\n" + std::string(rule.name) + " = "), std::string::npos) << rule.name;
  }
}

TEST(Config, DefaultSocketIsTheUsersElseTheSystems) {
  EXPECT_EQ(default_socket("/run/user/1000"), "/run/user/1000/melstream.sock");
  EXPECT_EQ(default_socket(""), "/run/melstream/melstream.sock");
  EXPECT_EQ(default_socket(nullptr), "/run/melstream/melstream.sock");
}

TEST(Config, FrontEndsComeFromTheirBase) {
  const engine::FrontEndCatalog catalog = make_catalog(good(R"([[front_end]]
name = "a"
base = "kaldi-80"
n_mels = 40
[[front_end]]
name = "b"
base = "a"
f_max_hz = 4000
)"));
  const auto front_end = catalog.find("b");
  EXPECT_EQ(front_end->spec().mel.n_mels, 40);
  EXPECT_EQ(front_end->spec().mel.f_max_hz, 4000.0);
  EXPECT_EQ(front_end->spec().transform, catalog.find("kaldi-80")->spec().transform);
  EXPECT_NE(front_end->sha256(), catalog.find("a")->sha256());
}

TEST(Config, MissingFileIsAnInputError) {
  try {
    static_cast<void>(load_config("/nonexistent/melstream.toml", test_surroundings()));
    FAIL() << "it was read";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kInput);
    EXPECT_STREQ(error.what(),
                 "/nonexistent/melstream.toml: error: cannot read the config file: No such file or directory\n");
  }
}

TEST(Config, FolderIsAnInputError) {
  try {
    static_cast<void>(load_config("/", test_surroundings()));
    FAIL() << "it was read";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kInput);
  }
}

}  // namespace
}  // namespace melstream::daemon
