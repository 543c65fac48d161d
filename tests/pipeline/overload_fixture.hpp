// A machine that is too slow, on a clock that the test turns: an engine that takes its time, and streams whose audio
// keeps coming while it computes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {

/// Works as the engine that it wraps, one batch after the other, and each row takes ns_per_row on the test's clock.
class SlowEngine final : public engine::Engine {
 public:
  SlowEngine(std::unique_ptr<engine::Engine> engine, ManualClock& clock) : engine_(std::move(engine)), clock_(clock) {
    under_way_.reserve(16);
  }

  std::shared_ptr<const engine::Prepared> prepare(const std::shared_ptr<const engine::FrontEnd>& front_end,
                                                  engine::Smoothing smoothing) override {
    return engine_->prepare(front_end, smoothing);
  }
  engine::Ticket submit(const engine::Tick& tick) override {
    const engine::Ticket ticket = engine_->submit(tick);
    const auto n_rows = static_cast<std::int64_t>(tick.maxima.size());
    done_at_ns_ = std::max(done_at_ns_, clock_.mono_ns()) + n_rows * ns_per_row + std::exchange(stall_ns, 0);
    under_way_.emplace_back(ticket, done_at_ns_);
    most_under_way = std::max(most_under_way, under_way_.size());
    return ticket;
  }
  bool poll(engine::Ticket ticket, std::chrono::nanoseconds wait) override {
    if (under_way_.empty() || under_way_.front().first != ticket) throw std::logic_error("batches are out of order");
    clock_.advance_ns(std::max<std::int64_t>(0, under_way_.front().second - clock_.mono_ns()));
    under_way_.erase(under_way_.begin());
    on_time_passed();
    return engine_->poll(ticket, wait);
  }
  void register_host(std::span<std::byte> slab) override { engine_->register_host(slab); }

  std::int64_t ns_per_row = 0;
  std::int64_t stall_ns = 0;  ///< the next batch takes so much longer, once
  std::size_t most_under_way = 0;
  std::function<void()> on_time_passed = [] {};

 private:
  const std::unique_ptr<engine::Engine> engine_;
  ManualClock& clock_;
  std::int64_t done_at_ns_ = 0;
  std::vector<std::pair<engine::Ticket, std::int64_t>> under_way_;  ///< oldest first, with when each is done
};

/// A live stream of noise with a reader from frame 0.
struct LiveSource {
  std::string id;
  std::shared_ptr<pipeline::Stream> stream;
  std::vector<float> samples;  ///< all that it will ever say
  std::size_t n_written = 0;
  std::int64_t begin_ns = 0;
  bool speaks = true;
  std::unique_ptr<pipeline::Subscription> reader;
  Received received;
  std::vector<std::int64_t> holes_at_ns;  ///< when the reader heard of each hole
};

class OverloadTest : public PipelineTest {
 protected:
  static constexpr std::int64_t kMs = 1'000'000;
  static constexpr std::size_t kChunk = 160;  // 10 ms

  OverloadTest() { build_slow({}); }

  void build_slow(pipeline::RegistryOptions options,
                  const engine::Limits& limits = {.max_lanes = 16, .max_rows = 256}) {
    sources_.clear();
    loop_.reset();
    registry_.reset();
    engine_ = engine::cpu::make_engine({.simd = "auto", .n_threads = 1, .limits = limits});
    auto slow = std::make_unique<SlowEngine>(std::move(engine_.engine), clock_);
    slow_ = slow.get();
    slow_->on_time_passed = [this] { speak(); };
    engine_.engine = std::move(slow);
    registry_ = std::make_unique<pipeline::Registry>(std::move(options), arena_, clock_, *engine_.engine, catalog_);
    loop_ = std::make_unique<pipeline::TickLoop>(*registry_, *engine_.engine, pipeline::TickOptions{.limits = limits});
  }

