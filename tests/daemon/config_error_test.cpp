// What is wrong is told where it is wrong, all of it at once, with what would be right.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tests/daemon/config_errors.hpp"

namespace melstream::daemon {
namespace {

TEST(ConfigError, UnknownKeyHasItsPlaceTheLineAndTheNearestKey) {
  EXPECT_EQ(errors_of("[server]\n  sokcet = \"/tmp/s\"\n"),
            "m.toml:2:3: error: unknown key 'sokcet' in [server] (did you mean 'socket'?)\n"
            "      sokcet = \"/tmp/s\"\n"
            "      ^\n");
}

TEST(ConfigError, UnknownKeyThatIsNearNothingSuggestsNothing) {
  EXPECT_EQ(errors_of("[log]\nzzzzzzzz = 1\n"),
            "m.toml:2:1: error: unknown key 'zzzzzzzz' in [log]\n"
            "    zzzzzzzz = 1\n"
            "    ^\n");
}

TEST(ConfigError, AllAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(errors_of("top = 1\n"
                      "[enginee]\nx = 1\n"
                      "[engine]\ntick_ms = \"ten\"\nthreads = -3\n"
                      "[server]\nlisten = [\"127.0.0.1:1\", 5, \"nowhere\"]\n"),
            "m.toml:1:1: error: unknown key 'top' outside of a section\n"
            "    top = 1\n"
            "    ^\n"
            "m.toml:2:2: error: unknown section 'enginee' (did you mean 'engine'?)\n"
            "    [enginee]\n"
            "     ^\n"
            "m.toml:5:11: error: engine.tick_ms = \"ten\": expected a whole number from 1 to 100\n"
            "    tick_ms = \"ten\"\n"
            "              ^\n"
            "m.toml:6:11: error: engine.threads = -3: expected a whole number from 0 to 256\n"
            "    threads = -3\n"
            "              ^\n"
            "m.toml:8:26: error: server.listen = 5: expected a list of texts, such as [\"...\"]\n"
            "    listen = [\"127.0.0.1:1\", 5, \"nowhere\"]\n"
            "                             ^\n"
            "m.toml:8:29: error: server.listen: \"nowhere\" has no ':': expected \"HOST:PORT\" or \"[IPv6]:PORT\"\n"
            "    listen = [\"127.0.0.1:1\", 5, \"nowhere\"]\n"
            "                                ^\n");
}

TEST(ConfigError, SyntaxErrorHasItsPlace) {
  const Outcome outcome = outcome_of("[server]\nsocket = \n");
  EXPECT_EQ(outcome.errors.rfind("m.toml:2:10: error: ", 0), 0U) << outcome.errors;
  EXPECT_NE(outcome.errors.find("    socket = \n             ^\n"), std::string::npos) << outcome.errors;
  EXPECT_EQ(outcome.exit_code, ExitCode::kConfig);
}

TEST(ConfigError, KeyThatIsThereTwiceHasItsPlace) {
  EXPECT_EQ(errors_of("[engine]\ntick_ms = 1\ntick_ms = 2\n").rfind("m.toml:3:", 0), 0U)
      << errors_of("[engine]\ntick_ms = 1\ntick_ms = 2\n");
}

TEST(ConfigError, CaretCountsCharactersAndTabsAsOne) {
  EXPECT_EQ(errors_of("[log]\nlevel =\t\"\u00e4\u00f6\" # x\n"),
            "m.toml:2:9: error: log.level = \"\u00e4\u00f6\": expected one of \"debug\", \"info\", \"warning\", "
            "\"error\"\n"
            "    level = \"\u00e4\u00f6\" # x\n"
            "            ^\n");
}

TEST(ConfigError, LongLineIsCutAroundTheColumn) {
  std::string numbers;
  for (int i = 0; i < 80; ++i) numbers += "1, ";
  const std::string errors = errors_of("[features]\nalways = [" + numbers + "]\n");
  std::size_t begin = 0;
  while (begin < errors.size()) {
    const std::size_t end = errors.find('\n', begin);
    EXPECT_LE(end - begin, 110U) << errors.substr(begin, end - begin);
    begin = end + 1;
  }
  EXPECT_NE(errors.find("m.toml:2:248: error: "), std::string::npos) << errors;
}

TEST(ConfigError, LivePageIsForThisMachineAndThoseWhoMayRead) {
  EXPECT_EQ(errors_of("[page]\nlisten = \"127.0.0.1:50072\"\n"), "");
  EXPECT_EQ(errors_of("[page]\nlisten = \"[::1]:0\"\n"), "");
  EXPECT_EQ(errors_of("[page]\nlisten = \"\"\n[auth]\nanonymous_roles = []\n"), "");
  const auto complains = [](const std::string& text, const std::string& of) {
    const std::string errors = errors_of(text);
    EXPECT_NE(errors.find(of), std::string::npos) << text << errors;
  };
  complains("[page]\nlisten = \"0.0.0.0:50072\"\n", "can be reached from other machines");
  complains("[server]\nallow_insecure_bind = true\n[page]\nlisten = \"192.168.1.2:1\"\n", "ssh -L");
  complains("[page]\nlisten = \"50072\"\n", "expected \"HOST:PORT\"");
  complains("[page]\nlisten = 50072\n", "text in quotes");
  complains("[auth]\nanonymous_roles = [\"publisher\"]\n[page]\nlisten = \"127.0.0.1:1\"\n", "add \"subscriber\"");
}

struct Range {
  const char* section;
  const char* key;
  const char* good_low;
  const char* good_high;
  const char* bad_low;
  const char* bad_high;
};

class ConfigRange : public testing::TestWithParam<Range> {};

TEST_P(ConfigRange, HoldsAtItsEnds) {
  const Range& range = GetParam();
  const auto with = [&](const char* value) {
    return "[" + std::string(range.section) + "]\n" + range.key + " = " + value + "\n";
  };
  EXPECT_EQ(errors_of(with(range.good_low)), "");
  EXPECT_EQ(errors_of(with(range.good_high)), "");
  for (const char* bad : {range.bad_low, range.bad_high, "true", "\"1\"", "nan", "[]"}) {
    const Outcome outcome = outcome_of(with(bad));
    EXPECT_EQ(outcome.exit_code, ExitCode::kConfig) << range.key << " = " << bad;
    EXPECT_NE(outcome.errors.find(std::string(range.section) + "." + range.key + " = "), std::string::npos) << bad;
    EXPECT_NE(outcome.errors.find("number from "), std::string::npos) << outcome.errors;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigRange,
    testing::Values(Range{"server", "max_connections", "0", "100000", "-1", "100001"},
                    Range{"server", "drain_timeout_s", "0", "600", "-0.1", "600.1"},
                    Range{"server", "publisher_idle_timeout_s", "0.1", "86400", "0.09", "86401"},
                    Range{"engine", "threads", "0", "256", "-1", "257"},
                    Range{"engine", "tick_ms", "1", "100", "0", "101"},
                    Range{"engine", "device", "0", "63", "-1", "64"},
                    Range{"stream", "ring_ms", "200", "60000", "199", "60001"},
                    Range{"stream", "audio_history_s", "0", "3600", "-1", "3600.5"},
                    Range{"stream", "local_audio_history_s", "0", "3600", "-1", "3600.5"},
                    Range{"stream", "history_s", "1", "3600", "0.5", "86400"},
                    Range{"stream", "max_streams", "1", "100000", "0", "100001"},
                    Range{"memory", "queued_bytes", "8388608", "1099511627776", "8388607", "1099511627777"},
                    Range{"memory", "audio_history_bytes", "0", "1099511627776", "-1", "9000000000000000"}),
    [](const testing::TestParamInfo<Range>& tested) { return std::string(tested.param.key); });

TEST(ConfigError, WordIsSuggested) {
  EXPECT_EQ(errors_of("[log]\nformat = \"jsn\"\n"),
            "m.toml:2:10: error: log.format = \"jsn\": expected one of \"human\", \"json\" (did you mean 'json'?)\n"
            "    format = \"jsn\"\n"
            "             ^\n");
}

TEST(ConfigError, PublicAddressNeedsAllowInsecureBind) {
  for (const char* address : {"0.0.0.0:50071", "[::]:50071", "192.168.1.4:1", "example.org:1"}) {
    const std::string line = "listen = [\"" + std::string(address) + "\"]\n";
    const std::string errors = errors_of("[server]\n" + line);
    EXPECT_EQ(errors.rfind("m.toml:2:11: error: server.listen: \"" + std::string(address) + "\" can be reached", 0), 0U)
        << errors;
    EXPECT_NE(errors.find("server.allow_insecure_bind = true"), std::string::npos) << errors;
    EXPECT_EQ(errors_of("[server]\nallow_insecure_bind = true\n" + line), "");
  }
  for (const char* address : {"127.0.0.1:50071", "127.8.9.10:0", "[::1]:65535", "localhost:1"}) {
    EXPECT_EQ(errors_of("[server]\nlisten = [\"" + std::string(address) + "\"]\n"), "");
  }
}

TEST(ConfigError, BadAddressSaysWhatIsExpected) {
  const std::array<std::array<const char*, 2>, 7> cases{{{"localhost", "no ':'"},
                                                         {"localhost:", "no port"},
                                                         {"localhost:65536", "no port"},
                                                         {"localhost:+1", "no port"},
                                                         {"::1:5", "an IPv6 address needs brackets"},
                                                         {"[localhost]:5", "no IPv6 address between the brackets"},
                                                         {":5", "no host"}}};
  for (const auto& [address, reason] : cases) {
    const std::string errors = errors_of("[server]\nlisten = [\"" + std::string(address) + "\"]\n");
    EXPECT_NE(errors.find("has " + std::string(reason)), std::string::npos) << address << ": " << errors;
  }
}

TEST(ConfigError, AddressThatIsThereTwice) {
  EXPECT_NE(errors_of("[server]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n").find("is there twice"),
            std::string::npos);
}

TEST(ConfigError, NobodyCouldConnect) {
  EXPECT_EQ(errors_of("[server]\nsocket = \"\"\nlisten = []\n"),
            "m.toml:3:10: error: server: neither a socket nor a listen address: nobody could connect\n"
            "    listen = []\n"
            "             ^\n");
}

TEST(ConfigError, SocketPathThatNoUnixSocketCanHave) {
  const std::string longest(107, 'x');
  EXPECT_EQ(errors_of("[server]\nsocket = \"" + longest + "\"\n"), "");
  EXPECT_EQ(errors_of("[server]\nsocket = \"" + longest + "x\"\n").rfind("m.toml:2:10: error: server.socket: ", 0), 0U);
  EXPECT_NE(errors_of("[server]\nsocket = \"a\\u0000b\"\n").find("zero byte"), std::string::npos);
}

TEST(ConfigError, EngineWords) {
  for (const char* good : {"backend = \"cuda\"", "wait = \"spin\"", "wait = \"sleep\""}) {
    EXPECT_EQ(errors_of("[engine]\n" + std::string(good) + "\n"), "");
  }
  EXPECT_EQ(
      errors_of("[engine]\nwait = \"spn\"\n")
          .rfind("m.toml:2:8: error: engine.wait = \"spn\": expected one of \"sleep\", \"spin\" (did you mean 'spin'?)",
                 0),
      0U);
  EXPECT_NE(errors_of("[engine]\nbackend = \"gpu\"\n").find("(did you mean 'cuda'?)"), std::string::npos);
}

TEST(ConfigError, TargetThatTheMachineLacks) {
  EXPECT_EQ(errors_of("[engine]\nsimd = \"avx3\"\n"),
            "m.toml:2:8: error: engine.simd = \"avx3\": expected \"auto\" or a target of this build that this machine "
            "can run: \"avx2\" \"sse4\"\n"
            "    simd = \"avx3\"\n"
            "           ^\n");
}

TEST(ConfigError, UnknownFrontEndInAlways) {
  const std::string errors = errors_of("[features]\nalways = [\"kaldi-80\", \"whisper-8\"]\n");
  EXPECT_EQ(errors.rfind("m.toml:2:23: error: features.always: unknown front end 'whisper-8' (did you mean "
                         "'whisper-80'?); known: ",
                         0),
            0U)
      << errors;
}

TEST(ConfigError, SectionThatIsNone) {
  EXPECT_EQ(errors_of("server = 3\n"),
            "m.toml:1:1: error: 'server' is a section: write [server] and its keys below\n"
            "    server = 3\n"
            "    ^\n");
  EXPECT_NE(errors_of("[[engine]]\ntick_ms = 5\n").find("'engine' is a section"), std::string::npos);
  EXPECT_NE(errors_of("[front_end]\nname = \"x\"\n").find("'front_end' is a list: write [[front_end]] above each"),
            std::string::npos);
  EXPECT_NE(errors_of("source = [1]\n").find("'source' is a list"), std::string::npos);
}

TEST(ConfigError, SourceNeedsATypeThatIsBuiltIn) {
  const std::string errors =
      errors_of("[[source]]\nid = \"desk\"\nuri = \"mike:default\"\nlabels = { room = \"3\" }\n");
  EXPECT_NE(errors.find("m.toml:3:7: error: source 'desk': no source type 'mike'; there are: "), std::string::npos)
      << errors;
}

TEST(ConfigError, SourceIsChecked) {
  const std::string errors = errors_of("[[source]]\nid = 4\nlabels = { a = 1 }\nx = []\n");
  EXPECT_NE(errors.find(":1:1: error: [[source]] has no 'uri'"), std::string::npos) << errors;
  EXPECT_NE(errors.find(":2:6: error: source.id = 4: expected text in quotes"), std::string::npos) << errors;
  EXPECT_NE(errors.find("source.labels.a = 1: expected text in quotes"), std::string::npos) << errors;
  EXPECT_NE(errors.find("source.x = []: expected a text, a number, true or false"), std::string::npos) << errors;
}

TEST(ConfigError, KeysOfASourceAreTheParametersOfItsKind) {
  const std::string errors = errors_of(
      "[[source]]\nid = \"a\"\nuri = \"file:x.wav\"\npasing = \"fast\"\n"
      "[[source]]\nid = \"b\"\nuri = \"file:x.wav\"\npacing = \"slow\"\n"
      "[[source]]\nid = \"c d\"\nuri = \"file:x.wav\"\n"
      "[[source]]\nid = \"e\"\nuri = \"file:x.wav\"\n[[source]]\nid = \"e\"\nuri = \"file:x.wav\"\n");
  EXPECT_NE(errors.find(":4:1: error: source 'a': unknown parameter 'pasing'"), std::string::npos) << errors;
  EXPECT_NE(errors.find(":8:1: error: source 'b': pacing=slow: must be live or fast"), std::string::npos) << errors;
  EXPECT_NE(errors.find(":10:6: error: source 'c d': the id of a source"), std::string::npos) << errors;
  EXPECT_NE(errors.find(":16:6: error: source 'e' is defined above"), std::string::npos) << errors;
}

TEST(ConfigError, SourcesThatOthersReachAreRefusedAsTheStartWould) {
  EXPECT_NE(errors_of("[[source]]\nid = \"a\"\nuri = \"tcp://0.0.0.0:7000\"\n")
                .find(":3:7: error: source 'a': 0.0.0.0:7000 can be reached from other machines"),
            std::string::npos);
  const std::string allowed =
      "[server]\nallow_insecure_bind = true\n[[source]]\nid = \"a\"\nuri = \"udp://[::]:7000\"\n";
  EXPECT_NE(errors_of(allowed).find("allow_from"), std::string::npos);
  EXPECT_EQ(errors_of(allowed + "allow_from = \"10.0.0.0/8\"\n"), "");
}

TEST(ConfigError, TwoSourcesCannotHaveOnePort) {
  const auto both = [](const std::string& one, const std::string& two) {
    return errors_of("[[source]]\nid = \"a\"\nuri = \"" + one + "\"\n[[source]]\nid = \"b\"\nuri = \"" + two + "\"\n");
  };
  EXPECT_NE(both("tcp://127.0.0.1:7000", "ws://127.0.0.1:7000/a")
                .find(":6:7: error: source 'b': source 'a' has that port already"),
            std::string::npos);
  EXPECT_NE(both("rtp://127.0.0.1:20000-20010", "udp://127.0.0.1:20004"), "");
  EXPECT_EQ(both("tcp://127.0.0.1:7000", "udp://127.0.0.1:7000"), "");
  EXPECT_EQ(both("tcp://127.0.0.1:7000", "tcp://127.0.0.1:7001"), "");
  EXPECT_EQ(both("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"), "");
}

TEST(ConfigError, CharacterOutsideOfQuotesHasItsPlace) {
  EXPECT_EQ(errors_of("[server]\nsocket = \u00e4\n"),
            "m.toml:2:10: error: a character beyond ASCII outside of quotes: put quotes around the text\n"
            "    socket = \u00e4\n"
            "             ^\n");
}

TEST(ConfigError, MalformedKeysAreReportedNotAsserted) {
  for (const char* text : {"= 1\n", "[server]\n. = 1\n", "[.]\n", "[server.]\nx = 1\n", "a. = 1\n"}) {
    EXPECT_EQ(outcome_of(text).exit_code, ExitCode::kConfig) << text;
    EXPECT_NE(errors_of(text).find(": error: "), std::string::npos) << text;
  }
}

TEST(ConfigError, BytesThatAreNoTextHaveTheirPlace) {
  EXPECT_EQ(errors_of("[server]\nsocket = \"\xff\xfe\"\n").rfind("m.toml:2:", 0), 0U);
  EXPECT_EQ(outcome_of(std::string("\0\0\0", 3)).exit_code, ExitCode::kConfig);
}

TEST(ConfigError, MetricsAreReadOnThisMachineOnlyUnlessThatIsWanted) {
  EXPECT_EQ(errors_of("[metrics]\nlisten = \"0.0.0.0:9464\"\n"),
            "m.toml:2:10: error: metrics.listen: \"0.0.0.0:9464\" can be read from other machines, without "
            "authentication: use 127.0.0.1 or [::1], or set server.allow_insecure_bind = true\n"
            "    listen = \"0.0.0.0:9464\"\n             ^\n");
  EXPECT_EQ(errors_of("[server]\nallow_insecure_bind = true\n[metrics]\nlisten = \"0.0.0.0:9464\"\n"), "");
  EXPECT_EQ(errors_of("[metrics]\nlisten = \"\"\n"), "");
  const std::string errors = errors_of("[metrics]\nlisten = \"nowhere\"\nrequired_sources = [\"hall\"]\n");
  EXPECT_NE(errors.find(
                "metrics.listen: \"nowhere\" has no ':': expected \"HOST:PORT\" or \"[IPv6]:PORT\", or \"\" for none"),
            std::string::npos)
      << errors;
  EXPECT_NE(errors.find("m.toml:3:21: error: metrics.required_sources: no [[source]] has the id \"hall\""),
            std::string::npos)
      << errors;
}

}  // namespace
}  // namespace melstream::daemon
