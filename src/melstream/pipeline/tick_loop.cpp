#include "melstream/pipeline/tick_loop.hpp"

#include <algorithm>
#include <utility>

#include "melstream/pipeline/stream_framer.hpp"
#include "melstream/pipeline/tick_batch.hpp"

namespace melstream::pipeline {

TickLoop::TickLoop(Registry& registry, engine::Engine& engine, const TickOptions& options)
    : registry_(registry), engine_(engine), batch_(std::make_unique<TickBatch>(options.limits)) {}

TickLoop::~TickLoop() = default;

void TickLoop::sync_streams() {
  if (!registry_.live_streams(generation_, streams_)) return;
  std::vector<std::unique_ptr<StreamFramer>> framers;
  for (const std::shared_ptr<Stream>& stream : streams_) {
    const auto known = std::find_if(framers_.begin(), framers_.end(), [&](const std::unique_ptr<StreamFramer>& framer) {
      return framer && &framer->stream() == stream.get();
    });
    framers.push_back(known != framers_.end() ? std::move(*known) : std::make_unique<StreamFramer>(stream));
  }
  framers_ = std::move(framers);
}

bool TickLoop::run_once() {
  sync_streams();
  for (const auto& framer : framers_) framer->take_in();
  std::int64_t n_rows = 0;
  for (const auto& framer : framers_) {
    while (!framer->add_lanes(*batch_)) n_rows += batch_->run(engine_);
  }
  n_rows += batch_->run(engine_);
  bool more = false;
  for (const auto& framer : framers_) {
    more = framer->release() || more;
    if (const auto reason = framer->finished()) {
      if (framer->stream().finish(*reason, framer->histories_version(), registry_.clock().mono_ns())) {
        registry_.stream_ended(framer->stream());
      } else {
        more = true;  // a front end was asked for in this very pass
      }
    }
  }
  registry_.counters().ticks.fetch_add(1, std::memory_order_relaxed);
  registry_.counters().frames_computed.fetch_add(n_rows, std::memory_order_relaxed);
  return more;
}

}  // namespace melstream::pipeline
