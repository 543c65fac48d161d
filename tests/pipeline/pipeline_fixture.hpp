// A pipeline with the real CPU engine, turned by hand: publish samples, run ticks, read subscriptions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/subscription.hpp"
#include "melstream/pipeline/tick_loop.hpp"

#include "gtest/gtest.h"
#include "tests/support/manual_clock.hpp"

namespace melstream::test {

inline std::vector<float> noise(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> samples(n);
  for (float& sample : samples) sample = (static_cast<float>(random() % 65536) - 32768.0F) / 131072.0F;
  return samples;
}

/// What a reader received, in order.
struct Received {
  struct Note {
    pipeline::Hole hole;
    std::int64_t rows_before;  ///< rows received before it
  };
  std::optional<pipeline::Started> started;
  std::vector<float> values;
  std::vector<pipeline::RowInfo> infos;
  std::vector<core::FrameIndex> frames;
  std::vector<core::SampleIndex> first_samples;  ///< of blocks
  std::vector<std::int64_t> capture_wall_ns;     ///< of blocks
  std::vector<std::int32_t> block_sizes;
  std::vector<Note> holes;
  std::optional<pipeline::Ended> ended;

  void take(const pipeline::Delivery& delivery, const pipeline::RowBatch& rows) {
    if (const auto* start = std::get_if<pipeline::Started>(&delivery)) started = *start;
    if (std::holds_alternative<pipeline::RowsTaken>(delivery)) {
      values.insert(values.end(), rows.values.begin(), rows.values.end());
      infos.insert(infos.end(), rows.infos.begin(), rows.infos.end());
      for (std::int32_t i = 0; i < rows.n_frames; ++i) frames.push_back(rows.first_frame + i);
      first_samples.push_back(rows.first_sample);
      capture_wall_ns.push_back(rows.capture_wall_ns);
      block_sizes.push_back(rows.n_frames);
    }
    if (const auto* hole = std::get_if<pipeline::Hole>(&delivery)) {
      holes.push_back({*hole, static_cast<std::int64_t>(frames.size())});
    }
    if (const auto* end = std::get_if<pipeline::Ended>(&delivery)) ended = *end;
  }

  /// Invariant I4: frames and gaps tile [first, end) without overlap or hole. Call after the end.
  void expect_tiled() const {
    ASSERT_TRUE(started.has_value());
    ASSERT_TRUE(ended.has_value());
    core::FrameIndex next = started->first_frame;
    std::size_t hole = 0;
    for (std::size_t row = 0; row <= frames.size(); ++row) {
      for (; hole < holes.size() && holes[hole].rows_before == static_cast<std::int64_t>(row); ++hole) {
        EXPECT_EQ(holes[hole].hole.first_frame, next);
        next += holes[hole].hole.n_frames;
      }
      if (row < frames.size()) {
        EXPECT_EQ(frames[row], next);
        ++next;
      }
    }
    EXPECT_EQ(hole, holes.size());
    EXPECT_EQ(ended->next_frame, next);
  }
};

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() { build({}); }

  void build(pipeline::RegistryOptions options, const engine::Limits& limits = {.max_lanes = 64, .max_rows = 512},
             int n_threads = 1) {
    loop_.reset();
    registry_.reset();
    engine_ = engine::cpu::make_engine({.simd = "auto", .n_threads = n_threads, .limits = limits});
    registry_ = std::make_unique<pipeline::Registry>(std::move(options), arena_, clock_, *engine_.engine, catalog_);
    loop_ = std::make_unique<pipeline::TickLoop>(*registry_, *engine_.engine, pipeline::TickOptions{.limits = limits});
  }

  std::shared_ptr<pipeline::Stream> open(const std::string& id, pipeline::Pacing pacing = pipeline::Pacing::kLive) {
    return registry_->open({{.id = id, .pacing = pacing}}, false).front();
  }

  /// A segment starts at this timeline position.
  void begin(pipeline::Stream& stream, core::SampleIndex timeline_begin = 0,
             core::GapReason reason = core::GapReason::kNetLoss) {
    stream.feed().begin_segment({.timeline_begin = timeline_begin,
                                 .reason = reason,
                                 .capture_mono_ns = clock_.mono_ns(),
                                 .capture_wall_ns = clock_.wall_ns()});
  }

  void write(pipeline::Stream& stream, std::span<const float> samples) {
    ASSERT_GE(stream.feed().room(), samples.size());
    stream.feed().write(samples, clock_.mono_ns());
  }

  /// Writes in chunks, a tick after each.
  void publish(pipeline::Stream& stream, std::span<const float> samples, std::size_t chunk = 160) {
    while (!samples.empty()) {
      const std::size_t n = std::min(chunk, samples.size());
      write(stream, samples.first(n));
      samples = samples.subspan(n);
      tick();
    }
  }

  void end(pipeline::Stream& stream, core::EndReason reason = core::EndReason::kCompleted) {
    stream.feed().finish(reason);
    tick();
  }

  /// Passes until nothing is left to do.
  void tick() {
    clock_.advance_ms(10);
    while (loop_->run_once()) {
    }
  }

  std::unique_ptr<pipeline::Subscription> subscribe(const std::string& stream, const std::string& front_end,
                                                    pipeline::SubscriptionOptions options = {}) {
    options.stream = stream;
    options.front_end = catalog_.find(front_end);
    return std::make_unique<pipeline::Subscription>(*registry_, options);
  }

  /// Reads all that is there now.
  void drain(pipeline::Subscription& subscription, Received& received) {
    pipeline::RowBatch batch;
    for (;;) {
      const pipeline::Delivery delivery = subscription.next(clock_.mono_ns(), batch);
      if (std::holds_alternative<std::monostate>(delivery)) return;
      received.take(delivery, batch);
    }
  }

  /// All rows of a whole segment at once: what streaming must equal, bit for bit.
  std::vector<float> offline(const std::string& front_end, std::span<const float> samples,
                             engine::Smoothing smoothing = engine::Smoothing::kNone) {
    const auto definition = catalog_.find(front_end);
    auto reference =
        engine::cpu::make_engine({.simd = "auto", .n_threads = 1, .limits = {.max_lanes = 1, .max_rows = 8192}});
    const auto prepared = reference.engine->prepare(definition, smoothing);
    const auto n = static_cast<std::int64_t>(samples.size());
    const std::int64_t n_rows = engine::row_count(definition->rows(smoothing), n);
    std::vector<float> rows(static_cast<std::size_t>(n_rows * definition->n_bins(smoothing)));
    std::vector<float> maxima(static_cast<std::size_t>(n_rows));
    if (n_rows == 0) return rows;
    const engine::Lane lane{.prepared = prepared.get(),
                            .first_row = 0,
                            .n_rows = static_cast<std::int32_t>(n_rows),
                            .segment_samples = n,
                            .samples_begin = 0,
                            .samples = {samples, std::span<const float>{}}};
    const auto ticket = reference.engine->submit({.lanes = {&lane, 1}, .rows = rows, .maxima = maxima});
    while (!reference.engine->poll(ticket, std::chrono::milliseconds(10))) {
    }
    return rows;
  }

  ManualClock clock_;
  core::HostArena arena_{{.max_bytes = std::size_t{96} << 20, .lock = false}};
  engine::FrontEndCatalog catalog_;
  engine::EngineInstance engine_;
  std::unique_ptr<pipeline::Registry> registry_;
  std::unique_ptr<pipeline::TickLoop> loop_;
};

}  // namespace melstream::test
