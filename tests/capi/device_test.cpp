// The C ABI with the CUDA plugin, on a device that is made of host memory (tests/engine/cuda): clips on the host, and
// clips in the device's memory.
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/capi/c_engine.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

class CDevice : public testing::Test {
 protected:
  void SetUp() override {
    setenv("MELSTREAM_CUDA_PLUGIN", MELSTREAM_EMULATED_PLUGIN, 1);
    melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
    options.backend = "cuda";
    melstream_engine* handle = nullptr;
    ASSERT_EQ(melstream_engine_create(&options, &handle), MELSTREAM_OK) << melstream_error_message();
    engine_.reset(handle);
  }
  void TearDown() override { unsetenv("MELSTREAM_CUDA_PLUGIN"); }

  CEngine engine_;
  const std::vector<std::vector<float>> clips_{made_up_audio(16000, 1), made_up_audio(100, 2), made_up_audio(23456, 3)};
};

/// Equal but for rounding: another FFT than the CPU's.
void expect_near(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  EXPECT_LT(largest, 2e-3) << what;
}

TEST_F(CDevice, IsACudaEngine) {
  EXPECT_STREQ(melstream_engine_backend(engine_.get()), "cuda");
  EXPECT_STRNE(melstream_engine_target(engine_.get()), "");
}

TEST_F(CDevice, ClipsOnTheHostAndInItsMemoryHaveTheSameBits) {
  const CEngine cpu = make_c_engine();
  for (const char* name : {"whisper-80", "kaldi-80", "paraformer-560", "nemo-80"}) {
    const CFrontEnd front_end = front_end_by_name(name);
    melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
    const auto on_host = extract(*engine_, *front_end, options, clips_);
    const auto on_cpu = extract(*cpu, *front_end, options, clips_);
    options.memory = MELSTREAM_CUDA;
    EXPECT_EQ(extract(*engine_, *front_end, options, clips_), on_host) << name;
    for (std::size_t i = 0; i < clips_.size(); ++i) expect_near(on_host[i], on_cpu[i], name);
  }
}

TEST_F(CDevice, WhisperMelMajorWithPadding) {
  const CEngine cpu = make_c_engine();
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  options.normalization = MELSTREAM_NORMALIZATION_WHISPER_WINDOW;
  options.pad_to_samples = 32000;
  const auto run = [&](melstream_engine* engine) {
    std::vector<float> values(80 * 200);
    const melstream_clip clip{clips_[2].data(), static_cast<std::int64_t>(clips_[2].size())};
    const melstream_output output{values.data(), 200, 1, 200};
    EXPECT_EQ(melstream_extract(engine, front_end.get(), &options, 1, &clip, &output), MELSTREAM_OK)
        << melstream_error_message();
    return values;
  };
  const auto on_cpu = run(cpu.get());
  expect_near(run(engine_.get()), on_cpu, "mel-major, from the host and back");
  options.memory = MELSTREAM_CUDA;
  expect_near(run(engine_.get()), on_cpu, "mel-major");
}

TEST_F(CDevice, Streams) {
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  const melstream_stream_options options = MELSTREAM_STREAM_OPTIONS_INIT;
  const CStream stream = make_c_stream(*engine_, *front_end, options);
  ASSERT_EQ(melstream_stream_push(stream.get(), clips_[0].data(), 16000), MELSTREAM_OK);
  ASSERT_EQ(melstream_stream_flush(stream.get()), MELSTREAM_OK);
  std::vector<float> rows(100 * 80);
  std::int64_t n_rows = 0;
  ASSERT_EQ(melstream_stream_pull(stream.get(), rows.data(), 100, &n_rows), MELSTREAM_OK);
  EXPECT_EQ(n_rows, 100);
  EXPECT_EQ(rows, extract(*engine_, *front_end, MELSTREAM_CLIP_OPTIONS_INIT, {clips_[0]}).front());
}

TEST_F(CDevice, AClipThatIsBadIsNamed) {
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  options.memory = MELSTREAM_CUDA;
  std::vector<float> values(80 * 100);
  const melstream_clip clips[] = {{clips_[0].data(), 16000}, {nullptr, 5}};
  const melstream_output outputs[] = {{values.data(), 100, 80, 1}, {nullptr, 0, 80, 1}};
  const CError error = error_of(melstream_extract(engine_.get(), front_end.get(), &options, 2, clips, outputs));
  EXPECT_EQ(error.status, MELSTREAM_INVALID_ARGUMENT);
  EXPECT_EQ(error.field, "clips[1].samples");
}

TEST(CDeviceLess, TheCpuTakesNoMemoryOfAGpu) {
  const CEngine engine = make_c_engine();
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  options.memory = MELSTREAM_CUDA;
  const melstream_clip clip{};
  const melstream_output output{};
  const CError error =
      error_of(melstream_extract(engine.get(), front_end_by_name("whisper-80").get(), &options, 1, &clip, &output));
  EXPECT_EQ(error.status, MELSTREAM_INVALID_ARGUMENT);
  EXPECT_NE(error.message.find("backend cuda"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace melstream::test
