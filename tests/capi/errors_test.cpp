// What the C ABI refuses: a code, a line that says what was given and what is taken, the field; and structs of other
// sizes.
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/capi/c_engine.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

#if !defined(__SANITIZE_THREAD__)  // which does not follow into a child with threads
/// Whether `check` says so in a forked child, within a minute.
template <typename Check>
bool holds_in_a_child(const Check& check) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(check() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}
#endif

/// A call with one good clip, of which each test breaks one thing.
struct GoodCall {
  CEngine engine = make_c_engine();
  CFrontEnd front_end = front_end_by_name("whisper-80");
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  std::vector<float> samples = made_up_audio(16000, 1);
  std::vector<float> values = std::vector<float>(100 * 80);
  melstream_clip clip{samples.data(), 16000};
  melstream_output output{values.data(), 100, 80, 1};

  melstream_status run() { return melstream_extract(engine.get(), front_end.get(), &options, 1, &clip, &output); }
  /// Expects the call to fail so, and the next good one to pass.
  void expect(melstream_status status, const std::string& words, const std::string& field) {
    const CError error = error_of(run());
    EXPECT_EQ(error.status, status) << error.message;
    EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
    EXPECT_EQ(error.field, field);
    GoodCall good;
    EXPECT_EQ(good.run(), MELSTREAM_OK);
  }
};

TEST(CErrors, ANullIsNamed) {
  GoodCall call;
  EXPECT_EQ(melstream_extract(nullptr, call.front_end.get(), nullptr, 1, &call.clip, &call.output),
            MELSTREAM_INVALID_ARGUMENT);
  EXPECT_STREQ(melstream_error_field(), "engine");
  EXPECT_EQ(melstream_extract(call.engine.get(), nullptr, nullptr, 1, &call.clip, &call.output),
            MELSTREAM_INVALID_ARGUMENT);
  EXPECT_STREQ(melstream_error_field(), "front_end");
  EXPECT_EQ(melstream_extract(call.engine.get(), call.front_end.get(), nullptr, 1, nullptr, &call.output),
            MELSTREAM_INVALID_ARGUMENT);
  EXPECT_STREQ(melstream_error_field(), "clips");
  EXPECT_EQ(melstream_engine_create(nullptr, nullptr), MELSTREAM_INVALID_ARGUMENT);
  EXPECT_EQ(melstream_stream_push(nullptr, nullptr, 0), MELSTREAM_INVALID_ARGUMENT);
  EXPECT_EQ(melstream_front_end_by_name(nullptr, nullptr), MELSTREAM_INVALID_ARGUMENT);
  EXPECT_EQ(melstream_stream_ready(nullptr), 0);
  EXPECT_EQ(melstream_front_end_bins(nullptr, 0), 0);
  melstream_engine_free(nullptr);
  melstream_front_end_free(nullptr);
  melstream_stream_free(nullptr);
}

TEST(CErrors, AnUnknownFrontEndNamesTheNearest) {
  melstream_front_end* front_end = nullptr;
  const CError error = error_of(melstream_front_end_by_name("wisper-80", &front_end));
  EXPECT_EQ(error.status, MELSTREAM_NOT_FOUND);
  EXPECT_NE(error.message.find("did you mean 'whisper-80'"), std::string::npos) << error.message;
  EXPECT_EQ(front_end, nullptr);
}

TEST(CErrors, ABadSpecNamesItsKey) {
  const auto error_of_spec = [](const char* spec) {
    melstream_front_end* front_end = nullptr;
    CError error = error_of(melstream_front_end_by_spec(nullptr, spec, &front_end));
    EXPECT_EQ(front_end, nullptr);
    EXPECT_EQ(error.status, MELSTREAM_INVALID_ARGUMENT) << spec;
    return error;
  };
  EXPECT_EQ(error_of_spec("n_mels=0").field, "n_mels");
  EXPECT_EQ(error_of_spec("n_mel=80").field, "n_mel");
  EXPECT_NE(error_of_spec("n_mel=80").message.find("n_mels"), std::string::npos);
  EXPECT_EQ(error_of_spec("sample_rate_hz=8000").field, "sample_rate_hz");
  EXPECT_EQ(error_of_spec("whisper").field, "spec");
  EXPECT_NE(error_of_spec("n_mels=80\nn_mels=81").message.find("once"), std::string::npos);
  EXPECT_EQ(error_of_spec("\n# nothing\n").field, "spec");
  EXPECT_NE(error_of_spec("n_mels=80\nsha256 00ff").message.find("the hash of its lines"), std::string::npos);
  EXPECT_NE(error_of_spec("sha256 00ff\nn_mels=80\nsha256 00ff").message.find("one sha256 line"), std::string::npos);
}

