// Finding and loading plugins: real shared libraries, each with one fault (tests/engine/plugins).
#include "melstream/engine/plugin_loader.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/build_id.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::engine {
namespace {

namespace fs = std::filesystem;
using Why = PluginUnavailable::Why;

fs::path plugin(const std::string& name) {
  return fs::path(MELSTREAM_TEST_PLUGINS) / ("libmelstream_test_" + name + ".so");
}

/// What is wrong with the plugin that these places lead to; every message is one line.
struct Refusal {
  Why why{};
  std::string message;
  bool says(const std::string& part) const { return message.find(part) != std::string::npos; }
};

Refusal refusal_of(const std::vector<fs::path>& places, const PluginOptions& options = {}) {
  try {
    static_cast<void>(Plugin(places).make_engine(options));
  } catch (const PluginUnavailable& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(error.code(), core::ErrorCode::kUnavailable);
    return {error.why(), message};
  }
  ADD_FAILURE() << "it was taken";
  return {};
}

TEST(PluginPlaces, ChosenOneIsTheOnlyOne) {
  EXPECT_EQ(cuda_plugin_places("/opt/x.so", "/usr/bin/melstreamd"), std::vector<fs::path>{"/opt/x.so"});
  EXPECT_EQ(cuda_plugin_places("x.so", "/usr/bin/melstreamd"), std::vector<fs::path>{fs::current_path() / "x.so"})
      << "a name without a slash must not be searched for by the loader";
}

TEST(PluginPlaces, BesideTheProgramThenInTheLibraryFolders) {
  for (const char* unset : {static_cast<const char*>(nullptr), ""}) {
    const std::vector<fs::path> places = cuda_plugin_places(unset, "/opt/m/bin/melstreamd");
    ASSERT_GE(places.size(), 3U);
    EXPECT_EQ(places[0], "/opt/m/bin/libmelstream_cuda.so");
    EXPECT_EQ(places[1], "/opt/m/lib/melstream/libmelstream_cuda.so");
    EXPECT_EQ(places.back(), fs::path(MELSTREAM_TEST_FULL_LIBDIR) / "melstream" / "libmelstream_cuda.so");
    for (const fs::path& place : places) EXPECT_EQ(std::count(places.begin(), places.end(), place), 1) << place;
  }
}

TEST(PluginPlaces, OfThisProcessAreBesideIt) {
  ASSERT_EQ(std::getenv(kCudaPluginVariable), nullptr) << "unset it to run the tests";
  EXPECT_EQ(cuda_plugin_places().front(), fs::read_symlink("/proc/self/exe").parent_path() / kCudaPluginFile);
}

TEST(PluginPlaces, FirstThatIsThereIsFound) {
  EXPECT_EQ(find_plugin({"/no/such.so", plugin("good"), plugin("no_entry")}), plugin("good"));
  EXPECT_EQ(find_plugin({"/no/such.so"}), std::nullopt);
  EXPECT_EQ(find_plugin({}), std::nullopt);
}

TEST(Plugin, GoodOneComputes) {
  const Plugin good({"/no/such.so", plugin("good")});
  EXPECT_EQ(good.path(), plugin("good"));
  EngineInstance instance = good.make_engine({});
  EXPECT_EQ(instance.info.backend, "cuda");
  const FrontEndCatalog catalog;
  const auto prepared = instance.engine->prepare(catalog.find("whisper-80"), Smoothing::kNone);
  const std::vector<float> audio = test::made_up_audio(4000, 1);
  const auto rows = test::run_tick(*instance.engine, {test::whole_lane(*prepared, audio)});
  EXPECT_EQ(rows[0].maxima.size(), 25U);
  EXPECT_LT(rows[0].maxima[0], 10.0F);
}

TEST(Plugin, ExceptionsCrossTheBorder) {
  const EngineInstance instance = Plugin({plugin("good")}).make_engine({});
  const FrontEndCatalog catalog;
  try {
    static_cast<void>(instance.engine->prepare(catalog.find("mfcc-13"), Smoothing::kBox3x3));
    FAIL() << "it allows no smoothing";
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "smoothing");
  }
}

/// A real plugin whose device is memory of the host; work is done when a call returns.
TEST(Plugin, ClipEngineComputes) {
  const ClipEngineInstance instance = Plugin({fs::path(MELSTREAM_TEST_EMULATED_PLUGIN)}).make_clip_engine({});
  EXPECT_EQ(instance.info.backend, "cuda");
  const FrontEndCatalog catalog;
  const std::vector<float> audio = test::made_up_audio(4000, 1);
  std::vector<float> rows(std::size_t{25} * 80);
  const DeviceClip clip{audio.data(), 4000};
  const DeviceOutput output{rows.data(), 25, 80, 1};
  ClipBatch batch;
  batch.front_end = catalog.find("whisper-80");
  batch.clips = {&clip, 1};
  batch.outputs = {&output, 1};
  instance.engine->extract_async(batch, nullptr);
  const EngineInstance of_ticks = Plugin({fs::path(MELSTREAM_TEST_EMULATED_PLUGIN)}).make_engine({});
  EXPECT_EQ(of_ticks.info.target, instance.info.target);
  const auto prepared = of_ticks.engine->prepare(batch.front_end, Smoothing::kNone);
  EXPECT_EQ(rows, test::run_tick(*of_ticks.engine, {test::whole_lane(*prepared, audio)})[0].rows);
}

