#include "melstream/engine/cpu/cpu_engine.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <system_error>
#include <thread>

#include <pthread.h>

#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/kernels.hpp"
#include "melstream/engine/cpu/prepared.hpp"
#include "melstream/engine/cpu/unit_worker.hpp"
#include "melstream/engine/tick_plan.hpp"

namespace melstream::engine::cpu {
namespace {

using std::chrono::steady_clock;

/// Ticks that can be under way; submit() finishes the oldest before it takes one more.
constexpr std::size_t kTicksUnderWay = 4;
constexpr int kMaxThreads = 256;
/// Waking a thread takes as long as a few units; for fewer than these nobody is woken.
constexpr std::size_t kFewestSharedUnits = 6;
/// How long the caller looks whether the last units of others are done before it sleeps: what waking it would take.
constexpr std::chrono::microseconds kPatience{50};

/// A tick under way. `plan` belongs to the caller's thread until n_units is set, then it is only read; the counters
/// are written under the engine's mutex.
struct TickUnderWay {
  explicit TickUnderWay(const Limits& limits) : plan(limits) {}
  bool has_units_left() const noexcept { return n_claimed < n_units; }
  bool is_done() const noexcept { return n_done == n_units; }

  TickPlan plan;
  Ticket ticket = 0;
  std::size_t n_units = 0;
  std::size_t n_claimed = 0;
  std::atomic<std::size_t> n_done = 0;  ///< also read without the mutex
};

class CpuEngine final : public Engine {
 public:
  CpuEngine(const Kernels& kernels, const Options& options);
  ~CpuEngine() override;

  std::shared_ptr<const Prepared> prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                          Smoothing smoothing) override {
    return prepared_.find_or_make(front_end, smoothing);
  }
  Ticket submit(const Tick& tick) override;
  bool poll(Ticket ticket, std::chrono::nanoseconds wait) override;
  void register_host(std::span<std::byte>) override {}  // any memory will do

 private:
  void stop() noexcept;
  void work(UnitWorker& worker, const std::string& name);
  void look_until_done(const TickUnderWay& tick, steady_clock::time_point deadline) const noexcept;
  bool look_for_work(std::unique_lock<std::mutex>& lock);
  TickUnderWay* oldest_with_units() noexcept;
  void compute_one(TickUnderWay& tick, UnitWorker& worker, std::unique_lock<std::mutex>& lock);

  PreparedCache<PreparedMaker> prepared_;
  std::vector<std::unique_ptr<UnitWorker>> workers_;  ///< [n_threads]; the first is the caller's
  std::vector<std::unique_ptr<TickUnderWay>> ticks_;  ///< [kTicksUnderWay], by ticket
  const std::chrono::nanoseconds patience_;           ///< of threads that have nothing to do
  std::atomic<Ticket> last_ticket_ = 0;               ///< written by the caller's thread
  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable tick_done_;
  bool is_stopping_ = false;          // by mutex_
  std::vector<std::thread> threads_;  // last: they use all of the above
};

CpuEngine::CpuEngine(const Kernels& kernels, const Options& options)
    : prepared_(PreparedMaker(kernels.n_lanes)), patience_(options.patience) {
  for (std::size_t i = 0; i < kTicksUnderWay; ++i) ticks_.push_back(std::make_unique<TickUnderWay>(options.limits));
  for (int i = 0; i < options.n_threads; ++i) workers_.push_back(std::make_unique<UnitWorker>(kernels));
  try {
    for (std::size_t i = 1; i < workers_.size(); ++i) {
      threads_.emplace_back(&CpuEngine::work, this, std::ref(*workers_[i]), "ms-engine-" + std::to_string(i));
    }
  } catch (const std::system_error& error) {
    stop();
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      "cannot start thread " + std::to_string(threads_.size() + 2) + " of " +
                          std::to_string(options.n_threads) + ": " + error.what(),
                      "threads");
  } catch (...) {
    stop();
    throw;
  }
}

CpuEngine::~CpuEngine() { stop(); }

