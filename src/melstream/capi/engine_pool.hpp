// The engines behind one handle: each call takes one that is free, or makes one, so that calls of different threads do
// not wait for each other. Thread-safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sys/types.h>

#include "melstream/capi/held_across_fork.hpp"
#include "melstream/capi/worker.hpp"
#include "melstream/engine/clip_engine.hpp"

namespace melstream::capi {

class EnginePool {
 public:
  struct Options {
    std::string backend = "cpu";  ///< cpu, cuda or auto
    std::string simd = "auto";
    int n_threads = 1;
    int cuda_device = 0;
  };

  /// Makes the first engine. Throws Error(kInvalidArgument, kUnavailable).
  explicit EnginePool(Options options);
  EnginePool(const EnginePool&) = delete;
  EnginePool& operator=(const EnginePool&) = delete;
  ~EnginePool();

  const engine::EngineInfo& info() const noexcept { return info_; }

  /// What computes clips in the GPU's memory; made by the first call. Throws Error(kInvalidArgument, field memory) if
  /// the engine is not a GPU's, Error(kUnavailable).
  engine::ClipEngine& clip_engine();

  /// A worker for one call.
  class Lease {
   public:
    explicit Lease(EnginePool& pool) : pool_(pool), worker_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(worker_)); }
    Worker& operator*() const noexcept { return *worker_; }
    Worker* operator->() const noexcept { return worker_.get(); }

   private:
    EnginePool& pool_;
    std::unique_ptr<Worker> worker_;
  };

 private:
  std::unique_ptr<Worker> make_worker();
  std::unique_ptr<Worker> take();
  void give_back(std::unique_ptr<Worker> worker) noexcept;
  void leave_parents_workers();
  void check_process() const;

  const Options options_;
  engine::EngineInfo info_;
  std::mutex mutex_;
  std::condition_variable returned_;
  const HeldAcrossFork held_{mutex_};          // a child that was forked during a call of another thread can call
  std::vector<std::unique_ptr<Worker>> idle_;  // by mutex_
  pid_t process_;                              // by mutex_; whose threads the idle workers have
  bool is_lost_ = false;                       // by mutex_; the only engine failed (cuda)
  std::mutex clip_mutex_;                      // CUDA's driver may fork as it starts, so not held across that
  engine::ClipEngineInstance clip_engine_;     // by clip_mutex_, as long as it is not made
};

}  // namespace melstream::capi
