#include "melstream/pipeline/tick_loop.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "melstream/pipeline/stream_framer.hpp"
#include "melstream/pipeline/tick_batch.hpp"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

std::int64_t shed_after(const TickOptions& options, const Registry& registry) {
  const std::int64_t ring_ns = core::samples_to_ns(static_cast<std::int64_t>(registry.options().ring_samples));
  return std::min(options.shed_after_ns, 2 * ring_ns / 5);
}

}  // namespace

TickLoop::TickLoop(Registry& registry, engine::Engine& engine, const TickOptions& options)
    : registry_(registry),
      engine_(engine),
      options_(options),
      batches_{std::make_unique<TickBatch>(options.limits), std::make_unique<TickBatch>(options.limits)},
      filling_(batches_[0].get()),
      under_way_(batches_[1].get()),
      load_control_(shed_after(options, registry)) {}

TickLoop::~TickLoop() = default;

void TickLoop::sync_streams() {
  if (!registry_.live_streams(generation_, streams_)) return;
  const auto by_opening = [](const auto& a, const auto& b) { return a->opened_order() < b->opened_order(); };
  std::sort(streams_.begin(), streams_.end(), by_opening);
  // Both are in order of opening: one walk finds every stream that had a framer before.
  std::vector<std::unique_ptr<StreamFramer>> framers;
  framers.reserve(streams_.size());
  auto known = framers_.begin();
  for (const std::shared_ptr<Stream>& stream : streams_) {
    while (known != framers_.end() && (*known)->stream().opened_order() < stream->opened_order()) ++known;
    const bool is_known = known != framers_.end() && &(*known)->stream() == stream.get();
    framers.push_back(is_known ? std::move(*known++) : std::make_unique<StreamFramer>(stream, registry_.counters()));
  }
  framers_ = std::move(framers);
  loads_.reserve(framers_.size());
}

bool TickLoop::run_once() {
  const std::int64_t begin_ns = registry_.clock().mono_ns();
  pass_ = {.begin_ns = begin_ns};
  sync_streams();
  constexpr std::size_t kAhead = 3;
  for (std::size_t i = 0; i < framers_.size(); ++i) {
    if (i + kAhead < framers_.size()) framers_[i + kAhead]->prefetch();
    framers_[i]->take_in(begin_ns);
  }
  control_load();
  pass_.compute_ns = pass_.now_ns = registry_.clock().mono_ns();
  add_live_lanes();
  add_spare_lanes();
  turn();
  turn();
  const bool more = end_streams();
  registry_.counters().ticks.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t busy_ns = pass_.now_ns - pass_.compute_ns;
  count_pass(busy_ns);
  const std::int64_t other_ns = registry_.clock().mono_ns() - begin_ns - busy_ns;
  registry_.counters().tick_busy_ns.fetch_add(busy_ns + other_ns, std::memory_order_relaxed);
  if (pass_.n_frames > 0) registry_.counters().engine_busy_ns.fetch_add(busy_ns, std::memory_order_relaxed);
  if (pass_.n_frames > 0) load_control_.add_pass(pass_.n_frames, busy_ns, other_ns);
  return more;
}

void TickLoop::count_pass(std::int64_t busy_ns) {
  if (pass_.n_rows == 0) return;
  Counters& counters = registry_.counters();
  // Of a lost engine, what is computed until the main thread has noticed counts as its own.
  const auto engine = static_cast<std::size_t>(counters.engine.load(std::memory_order_relaxed));
  counters.frames_computed.fetch_add(pass_.n_rows, std::memory_order_relaxed);
  counters.frames_computed_by[engine].fetch_add(pass_.n_rows, std::memory_order_relaxed);
  counters.engine_busy_ns_by[engine].fetch_add(busy_ns, std::memory_order_relaxed);
}