TEST(CErrors, ASpecReadsBackWithItsHash) {
  for (std::size_t i = 0; i < melstream_front_end_count(); ++i) {
    const CFrontEnd known = front_end_by_name(melstream_front_end_name_at(i));
    melstream_front_end* handle = nullptr;
    const std::string spec = std::string("# a comment\n\n") + melstream_front_end_spec(known.get()) + "sha256 " +
                             melstream_front_end_sha256(known.get()) + "\n";
    ASSERT_EQ(melstream_front_end_by_spec("mine", spec.c_str(), &handle), MELSTREAM_OK) << melstream_error_message();
    const CFrontEnd read_back(handle);
    EXPECT_STREQ(melstream_front_end_sha256(handle), melstream_front_end_sha256(known.get()));
    EXPECT_STREQ(melstream_front_end_name(handle), "mine");
  }
}

TEST(CErrors, RowsOfClipsThatNobodyHas) {
  for (std::size_t i = 0; i < melstream_front_end_count(); ++i) {
    const CFrontEnd front_end = front_end_by_name(melstream_front_end_name_at(i));
    for (const std::int64_t n : {std::int64_t{-1}, INT64_MIN, INT64_MAX, (std::int64_t{1} << 40) + 1}) {
      EXPECT_EQ(melstream_front_end_rows(front_end.get(), 0, n), 0);
    }
    EXPECT_GT(melstream_front_end_rows(front_end.get(), 0, std::int64_t{1} << 40), 0);
  }
}

TEST(CErrors, ThePluginIsLookedForBesideTheLibraryAlone) {
  unsetenv("MELSTREAM_CUDA_PLUGIN");
  melstream_engine* engine = nullptr;
  melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
  options.backend = "cuda";
  ASSERT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_UNAVAILABLE);
  const std::string message = melstream_error_message();
  const std::string folder = std::filesystem::path(MELSTREAM_ENGINE_LIBRARY).parent_path();
  EXPECT_NE(message.find("tried " + folder + "/libmelstream_cuda.so, " + folder + "/melstream/libmelstream_cuda.so)"),
            std::string::npos)
      << message;
}

TEST(CErrors, EnginesThatThereAreNot) {
  melstream_engine* engine = nullptr;
  melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
  options.backend = "gpu";
  EXPECT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_INVALID_ARGUMENT);
  EXPECT_STREQ(melstream_error_field(), "backend");
  options.backend = "cpu";
  options.simd = "mmx";
  EXPECT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_INVALID_ARGUMENT);
  EXPECT_STREQ(melstream_error_field(), "simd");
  options.simd = nullptr;
  options.n_threads = 257;
  EXPECT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_INVALID_ARGUMENT);
  EXPECT_STREQ(melstream_error_field(), "n_threads");
  EXPECT_EQ(engine, nullptr);
}

TEST(CErrors, CudaWithoutAPluginIsUnavailableAndAutoTakesTheCpu) {
  ASSERT_EQ(setenv("MELSTREAM_CUDA_PLUGIN", "/nowhere/libmelstream_cuda.so", 1), 0);
  melstream_engine* engine = nullptr;
  melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
  options.backend = "cuda";
  EXPECT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_UNAVAILABLE);
  EXPECT_NE(std::string(melstream_error_message()).find("/nowhere"), std::string::npos);
  options.backend = "auto";
  ASSERT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_OK);
  EXPECT_STREQ(melstream_engine_backend(engine), "cpu");
  melstream_engine_free(engine);
  unsetenv("MELSTREAM_CUDA_PLUGIN");
}

TEST(CErrors, BadClips) {
  const auto broken = [](const auto& how, const std::string& words, const std::string& field) {
    GoodCall call;
    how(call);
    call.expect(MELSTREAM_INVALID_ARGUMENT, words, field);
  };
  broken([](GoodCall& c) { c.clip.samples = nullptr; }, "is null, with 16000 samples", "clips[0].samples");
  broken([](GoodCall& c) { c.clip.n_samples = -1; }, "-1 is not in", "clips[0].n_samples");
  broken(
      [](GoodCall& c) {
        c.clip.samples = reinterpret_cast<const char*>(c.samples.data()) + 1;
        c.clip.n_samples = 500;
      },
      "not aligned", "clips[0].samples");
  broken([](GoodCall& c) { c.samples[15999] = NAN; }, "sample 15999 is NaN", "clips[0].samples");
  broken([](GoodCall& c) { c.samples[0] = INFINITY; }, "sample 0 is infinite", "clips[0].samples");
  broken(
      [](GoodCall& c) {
        c.samples.assign(100, NAN);
        c.clip = {c.samples.data(), 100};
      },
      "sample 0 is NaN",
      "clips[0].samples");  // too short for a row
  broken([](GoodCall& c) { c.output.values = nullptr; }, "is null", "outputs[0].values");
  broken([](GoodCall& c) { c.output.row_stride = 79; }, "over each other", "outputs[0]");
  broken([](GoodCall& c) { c.output.row_stride = -80; }, "must be above 0", "outputs[0]");
  broken([](GoodCall& c) { c.output.bin_stride = 0; }, "must be above 0", "outputs[0]");
}

