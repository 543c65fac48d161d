// Calls of the clip engine: streams, what is copied and allocated, what is refused, how a device is lost.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/engine/cuda/clip_fixture.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

using core::ErrorCode;
using engine::ClipBatch;
using engine::Normalization;

ClipBatch batch_of(const char* front_end, Normalization normalization = Normalization::kNone) {
  ClipBatch batch;
  batch.front_end = engine::FrontEndCatalog().find(front_end);
  batch.normalization = normalization;
  return batch;
}

std::vector<std::vector<float>> clips_of(std::size_t n_clips, std::size_t n_samples, std::uint32_t seed) {
  std::vector<std::vector<float>> clips;
  for (std::size_t i = 0; i < n_clips; ++i) clips.push_back(made_up_audio(n_samples + 7 * i, seed++));
  return clips;
}

/// Streams of the caller's: any addresses.
void* stream(std::size_t number) {
  static std::array<char, 8> streams;
  return &streams.at(number);
}

TEST(ClipCalls, NothingIsDoneBeforeTheStreamRuns) {
  ClipBench bench;
  OwnedClips owned(batch_of("whisper-80"), clips_of(3, 2'000, 1));
  bench.engine().extract_async(owned.batch(), stream(1));
  EXPECT_FALSE(bench.engine().is_done());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(owned.rows(i).values.front(), OwnedClips::kUnwritten);
  bench.device().run(1);
  EXPECT_TRUE(bench.engine().is_done());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(owned.rows(i).values.back(), OwnedClips::kUnwritten);
}

TEST(ClipCalls, OnDifferentStreamsDoNotDisturbEachOther) {
  Reference reference;
  for (unsigned seed = 0; seed < 20; ++seed) {
    ClipBench bench;
    std::vector<std::unique_ptr<OwnedClips>> calls;
    std::vector<std::vector<std::vector<float>>> clips;
    for (std::size_t i = 0; i < 6; ++i) {
      clips.push_back(clips_of(1 + i % 3, 700 + 900 * (i % 4), static_cast<std::uint32_t>(10 * i)));
      const ClipBatch batch = i % 2 == 0 ? batch_of("whisper-80", Normalization::kWhisperWindow)
                                         : batch_of("nemo-80", Normalization::kPerFeatureWindow);
      calls.push_back(std::make_unique<OwnedClips>(batch, clips.back()));
      bench.engine().extract_async(calls.back()->batch(), stream(i % 4));
    }
    bench.device().run(seed);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      for (std::size_t k = 0; k < clips[i].size(); ++k) {
        ASSERT_TRUE(calls[i]->rows(k) == reference.rows(calls[i]->batch(), clips[i][k]))
            << "call " << i << ", clip " << k << ", order " << seed;
      }
    }
  }
}

TEST(ClipCalls, SecondOneOfASizeCopiesAndAllocatesNothing) {
  for (const auto normalization : {Normalization::kNone, Normalization::kRunningMax, Normalization::kFixedMax,
                                   Normalization::kWhisperWindow, Normalization::kPerFeatureWindow}) {
    for (const char* name : {"whisper-80", "mfcc-13", "paraformer-560"}) {
      ClipBench bench;
      OwnedClips first(batch_of(name, normalization), clips_of(100, 1'000, 1), Layout::kTime, 5);
      OwnedClips second(batch_of(name, normalization), clips_of(100, 1'000, 500), Layout::kTime, 5);
      bench.engine().extract_async(first.batch(), stream(1));
      const ClipMachine before = bench.machine;
      bench.engine().extract_async(second.batch(), stream(2));
      EXPECT_EQ(bench.machine.n_copies, before.n_copies) << name;
      EXPECT_EQ(bench.machine.n_allocations, before.n_allocations) << name;
      EXPECT_EQ(bench.machine.n_plans, before.n_plans) << name;
      EXPECT_GT(bench.machine.n_launches, before.n_launches) << name;
      EXPECT_EQ(bench.engine().counters().n_launches % 2, 0U) << "both calls enqueued the same";
      bench.device().run(1);
    }
  }
}

TEST(ClipCalls, APreparedFrontEndNeedsOnlyMemoryAtTheFirstCall) {
  ClipBench bench;
  const ClipBatch batch = batch_of("kaldi-80");
  bench.engine().prepare(batch.front_end, batch.smoothing);
  const ClipMachine before = bench.machine;
  OwnedClips owned(batch, clips_of(3, 2'000, 1));
  bench.engine().extract_async(owned.batch(), stream(1));
  EXPECT_EQ(bench.machine.n_copies, before.n_copies);
  EXPECT_EQ(bench.machine.n_plans, before.n_plans);
  bench.device().run(1);
}

TEST(ClipCalls, LaunchesOfAnOrdinaryCall) {
  ClipBench bench;
  OwnedClips owned(batch_of("whisper-80", Normalization::kWhisperWindow), clips_of(1, 9'000, 1));
  bench.engine().extract_async(owned.batch(), stream(1));
  const engine::cuda::ClipCounters& counters = bench.engine().counters();
  EXPECT_EQ(counters.n_calls, 1U);
  EXPECT_EQ(counters.n_clips, 1U);
  EXPECT_EQ(counters.n_rows, 56U);
  EXPECT_EQ(counters.n_tiles, 1U);
  EXPECT_EQ(counters.n_frames, 56U);
  EXPECT_EQ(counters.n_launches, 6U) << "describe, gather, transform, rows, maxima, finish";
  OwnedClips plain(batch_of("whisper-80"), clips_of(1, 9'000, 1));
  bench.engine().extract_async(plain.batch(), stream(1));
  EXPECT_EQ(counters.n_launches, 6U + 4U) << "rows are final as they are written";
  bench.device().run(1);
}

TEST(ClipCalls, EmptyOnesEnqueueNothing) {
  ClipBench bench;
  OwnedClips nothing(batch_of("whisper-80"), {});
  OwnedClips too_short(batch_of("wenet-80"), {{}, std::vector<float>(399)});
  bench.engine().prepare(nothing.batch().front_end, engine::Smoothing::kNone);
  bench.engine().prepare(too_short.batch().front_end, engine::Smoothing::kNone);
  const std::int64_t before = bench.machine.n_launches;
  bench.engine().extract_async(nothing.batch(), nullptr);
  bench.engine().extract_async(too_short.batch(), nullptr);
  EXPECT_EQ(bench.machine.n_launches, before);
}

TEST(ClipCalls, TablesOfFrontEndsInUseAreKept) {
  // More than are kept, all under way before the first is computed.
  constexpr std::size_t kFrontEnds = 150;
  Reference reference;
  ClipBench bench;
  const engine::FrontEndCatalog catalog;
  const auto clips = clips_of(1, 3'000, 4);
  std::vector<std::unique_ptr<OwnedClips>> calls;
  for (std::size_t i = 0; i < kFrontEnds; ++i) {
    ClipBatch batch;
    batch.front_end = catalog.with_cmvn(
        "paraformer-560", {std::vector<float>(560, static_cast<float>(i)), std::vector<float>(560, 0.5F)});
    calls.push_back(std::make_unique<OwnedClips>(batch, clips));
    bench.engine().extract_async(calls.back()->batch(), stream(i % 3));
  }
  bench.device().run(7);
  for (const auto& call : calls) ASSERT_TRUE(call->rows(0) == reference.rows(call->batch(), clips[0]));
  // Once they are done, memory is used again.
  const std::int64_t before = bench.machine.n_allocations;
  for (std::size_t i = 0; i < kFrontEnds; ++i) {
    ClipBatch batch;
    batch.front_end = catalog.with_cmvn(
        "paraformer-560", {std::vector<float>(560, -1.0F - static_cast<float>(i)), std::vector<float>(560, 0.5F)});
    OwnedClips call(batch, clips);
    bench.engine().extract_async(call.batch(), nullptr);
    bench.device().run(1);
    ASSERT_TRUE(call.rows(0) == reference.rows(batch, clips[0]));
  }
  EXPECT_LE(bench.machine.n_allocations - before, 1);
}

TEST(ClipCalls, FromManyThreadsTakeTurns) {
  Reference reference;
  ClipBench bench;
  bench.machine.is_done_at_once = true;
  const std::vector<std::vector<float>> clips = clips_of(5, 1'500, 3);
  const ClipBatch batch = batch_of("whisper-80", Normalization::kWhisperWindow);
  std::vector<std::unique_ptr<OwnedClips>> calls;
  for (int i = 0; i < 24; ++i) calls.push_back(std::make_unique<OwnedClips>(batch, clips));
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      for (std::size_t i = k; i < calls.size(); i += 4) bench.engine().extract_async(calls[i]->batch(), stream(k));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& call : calls) {
    for (std::size_t i = 0; i < clips.size(); ++i) EXPECT_TRUE(call->rows(i) == reference.rows(batch, clips[i]));
  }
}

/// What a spoilt call is refused with; nothing may be enqueued.
struct Refusal {
  const char* field;
  ErrorCode code;
  std::function<void(OwnedClips&)> spoil;
};

TEST(ClipCalls, WhatIsWrongIsToldBeforeAnythingIsEnqueued) {
  ClipBench bench;
  const auto invalid = ErrorCode::kInvalidArgument;
  const std::vector<Refusal> refusals = {
      {"front_end", invalid, [](OwnedClips& c) { c.batch().front_end = nullptr; }},
      {"outputs", invalid, [](OwnedClips& c) { c.batch().outputs = c.batch().outputs.first(2); }},
      {"pad_to_samples", invalid, [](OwnedClips& c) { c.batch().pad_to_samples = -1; }},
      {"clips[2].n_samples", invalid, [](OwnedClips& c) { c.clips()[2].n_samples = -5; }},
      {"clips[1].samples", invalid, [](OwnedClips& c) { c.clips()[1].samples = nullptr; }},
      {"clips[1].samples", invalid,
       [](OwnedClips& c) { c.clips()[1].samples = static_cast<const char*>(c.clips()[1].samples) + 2; }},
      {"outputs[0].values", invalid, [](OwnedClips& c) { c.outputs()[0].values = nullptr; }},
      {"outputs[0].values", invalid,
       [](OwnedClips& c) {
         c.outputs()[0].values = reinterpret_cast<float*>(reinterpret_cast<char*>(c.outputs()[0].values) + 1);
       }},
      {"outputs[2].n_rows", invalid, [](OwnedClips& c) { c.outputs()[2].n_rows = -1; }},
      {"outputs[2].n_rows", ErrorCode::kOutOfRange, [](OwnedClips& c) { --c.outputs()[2].n_rows; }},
  };
  for (const Refusal& refusal : refusals) {
    OwnedClips owned(batch_of("whisper-80"), clips_of(3, 2'000, 1));
    refusal.spoil(owned);
    const std::int64_t before = bench.machine.n_launches;
    try {
      bench.engine().extract_async(owned.batch(), nullptr);
      ADD_FAILURE() << refusal.field << " was taken";
    } catch (const core::Error& error) {
      EXPECT_EQ(error.field(), refusal.field) << error.what();
      EXPECT_EQ(error.code(), refusal.code) << error.what();
    }
    // The first of all prepares the front end.
    if (&refusal != &refusals[1]) {
      EXPECT_EQ(bench.machine.n_launches, before) << refusal.field;
    }
  }
  OwnedClips good(batch_of("whisper-80"), clips_of(3, 2'000, 1));
  bench.engine().extract_async(good.batch(), nullptr);
  bench.device().run(1);
  EXPECT_NE(good.rows(2).values.back(), OwnedClips::kUnwritten) << "the engine is as good as before";
}

TEST(ClipCalls, SmoothingThatAFrontEndDoesNotAllow) {
  ClipBench bench;
  ClipBatch batch = batch_of("mfcc-13");
  batch.smoothing = engine::Smoothing::kBox3x3;
  try {
    bench.engine().extract_async(batch, nullptr);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.field(), "smoothing");
  }
}

TEST(ClipCalls, MemoryThatTheDeviceCannotUseIsTold) {
  ClipBench bench;
  bench.machine.why_unusable = "lies in memory of the host";
  OwnedClips owned(batch_of("whisper-80"), {{}, std::vector<float>(2'000)});
  try {
    bench.engine().extract_async(owned.batch(), nullptr);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "clips[1].samples");
    EXPECT_EQ(std::string(error.what()),
              "clips[1].samples lies in memory of the host; give samples and outputs in memory of the engine's GPU");
  }
}

TEST(ClipCalls, StreamThatIsCapturedIsRefusedBeforeMemoryIsTaken) {
  ClipBench bench;
  bench.machine.why_unusable_stream = "is captured into a graph";
  OwnedClips owned(batch_of("whisper-80"), clips_of(1, 2'000, 1));
  const std::int64_t before = bench.machine.n_operations;
  try {
    bench.engine().extract_async(owned.batch(), stream(1));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.field(), "cuda_stream");
  }
  EXPECT_EQ(bench.machine.n_operations, before);
}

TEST(ClipCalls, TooLittleMemoryIsNotTheEndOfTheEngine) {
  ClipBench bench;
  OwnedClips small(batch_of("whisper-80", Normalization::kRunningMax), clips_of(1, 2'000, 1));
  OwnedClips large(batch_of("whisper-80", Normalization::kRunningMax), clips_of(40, 90'000, 1));
  bench.engine().extract_async(small.batch(), nullptr);
  bench.device().run(1);
  const Matrix expected = small.rows(0);
  bench.machine.memory_bytes = bench.machine.device_bytes;
  try {
    bench.engine().extract_async(large.batch(), nullptr);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << error.what();
  }
  OwnedClips again(batch_of("whisper-80", Normalization::kRunningMax), clips_of(1, 2'000, 1));
  bench.engine().extract_async(again.batch(), nullptr);
  bench.device().run(1);
  EXPECT_TRUE(again.rows(0) == expected);
}

TEST(ClipCalls, ADeviceThatFailsIsLostForGood) {
  OwnedClips owned(batch_of("whisper-80", Normalization::kWhisperWindow), clips_of(3, 2'000, 1));
  std::int64_t n_failed = 0;
  for (std::int64_t after = 0;; ++after) {
    ClipBench bench;
    bench.machine.fail_after_operations = after;
    try {
      bench.engine().extract_async(owned.batch(), nullptr);
      break;
    } catch (const core::EngineError&) {
      ++n_failed;
    }
    bench.machine.fail_after_operations = -1;
    EXPECT_THROW(bench.engine().extract_async(owned.batch(), nullptr), core::EngineError) << after;
    EXPECT_THROW(bench.engine().is_done(), core::EngineError) << after;
  }
  EXPECT_GT(n_failed, 20) << "tables, plans, probe, memory, kernels";
}

TEST(ClipCalls, AnEngineThatGoesAwayFinishesWhatItWasGiven) {
  Reference reference;
  const auto clips = clips_of(2, 3'000, 1);
  OwnedClips owned(batch_of("whisper-80"), clips);
  {
    ClipBench bench;
    bench.engine().extract_async(owned.batch(), stream(1));
  }
  for (std::size_t i = 0; i < 2; ++i) EXPECT_TRUE(owned.rows(i) == reference.rows(owned.batch(), clips[i]));
}

}  // namespace
}  // namespace melstream::test