void CpuEngine::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Ticket CpuEngine::submit(const Tick& tick) {
  const Ticket ticket = last_ticket_ + 1;
  TickUnderWay& slot = *ticks_[ticket % kTicksUnderWay];
  while (!poll(slot.ticket, std::chrono::seconds(1))) {
  }
  slot.plan.build(tick);
  std::unique_lock lock(mutex_);
  last_ticket_ = ticket;
  slot.ticket = ticket;
  slot.n_claimed = 0;
  slot.n_done = 0;
  slot.n_units = slot.plan.units().size();
  if (threads_.empty()) {
    while (slot.has_units_left()) compute_one(slot, *workers_.front(), lock);
    workers_.front()->wipe();
  } else {
    lock.unlock();
    if (slot.n_units >= kFewestSharedUnits) work_arrived_.notify_all();
  }
  return ticket;
}

bool CpuEngine::poll(Ticket ticket, std::chrono::nanoseconds wait) {
  const auto deadline = steady_clock::now() + std::min<std::chrono::nanoseconds>(wait, std::chrono::hours(1));
  std::unique_lock lock(mutex_);
  TickUnderWay& slot = *ticks_[ticket % kTicksUnderWay];
  // A slot that was given to a later ticket had been done.
  const auto is_done = [&] { return slot.ticket != ticket || slot.is_done(); };
  while (!is_done() && slot.has_units_left()) {
    compute_one(slot, *workers_.front(), lock);
    if (steady_clock::now() >= deadline) return is_done();
  }
  workers_.front()->wipe();  // the caller's
  if (!is_done()) {
    lock.unlock();
    look_until_done(slot, deadline);
    lock.lock();
  }
  return tick_done_.wait_until(lock, deadline, is_done);
}

void CpuEngine::look_until_done(const TickUnderWay& tick, steady_clock::time_point deadline) const noexcept {
  const auto end = std::min(deadline, steady_clock::now() + kPatience);
  while (!tick.is_done() && steady_clock::now() < end) std::this_thread::yield();
}

/// Without the mutex, for as long as the patience lasts. @return whether a tick was submitted or the end has come.
bool CpuEngine::look_for_work(std::unique_lock<std::mutex>& lock) {
  if (patience_.count() == 0) return false;
  const Ticket seen = last_ticket_;
  lock.unlock();
  const auto end = steady_clock::now() + patience_;
  while (last_ticket_ == seen && steady_clock::now() < end) std::this_thread::yield();
  lock.lock();
  return is_stopping_ || oldest_with_units() != nullptr;
}

TickUnderWay* CpuEngine::oldest_with_units() noexcept {
  TickUnderWay* oldest = nullptr;
  for (const auto& tick : ticks_) {
    if (tick->has_units_left() && (oldest == nullptr || tick->ticket < oldest->ticket)) oldest = tick.get();
  }
  return oldest;
}

/// Claims a unit under the lock, computes it without.
void CpuEngine::compute_one(TickUnderWay& tick, UnitWorker& worker, std::unique_lock<std::mutex>& lock) {
  const Unit& unit = tick.plan.units()[tick.n_claimed++];
  lock.unlock();
  worker.compute(tick.plan, unit);
  lock.lock();
  if (++tick.n_done == tick.n_units) tick_done_.notify_all();
}

void CpuEngine::work(UnitWorker& worker, const std::string& name) {
  pthread_setname_np(pthread_self(), name.c_str());
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (TickUnderWay* const tick = oldest_with_units()) {
      compute_one(*tick, worker, lock);
    } else {
      worker.wipe();  // under the mutex: a microsecond
      if (!look_for_work(lock)) work_arrived_.wait(lock);
    }
  }
}

const Kernels& find_kernels(const std::string& simd) {
  const std::span<const Kernels* const> runnable = runnable_kernels();
  if (simd == "auto") return *runnable.front();
  std::string names;
  for (const Kernels* kernels : runnable) {
    if (kernels->target == simd) return *kernels;
    names += ", " + std::string(kernels->target);
  }
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    "instruction target '" + simd + "' is not among those of this machine and build: auto" + names,
                    "simd");
}

}  // namespace

std::vector<std::string> targets() {
  std::vector<std::string> names;
  for (const Kernels* kernels : runnable_kernels()) names.emplace_back(kernels->target);
  return names;
}

EngineInstance make_engine(const Options& options) {
  const Kernels& kernels = find_kernels(options.simd);
  if (options.n_threads < 1 || options.n_threads > kMaxThreads) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      std::to_string(options.n_threads) + " threads; must be 1.." + std::to_string(kMaxThreads),
                      "threads");
  }
  return {std::make_unique<CpuEngine>(kernels, options), {"cpu", std::string(kernels.target), options.n_threads}};
}

}  // namespace melstream::engine::cpu