  LiveSource& add_source(const std::string& id, std::size_t seconds = 60) {
    auto source = std::make_unique<LiveSource>();
    source->id = id;
    source->stream = open(id);
    source->samples = noise(16000 * seconds, static_cast<std::uint32_t>(sources_.size()) + 1);
    source->begin_ns = clock_.mono_ns();
    source->reader = subscribe(id, "whisper-80", {.start = {.kind = pipeline::StartAt::Kind::kFrame}});
    begin(*source->stream);
    sources_.push_back(std::move(source));
    return *sources_.back();
  }
  /// Named so that the order of ids is not that of opening.
  void add_sources(int n) {
    for (int i = 0; i < n; ++i) add_source("s" + std::to_string((7 * i) % 100));
  }
  LiveSource& source(std::size_t i) { return *sources_.at(i); }

  /// All audio that has come up to now, in chunks of 10 ms with the times at which they came.
  void speak() {
    for (const auto& source : sources_) {
      while (source->speaks && source->n_written + kChunk <= source->samples.size()) {
        const std::int64_t end_ns =
            source->begin_ns + core::samples_to_ns(static_cast<std::int64_t>(source->n_written + kChunk));
        if (end_ns > clock_.mono_ns()) break;
        ASSERT_GE(source->stream->feed().room(), kChunk) << source->id << " loses audio";
        source->stream->feed().write(std::span(source->samples).subspan(source->n_written, kChunk), end_ns);
        source->n_written += kChunk;
      }
    }
  }

  /// The tick thread's life for so long: a pass every 10 ms, or at once when there is more to do.
  void run_ms(std::int64_t ms) {
    const std::int64_t end_ns = clock_.mono_ns() + ms * kMs;
    while (clock_.mono_ns() < end_ns) {
      speak();
      const bool more = loop_->run_once();
      read();
      if (!more) clock_.advance_ns(10 * kMs - clock_.mono_ns() % (10 * kMs));
      changes_ += registry_->counters().streams_shed.load() != n_shed_ ? 1 : 0;
      n_shed_ = registry_->counters().streams_shed.load();
    }
  }
  void read() {
    for (const auto& source : sources_) {
      if (!source->reader) continue;
      drain(*source->reader, source->received);
      source->holes_at_ns.resize(source->received.holes.size(), clock_.mono_ns());
    }
  }

  void finish(LiveSource& source) {
    source.speaks = false;
    source.stream->feed().finish(core::EndReason::kCompleted);
  }
  void finish_all() {
    for (const auto& source : sources_) finish(*source);
    run_ms(2000);
  }

  static std::int64_t frames_lost(const LiveSource& source) {
    std::int64_t n_frames = 0;
    for (const Received::Note& note : source.received.holes) n_frames += note.hole.n_frames;
    return n_frames;
  }

  /// After the end: frames and gaps tile, all gaps are overload's, and the rows that came are those of the whole audio.
  void expect_exact(const LiveSource& source) {
    SCOPED_TRACE(source.id);
    const Received& received = source.received;
    received.expect_tiled();
    for (const Received::Note& note : received.holes) {
      EXPECT_EQ(note.hole.reason, core::GapReason::kEngineOverload);
      EXPECT_GT(note.hole.n_frames, 0);
      EXPECT_EQ(note.hole.lost_samples, 0);
    }
    const auto reference = offline("whisper-80", std::span(source.samples).first(source.n_written));
    EXPECT_EQ(received.ended->next_frame * 80, static_cast<std::int64_t>(reference.size()));
    for (std::size_t i = 0; i < received.frames.size(); ++i) {
      const auto row = std::span(received.values).subspan(i * 80, 80);
      const auto expected = std::span(reference).subspan(static_cast<std::size_t>(received.frames[i]) * 80, 80);
      ASSERT_TRUE(std::equal(row.begin(), row.end(), expected.begin())) << "frame " << received.frames[i];
    }
  }

  std::int64_t n_shed() { return registry_->counters().streams_shed.load(); }

  SlowEngine* slow_ = nullptr;
  std::vector<std::unique_ptr<LiveSource>> sources_;
  int changes_ = 0;  ///< passes after which another number of streams was shed than before
  std::int64_t n_shed_ = 0;
};

}  // namespace melstream::test