TEST(CErrors, BadOptions) {
  const auto broken = [](const auto& how, const std::string& words, const std::string& field) {
    GoodCall call;
    how(call);
    call.expect(MELSTREAM_INVALID_ARGUMENT, words, field);
  };
  broken([](GoodCall& c) { c.options.smoothing = 3; }, "3 is none of", "smoothing");
  broken([](GoodCall& c) { c.options.normalization = -1; }, "-1 is none of", "normalization");
  broken([](GoodCall& c) { c.options.sample_type = 9; }, "9 is none of", "sample_type");
  broken([](GoodCall& c) { c.options.pad_to_samples = -5; }, "-5 is not in", "pad_to_samples");
  broken([](GoodCall& c) { c.options.memory = MELSTREAM_CUDA; }, "", "memory");
  broken(
      [](GoodCall& c) {
        c.options.normalization = MELSTREAM_NORMALIZATION_FIXED_MAX;
        c.options.fixed_max = NAN;
      },
      "finite", "fixed_max");
  broken(
      [](GoodCall& c) {
        c.front_end = front_end_by_name("paraformer-560");
        c.options.smoothing = 1;
      },
      "takes none", "smoothing");
  broken(
      [](GoodCall& c) {
        c.front_end = front_end_by_name("kaldi-80");
        c.options.normalization = 3;
      },
      "takes none or per_feature_window", "normalization");
}

TEST(CErrors, AnOutputThatIsTooSmallSaysHowLargeItMustBe) {
  GoodCall call;
  call.output.n_rows = 99;
  call.expect(MELSTREAM_OUT_OF_RANGE, "room for 99 rows, the clip of 16000 samples has 100", "outputs[0].n_rows");
}

TEST(CErrors, StructsOfOtherVersions) {
  GoodCall call;
  // Memory that nobody has set, and structs that end within a field.
  for (const std::uint32_t size : {0U, 4U, 10U, 12U, 20U, 44U, 1U << 20, UINT32_MAX}) {
    call.options.struct_size = size;
    call.expect(MELSTREAM_INVALID_ARGUMENT, "struct_size is " + std::to_string(size), "options");
  }
  for (const std::uint32_t size : {12U, 20U}) {  // half a pointer
    melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
    options.backend = options.simd = "auto";
    options.struct_size = size;
    melstream_engine* engine = nullptr;
    EXPECT_EQ(melstream_engine_create(&options, &engine), MELSTREAM_INVALID_ARGUMENT);
  }
  // A newer one: more fields, fine as long as they are not used.
  struct Newer {
    melstream_clip_options known;
    std::int64_t unknown;
  } newer{MELSTREAM_CLIP_OPTIONS_INIT, 0};
  newer.known.struct_size = sizeof newer;
  GoodCall good;
  EXPECT_EQ(melstream_extract(good.engine.get(), good.front_end.get(), &newer.known, 1, &good.clip, &good.output),
            MELSTREAM_OK);
  newer.unknown = 1;
  EXPECT_EQ(melstream_extract(good.engine.get(), good.front_end.get(), &newer.known, 1, &good.clip, &good.output),
            MELSTREAM_INVALID_ARGUMENT);
  EXPECT_NE(std::string(melstream_error_message()).find("does not know"), std::string::npos);
}

TEST(CErrors, StridesThatReachBeyondMemory) {
  for (const auto& [n_rows, row_stride, bin_stride] :
       {std::array<std::int64_t, 3>{100, INT64_MAX, 1}, {INT64_MAX, 80, 1}, {100, 1, INT64_MAX / 8}}) {
    GoodCall call;
    call.output.n_rows = n_rows;
    call.output.row_stride = row_stride;
    call.output.bin_stride = bin_stride;
    call.expect(MELSTREAM_INVALID_ARGUMENT, "beyond any memory", "outputs[0]");
  }
}

TEST(CErrors, PointersOfStreams) {
  const CEngine engine = make_c_engine();
  const melstream_stream_options options = MELSTREAM_STREAM_OPTIONS_INIT;
  const CStream stream = make_c_stream(*engine, *front_end_by_name("whisper-80"), options);
  EXPECT_EQ(error_of(melstream_stream_push(stream.get(), nullptr, 5)).field, "samples");
  EXPECT_EQ(error_of(melstream_stream_push(stream.get(), nullptr, -5)).field, "n_samples");
  std::vector<float> rows(81);
  std::int64_t n_rows = 0;
  auto* const odd = reinterpret_cast<float*>(reinterpret_cast<char*>(rows.data()) + 1);
  EXPECT_EQ(error_of(melstream_stream_pull(stream.get(), odd, 1, &n_rows)).field, "rows");
}

