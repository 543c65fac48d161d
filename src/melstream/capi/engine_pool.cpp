#include "melstream/capi/engine_pool.hpp"

#include <utility>

#include <unistd.h>

#include "melstream/capi/backend.hpp"
#include "melstream/capi/status.hpp"
#include "melstream/core/error.hpp"

namespace melstream::capi {

EnginePool::EnginePool(Options options) : options_(std::move(options)), process_(getpid()) {
  idle_.push_back(make_worker());
  info_ = idle_.front()->info();
}

EnginePool::~EnginePool() {
  if (process_ != getpid()) leave_parents_workers();
}

std::unique_ptr<Worker> EnginePool::make_worker() {
  return std::make_unique<Worker>(
      make_backend(options_.backend, options_.simd, options_.n_threads, options_.cuda_device));
}

/// A child that was forked has the memory of its parent's engines, but not their threads, and cannot end them.
void EnginePool::leave_parents_workers() {
  for (std::unique_ptr<Worker>& worker : idle_) static_cast<void>(worker.release());
  idle_.clear();
  process_ = getpid();
}

/// CUDA does not follow into a child.
void EnginePool::check_process() const {
  if (process_ == getpid() || info_.backend != "cuda") return;
  throw core::Error(
      core::ErrorCode::kFailedPrecondition,
      "this process was forked from the one that made the CUDA engine: make one here, before any other use "
      "of CUDA",
      "engine");
}

engine::ClipEngine& EnginePool::clip_engine() {
  if (info_.backend != "cuda") {
    refuse("memory",
           "is that of a GPU, and the engine computes on the CPU: create one with backend cuda, or bring the "
           "samples to the host");
  }
  {
    const std::lock_guard lock(mutex_);
    check_process();
  }
  const std::lock_guard lock(clip_mutex_);
  if (!clip_engine_.engine) clip_engine_ = make_clip_backend(options_.cuda_device);
  return *clip_engine_.engine;
}

std::unique_ptr<Worker> EnginePool::take() {
  std::unique_lock lock(mutex_);
  check_process();
  const bool is_cuda = info_.backend == "cuda";
  if (process_ != getpid()) leave_parents_workers();
  // One engine has the whole GPU, so calls take turns.
  returned_.wait(lock, [&] { return !is_cuda || !idle_.empty() || is_lost_; });
  if (is_lost_) throw core::EngineError("the engine has failed before: free it and create another");
  if (!idle_.empty()) {
    auto worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }
  lock.unlock();
  return make_worker();
}

void EnginePool::give_back(std::unique_ptr<Worker> worker) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (worker->is_usable()) {
      try {
        idle_.push_back(std::move(worker));
      } catch (...) {  // no memory to keep it: the next call makes another, but of a GPU's there is one
        is_lost_ = info_.backend == "cuda";
      }
    } else if (info_.backend == "cuda") {
      is_lost_ = true;
      static_cast<void>(worker.release());  // a device that hangs may hang whoever tears it down
    }
  }
  returned_.notify_all();  // if it is lost, all that wait must hear of it
}

}  // namespace melstream::capi