void TickLoop::control_load() {
  loads_.clear();
  for (const auto& framer : framers_) {
    if (!framer->is_live()) continue;
    const auto since_ns = framer->waiting_since_mono_ns();
    loads_.push_back({.opened = framer->stream().opened_order(),
                      .frames_per_s = framer->frames_per_s(),
                      .waiting_ns = since_ns ? pass_.begin_ns - *since_ns : 0});
  }
  load_control_.decide(loads_, pass_.begin_ns);
  std::int64_t n_streams = 0;
  std::int64_t n_rows = 0;
  for (const auto& framer : framers_) {
    if (!framer->is_live()) continue;
    const bool is_shed = load_control_.sheds(framer->stream().opened_order());
    n_rows += is_shed ? framer->shed() : framer->resume();
    n_streams += is_shed ? 1 : 0;
    pass_.n_lanes += is_shed ? 0 : framer->n_live_front_ends();
  }
  registry_.counters().streams_shed.store(n_streams, std::memory_order_relaxed);
  registry_.counters().frames_shed.fetch_add(n_rows, std::memory_order_relaxed);
}

/// After a stall all streams go on together, each by its share of a pass: one after the other, the last ones' rings
/// would overflow while the first ones have theirs emptied.
void TickLoop::add_live_lanes() {
  const std::int64_t most = frames_in(kLongestPassNs);
  const std::int64_t most_of_lane = std::max<std::int64_t>(1, most / std::max<std::int64_t>(1, pass_.n_lanes));
  const std::size_t first = next_live_;
  for (std::size_t i = 0; i < framers_.size(); ++i) {
    const std::size_t at = (first + i) % framers_.size();
    next_live_ = at;
    if (n_frames() >= most || pass_.now_ns - pass_.compute_ns >= kLongestPassNs) return;
    if (framers_[at]->is_shed()) continue;
    while (!framers_[at]->add_lanes(*filling_, Share::kLive, most_of_lane)) turn();
  }
}

/// Rows that can wait get what live audio leaves of a period, and nothing while live audio is late. At least a row: a
/// stream that is held back must go on, however slow the engine is.
void TickLoop::add_spare_lanes() {
  if (2 * load_control_.longest_wait_ns() > shed_after(options_, registry_)) return;
  const std::int64_t end = std::max(frames_in(options_.period_ns), n_frames() + 1);
  const std::size_t first = next_spare_;
  for (std::size_t i = 0; i < framers_.size(); ++i) {
    const std::size_t at = (first + i) % framers_.size();
    next_spare_ = at;
    if (n_frames() >= end) return;
    if (framers_[at]->is_shed()) continue;
    while (!framers_[at]->add_lanes(*filling_, Share::kSpare, end - n_frames())) turn();
  }
}

std::int64_t TickLoop::n_frames() const noexcept { return pass_.n_frames + filling_->n_frames(); }

std::int64_t TickLoop::frames_in(std::int64_t ns) const noexcept {
  const double ns_per_frame = load_control_.ns_per_frame();
  if (ns_per_frame <= 0.0) return kAll;
  const double n = static_cast<double>(ns) / ns_per_frame;
  return n < 1e15 ? std::max<std::int64_t>(1, static_cast<std::int64_t>(n)) : kAll;
}

void TickLoop::turn() {
  pass_.n_frames += filling_->n_frames();
  Counters& counters = registry_.counters();
  if (!filling_->empty()) {
    counters.batch_frames.observe(filling_->n_frames());
    filling_->start(engine_, registry_.clock().mono_ns(), counters.latency);
  }
  pass_.n_rows += under_way_->finish(engine_, registry_.clock(), counters.latency);
  std::swap(filling_, under_way_);
  pass_.now_ns = registry_.clock().mono_ns();
}

bool TickLoop::end_streams() {
  bool more = false;
  for (const auto& framer : framers_) {
    more = framer->release() || more;
    if (const auto reason = framer->finished()) {
      const Stream& stream = framer->stream();
      if (stream.is_audio_kept(pass_.begin_ns) && registry_.may_linger(stream)) continue;
      if (framer->stream().finish(*reason, framer->histories_version(), registry_.clock().mono_ns())) {
        registry_.stream_ended(framer->stream());
      } else {
        more = true;  // a front end was asked for in this very pass
      }
    } else {
      framer->drop_stuck_blockers(pass_.begin_ns);
    }
  }
  return more;
}

}  // namespace melstream::pipeline