TEST(CErrors, MoreClipsThanThereCanBe) {
  GoodCall call;
  const CError error =
      error_of(melstream_extract(call.engine.get(), call.front_end.get(), nullptr, SIZE_MAX, &call.clip, &call.output));
  EXPECT_EQ(error.status, MELSTREAM_INVALID_ARGUMENT);
  EXPECT_EQ(error.field, "n_clips");
}

TEST(CErrors, AMessageIsCutBetweenCharacters) {
  std::string name(3000, 'x');
  for (std::size_t i = 1; i + 1 < name.size(); i += 2) name.replace(i, 2, "\xC3\xBC");
  melstream_front_end* front_end = nullptr;
  const CError error = error_of(melstream_front_end_by_spec(name.c_str(), "n_mels=0", &front_end));
  EXPECT_LT(error.message.size(), 1024U);
  EXPECT_NE(error.message.back(), '\xC3');
}

TEST(CErrors, AMessageIsOneLineOfUtf8) {
  const auto message = [](const std::string& name) {
    melstream_front_end* front_end = nullptr;
    return error_of(melstream_front_end_by_name(name.c_str(), &front_end)).message;
  };
  EXPECT_NE(message("a\nb\x7F").find("'a?b?'"), std::string::npos);
  EXPECT_NE(message("\xC3\xBC \xE2\x82\xAC \xF0\x9F\x8E\xA4").find("'\xC3\xBC \xE2\x82\xAC \xF0\x9F\x8E\xA4'"),
            std::string::npos);
  // A byte alone, an overlong form, half of a pair, beyond Unicode.
  EXPECT_NE(message("\x80 \xC0\x80 \xED\xA0\x80 \xF4\x90\x80\x80").find("? ?? ??? ????"), std::string::npos);
  std::string longer = "a";
  for (int i = 0; i < 60; ++i) longer += "\xC3\xBC";  // of which 64 bytes are shown
  EXPECT_NE(message(longer).find("\xC3\xBC?'"), std::string::npos);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // which need more address space than that
TEST(CErrors, ThreadsThatCannotBeStarted) {
  EXPECT_TRUE(holds_in_a_child([] {
    const rlimit limit{std::size_t{1} << 30, std::size_t{1} << 30};
    setrlimit(RLIMIT_AS, &limit);
    melstream_engine_options options = MELSTREAM_ENGINE_OPTIONS_INIT;
    options.n_threads = 256;
    melstream_engine* engine = nullptr;
    // With small stacks there is room for all of them.
    const melstream_status status = melstream_engine_create(&options, &engine);
    return status == MELSTREAM_OUT_OF_MEMORY || status == MELSTREAM_OK;
  }));
}
#endif

TEST(CErrors, StreamsTakeNoNormalizationOfAWholeClip) {
  const CEngine engine = make_c_engine();
  melstream_stream_options options = MELSTREAM_STREAM_OPTIONS_INIT;
  options.normalization = MELSTREAM_NORMALIZATION_WHISPER_WINDOW;
  melstream_stream* stream = nullptr;
  EXPECT_EQ(melstream_stream_create(engine.get(), front_end_by_name("whisper-80").get(), &options, &stream),
            MELSTREAM_INVALID_ARGUMENT);
  EXPECT_EQ(stream, nullptr);
  EXPECT_NE(std::string(melstream_error_message()).find("running_max"), std::string::npos);
}

#if !defined(__SANITIZE_THREAD__)
TEST(CErrors, AChildProcessUsesItsParentsEngine) {
  const CEngine engine = make_c_engine(2);
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  const auto clip = made_up_audio(16000, 2);
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  const auto expected = extract(*engine, *front_end, options, {clip});
  EXPECT_TRUE(holds_in_a_child([&] { return extract(*engine, *front_end, options, {clip}) == expected; }));
}

TEST(CErrors, AChildOfAProcessWhoseThreadsComputeCanCall) {
  const CEngine engine = make_c_engine(2);
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  const auto clip = made_up_audio(400, 2);
  melstream_clip_options options = MELSTREAM_CLIP_OPTIONS_INIT;
  const auto expected = extract(*engine, *front_end, options, {clip});
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop) static_cast<void>(extract(*engine, *front_end, options, {clip}));
  });
  bool held = true;
  for (int i = 0; i < 200 && held; ++i) {
    held = holds_in_a_child([&] { return extract(*engine, *front_end, options, {clip}) == expected; });
    EXPECT_TRUE(held) << "fork " << i;
  }
  stop = true;
  other.join();
}
#endif

}  // namespace
}  // namespace melstream::test
