// Which engine is taken, why, and what is shown once it is lost. The plugins are those of tests/engine/plugins.
#include "daemon/engine_choice.hpp"

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::daemon {
namespace {

/// What follows each refusal.
const std::string kRemedy = "; with \"auto\" the CPU would compute";

/// Sets variables of the environment, and unsets them in the end.
class EngineChoice : public testing::Test {
 public:
  ~EngineChoice() override {
    for (const char* name : {"MELSTREAM_CUDA_PLUGIN", "MELSTREAM_LOSE_ENGINE_AFTER_TICKS"}) unsetenv(name);
  }

 protected:
  static std::string plugin(const std::string& name) {
    return MELSTREAM_TEST_PLUGINS "/libmelstream_test_" + name + ".so";
  }
  static void use_plugin(const std::string& path) { setenv("MELSTREAM_CUDA_PLUGIN", path.c_str(), 1); }

  ChosenEngine choose(const std::string& backend, std::int64_t device = 0) {
    EngineConfig config;
    config.backend = backend;
    config.device = device;
    config.threads = 2;
    return choose_engine(config, {catalog_, clock_, engine::Limits{}, [this] { ++n_losses_; }});
  }
  /// The message of the error; empty if there is an engine.
  std::string refusal(const std::string& backend, std::int64_t device = 0) {
    try {
      static_cast<void>(choose(backend, device));
    } catch (const core::Error& error) {
      EXPECT_EQ(error.code(), core::ErrorCode::kUnavailable);
      return error.what();
    }
    return "";
  }

  const engine::FrontEndCatalog catalog_;
  const core::SystemClock clock_{};
  int n_losses_ = 0;
};

TEST_F(EngineChoice, CpuLooksForNoPlugin) {
  use_plugin(plugin("good"));
  const ChosenEngine chosen = choose("cpu");
  EXPECT_EQ(chosen.status().info.backend, "cpu");
  EXPECT_EQ(chosen.status().info.n_threads, 2);
  EXPECT_EQ(chosen.reason(), "engine.backend");
  EXPECT_FALSE(chosen.plugin_fault());
}

TEST_F(EngineChoice, AutoTakesAPluginThatWorks) {
  use_plugin(plugin("good"));
  for (const char* backend : {"auto", "cuda"}) {
    const ChosenEngine chosen = choose(backend);
    EXPECT_EQ(short_name(chosen.status().info), "cuda/emulated");
    EXPECT_NE(chosen.reason().find(plugin("good")), std::string::npos) << chosen.reason();
    EXPECT_EQ(chosen.status().loss, std::nullopt);
  }
}

TEST_F(EngineChoice, WithoutADriverTheCpuIsAsItShouldBe) {
  use_plugin(plugin("no_driver"));
  const ChosenEngine chosen = choose("auto");
  EXPECT_EQ(chosen.status().info.backend, "cpu");
  EXPECT_EQ(chosen.reason(), "no NVIDIA driver: libcuda.so.1 is not there");
  EXPECT_FALSE(chosen.plugin_fault());
  EXPECT_EQ(refusal("cuda"), "engine.backend = \"cuda\": no NVIDIA driver: libcuda.so.1 is not there" + kRemedy);
}

TEST_F(EngineChoice, FaultyPluginIsWorthAWarning) {
  for (const std::string& path : {plugin("other_abi"), plugin("other_build"), plugin("no_entry"),
                                  plugin("needs_absent"), std::string("/no/such.so"), std::string("/dev/null")}) {
    use_plugin(path);
    const ChosenEngine chosen = choose("auto");
    EXPECT_EQ(chosen.status().info.backend, "cpu");
    EXPECT_TRUE(chosen.plugin_fault()) << path;
    EXPECT_NE(chosen.reason().find(path), std::string::npos) << chosen.reason();
    EXPECT_EQ(refusal("cuda"), "engine.backend = \"cuda\": " + chosen.reason() + kRemedy);
  }
}

TEST_F(EngineChoice, DeviceThatIsNotThere) {
  use_plugin(plugin("good"));
  EXPECT_EQ(refusal("cuda", 5),
            "engine.backend = \"cuda\": no such CUDA device: engine.device = 5, but there is only device 0" + kRemedy);
  EXPECT_EQ(choose("auto", 5).status().info.backend, "cpu");
}

TEST_F(EngineChoice, LostEngineIsShownWithTheOneThatTookOver) {
  use_plugin(plugin("good"));
  setenv("MELSTREAM_LOSE_ENGINE_AFTER_TICKS", "1", 1);
  const ChosenEngine chosen = choose("auto");
  const auto prepared = chosen.engine().prepare(catalog_.find("whisper-80"), engine::Smoothing::kNone);
  const std::vector<float> audio = test::made_up_audio(1600, 1);
  static_cast<void>(test::run_tick(chosen.engine(), {test::whole_lane(*prepared, audio)}));
  EXPECT_EQ(n_losses_, 0);
  static_cast<void>(test::run_tick(chosen.engine(), {test::whole_lane(*prepared, audio)}));
  EXPECT_EQ(n_losses_, 1);
  EXPECT_EQ(chosen.status().info.backend, "cpu");
  EXPECT_EQ(chosen.status().info.n_threads, 2);
  EXPECT_EQ(chosen.status().loss, "lost on purpose after 1 ticks");
}

}  // namespace
}  // namespace melstream::daemon