TEST(Plugin, ClipEngineOfADeviceThatIsNotThere) {
  try {
    static_cast<void>(Plugin({fs::path(MELSTREAM_TEST_EMULATED_PLUGIN)}).make_clip_engine({3, {}}));
    FAIL() << "there is no device 3";
  } catch (const PluginUnavailable& error) {
    EXPECT_EQ(std::string(error.what()), "no such CUDA device: there is no device 3; devices are 0..0");
  }
}

TEST(Plugin, OneThatTakesNoClipsIsToldApart) {
  try {
    static_cast<void>(Plugin({plugin("good")}).make_clip_engine({}));
    FAIL() << "it makes none";
  } catch (const PluginUnavailable& error) {
    EXPECT_EQ(error.why(), Why::kEngineFailed);
    EXPECT_NE(std::string(error.what()).find("takes no clips in device memory"), std::string::npos) << error.what();
  }
}

TEST(Plugin, MissingOneNamesThePlaces) {
  const Refusal refusal = refusal_of({"/no/such.so", "/nor/this.so"});
  EXPECT_EQ(refusal.why, Why::kMissing);
  EXPECT_EQ(refusal.message, "no CUDA plugin found (tried /no/such.so, /nor/this.so)");
}

TEST(Plugin, OneWithoutItsLibrariesNamesThem) {
  const Refusal refusal = refusal_of({plugin("needs_absent")});
  EXPECT_EQ(refusal.why, Why::kCannotLoad);
  EXPECT_TRUE(refusal.says("libmelstream_test_absent.so: cannot open shared object file")) << refusal.message;
  EXPECT_TRUE(refusal.says(plugin("needs_absent").string())) << refusal.message;
}

TEST(Plugin, GarbageIsNotLoaded) {
  std::array<char, 32> folder{"/tmp/melstream-test-XXXXXX"};
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const fs::path garbage = fs::path(folder.data()) / "garbage.so";
  for (const std::string& content :
       {std::string(), std::string("ELF\n"), std::string(10'000, 'x'), "\177ELF\2\1\1" + std::string(200, '\0')}) {
    std::ofstream(garbage, std::ios::binary | std::ios::trunc) << content;
    const Refusal refusal = refusal_of({garbage});
    EXPECT_EQ(refusal.why, Why::kCannotLoad) << refusal.message;
    EXPECT_TRUE(refusal.says(garbage.string())) << refusal.message;
  }
  for (const fs::path& no_file : {fs::path(folder.data()), fs::path("/dev/null")}) {
    const Refusal refusal = refusal_of({no_file});
    EXPECT_EQ(refusal.why, Why::kCannotLoad);
    EXPECT_TRUE(refusal.says("is not a file")) << refusal.message;
  }
  std::error_code ignored;
  fs::remove_all(folder.data(), ignored);
}

TEST(Plugin, LibraryWithoutEntryIsNone) {
  const Refusal refusal = refusal_of({plugin("no_entry")});
  EXPECT_EQ(refusal.why, Why::kNotAPlugin);
  EXPECT_TRUE(refusal.says("no entry melstream_engine_plugin")) << refusal.message;
}

TEST(Plugin, OtherAbiIsRefusedBeforeAnythingElse) {
  const Refusal refusal = refusal_of({plugin("other_abi")});
  EXPECT_EQ(refusal.why, Why::kOtherAbi);
  EXPECT_TRUE(refusal.says("ABI version 999, this program 2; install")) << refusal.message;
}

TEST(Plugin, OtherBuildIsRefusedWithBothIds) {
  const Refusal refusal = refusal_of({plugin("other_build"), plugin("good")});
  EXPECT_EQ(refusal.why, Why::kOtherBuild);
  EXPECT_TRUE(refusal.says("'0.0.1 of another'")) << refusal.message;
  EXPECT_TRUE(refusal.says(std::string("'") + build_id() + "'")) << refusal.message;
  EXPECT_TRUE(refusal.says("; install program and plugin of one build")) << refusal.message;
}

TEST(Plugin, MachineWithoutDriverIsToldApart) {
  const Refusal refusal = refusal_of({plugin("no_driver")});
  EXPECT_EQ(refusal.why, Why::kNoDriver);
  EXPECT_EQ(refusal.message, "no NVIDIA driver: libcuda.so.1 is not there");
}

TEST(Plugin, DeviceThatIsNotThere) {
  PluginOptions options;
  options.device = 5;
  const Refusal refusal = refusal_of({plugin("good")}, options);
  EXPECT_EQ(refusal.why, Why::kEngineFailed);
  EXPECT_EQ(refusal.message, "no such CUDA device: engine.device = 5, but there is only device 0");
}

TEST(BuildId, HoldsVersionAndCommit) {
  const std::string id = build_id();
  EXPECT_EQ(id.rfind(std::string(version()) + " " + commit() + " ", 0), 0U) << id;
}

}  // namespace
}  // namespace melstream::engine
