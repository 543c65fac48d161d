#include "melstream/engine/cuda/threaded_device.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <pthread.h>
#include <sys/prctl.h>

#include "melstream/engine/cuda/limits.hpp"

namespace melstream::engine::cuda {
namespace {

/// Commands of two slices with the most units, each with the most transforms.
constexpr std::size_t kCommands = 8192;
/// What the thread has seen is old after this long: the process was stopped, or the thread was kept waiting.
constexpr std::chrono::milliseconds kFresh{10};
/// For a thread that was kept waiting to look again: so many waits of kFresh. One of them may end at once, if the
/// process is stopped meanwhile.
constexpr int kWaitsForLook = 10;

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

class ThreadedQueue final : public Queue {
 public:
  /// @param inner outlives this; only the thread uses it from now on.
  ThreadedQueue(Queue& inner, bool spin);
  ~ThreadedQueue() override { stop(); }
  ThreadedQueue(const ThreadedQueue&) = delete;
  ThreadedQueue& operator=(const ThreadedQueue&) = delete;

  /// Ends the thread. What it had not handed over by then stays undone.
  void stop() noexcept;

  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    put(Copy{to, from, n_bytes, true});
  }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    put(Copy{to, from, n_bytes, false});
  }
  void gather_async(const GatherParams& params) override { put(params); }
  void transform_async(FftPlan& plan, float* input, Complex* spectra) { put(Transform{&plan, input, spectra}); }
  void rows_async(const RowsParams& params) override { put(params); }
  void assemble_async(const AssembleParams& params) override { put(params); }
  void mark_async(int mark) override;
  bool has_reached(int mark) override;
  /// Both marks were reached: nothing of the device is waited for.
  double seconds_between(int first_mark, int last_mark) override {
    return inner_.seconds_between(first_mark, last_mark);
  }

 private:
  struct Copy {
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    std::size_t n_bytes = 0;
    bool is_upload = false;
  };
  struct Transform {
    FftPlan* plan = nullptr;
    float* input = nullptr;
    Complex* spectra = nullptr;
  };
  struct Mark {
    int mark = 0;
    std::uint64_t number = 0;
  };
  using Command = std::variant<Copy, GatherParams, Transform, RowsParams, AssembleParams, Mark>;

  void put(const Command& command);
  void check_failure() const;
  void work() noexcept;
  void serve(std::unique_lock<std::mutex>& lock);
  void execute(const Command& command);
  void look_at_marks(std::unique_lock<std::mutex>& lock);
  bool is_reached(int mark) const { return n_reached_ >= marks_[static_cast<std::size_t>(mark)]; }

  Queue& inner_;
  const bool spin_;
  std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable room_arrived_;
  std::condition_variable looked_;
  // By mutex_. A ring: no allocation once it is made.
  std::vector<Command> commands_;
  std::size_t n_put_ = 0;
  std::size_t n_taken_ = 0;
  std::array<std::uint64_t, kMarks> marks_{};  ///< number that each mark has now
  std::uint64_t n_marks_ = 0;
  std::uint64_t n_reached_ = 0;
  std::uint64_t n_looks_ = 0;
  std::uint64_t n_looks_unanswered_ = 0;  ///< n_looks_ when the thread was last waited for in vain
  std::chrono::steady_clock::time_point last_look_;
  bool is_asked_ = false;  ///< somebody waits for a look
  std::optional<std::string> failure_;
  bool is_stopping_ = false;
  // The thread's own: marks that it handed over and that were not reached, oldest first, in a ring.
  std::vector<Mark> waiting_;
  std::size_t n_waiting_put_ = 0;
  std::size_t n_waiting_taken_ = 0;
  std::thread thread_;  // last: it uses all of the above
};

ThreadedQueue::ThreadedQueue(Queue& inner, bool spin)
    : inner_(inner), spin_(spin), commands_(kCommands), waiting_(kCommands), thread_([this] { work(); }) {
  pthread_setname_np(thread_.native_handle(), "ms-cuda");
}

void ThreadedQueue::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_arrived_.notify_one();
  if (thread_.joinable()) thread_.join();
}

/// Under the lock.
void ThreadedQueue::check_failure() const {
  if (failure_) throw core::EngineError(*failure_);
}

void ThreadedQueue::put(const Command& command) {
  {
    std::unique_lock lock(mutex_);
    check_failure();
    const bool has_room = room_arrived_.wait_for(
        lock, kHangLimit, [this] { return n_put_ - n_taken_ < commands_.size() || failure_.has_value(); });
    check_failure();
    if (!has_room) throw core::EngineError("the driver takes no work any more");
    commands_[n_put_++ % commands_.size()] = command;
  }
  work_arrived_.notify_one();
}

void ThreadedQueue::mark_async(int mark) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++n_marks_;
    marks_[static_cast<std::size_t>(mark)] = number;
  }
  put(Mark{mark, number});
}

/// Whoever asks may give the device up for the answer, so it must not be older than the question by much: after the
/// whole process was stopped, the mark may be long reached, and the thread not have seen it yet. A thread that does not
/// look (a driver that hangs) is waited for once.
bool ThreadedQueue::has_reached(int mark) {
  std::unique_lock lock(mutex_);
  check_failure();
  if (is_reached(mark)) return true;
  if (std::chrono::steady_clock::now() - last_look_ < kFresh || n_looks_ == n_looks_unanswered_) return false;
  // One that began before the question may end after it.
  const std::uint64_t n_wanted = n_looks_ + 2;
  is_asked_ = true;
  bool has_looked = false;
  for (int i = 0; i < kWaitsForLook && !has_looked; ++i) {
    has_looked = looked_.wait_for(lock, kFresh,
                                  [&] { return n_looks_ >= n_wanted || is_reached(mark) || failure_.has_value(); });
  }
  is_asked_ = false;
  check_failure();
  if (!has_looked) n_looks_unanswered_ = n_looks_;
  return is_reached(mark);
}

void ThreadedQueue::work() noexcept {
  // The kernel's 50 us of leeway would make naps of 20 us three times as long.
  prctl(PR_SET_TIMERSLACK, 1UL);
  std::unique_lock lock(mutex_);
  try {
    while (!is_stopping_) serve(lock);
  } catch (const std::exception& error) {
    if (!lock.owns_lock()) lock.lock();
    failure_ = error.what();
    room_arrived_.notify_all();
    looked_.notify_all();
  }
}

/// One command, or one look at the marks; waits if there is neither.
void ThreadedQueue::serve(std::unique_lock<std::mutex>& lock) {
  if (n_taken_ < n_put_) {
    const Command command = commands_[n_taken_++ % commands_.size()];
    lock.unlock();
    room_arrived_.notify_one();
    execute(command);
    lock.lock();
  } else if (n_waiting_taken_ < n_waiting_put_) {
    look_at_marks(lock);
  } else {
    work_arrived_.wait(lock, [this] { return is_stopping_ || n_taken_ < n_put_; });
  }
}

void ThreadedQueue::execute(const Command& command) {
  std::visit(
      Overloaded{[this](const Copy& copy) {
                   if (copy.is_upload) {
                     inner_.upload_async(copy.to, copy.from, copy.n_bytes);
                   } else {
                     inner_.download_async(copy.to, copy.from, copy.n_bytes);
                   }
                 },
                 [this](const GatherParams& params) { inner_.gather_async(params); },
                 [](const Transform& transform) { transform.plan->run_async(transform.input, transform.spectra); },
                 [this](const RowsParams& params) { inner_.rows_async(params); },
                 [this](const AssembleParams& params) { inner_.assemble_async(params); },
                 [this](const Mark& mark) {
                   inner_.mark_async(mark.mark);
                   waiting_[n_waiting_put_++ % waiting_.size()] = mark;
                 }},
      command);
}

/// The device works in order: the oldest mark is looked at until it is reached.
void ThreadedQueue::look_at_marks(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  const Mark oldest = waiting_[n_waiting_taken_ % waiting_.size()];
  const bool is_reached = inner_.has_reached(oldest.mark);
  if (is_reached) ++n_waiting_taken_;
  lock.lock();
  ++n_looks_;
  last_look_ = std::chrono::steady_clock::now();
  if (is_reached) n_reached_ = oldest.number;
  if (is_asked_) looked_.notify_all();
  if (is_reached) return;
  if (!spin_) {
    work_arrived_.wait_for(lock, kNap, [this] { return is_stopping_ || n_taken_ < n_put_; });
  }
}

class ThreadedPlan final : public FftPlan {
 public:
  ThreadedPlan(std::unique_ptr<FftPlan> inner, ThreadedQueue& queue) : inner_(std::move(inner)), queue_(queue) {}
  std::size_t work_bytes() const noexcept override { return inner_->work_bytes(); }
  void set_work_area(std::byte* device_memory) override { inner_->set_work_area(device_memory); }
  void run_async(float* input, Complex* spectra) override { queue_.transform_async(*inner_, input, spectra); }

 private:
  const std::unique_ptr<FftPlan> inner_;
  ThreadedQueue& queue_;
};

class ThreadedDevice final : public Device {
 public:
  ThreadedDevice(std::unique_ptr<Device> inner, bool spin) : inner_(std::move(inner)), queue_(inner_->queue(), spin) {}

  const DeviceInfo& info() const noexcept override { return inner_->info(); }
  Memory allocate(std::size_t n_bytes) override { return inner_->allocate(n_bytes); }
  Memory allocate_pinned(std::size_t n_bytes) override { return inner_->allocate_pinned(n_bytes); }
  void upload(std::byte* to, std::span<const std::byte> from) override { inner_->upload(to, from); }
  const std::byte* pin(std::span<std::byte> memory) override { return inner_->pin(memory); }
  std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) override {
    return std::make_unique<ThreadedPlan>(inner_->plan_fft(n_fft, n_frames), queue_);
  }
  Queue& queue() noexcept override { return queue_; }
  void stop() noexcept override {
    queue_.stop();
    inner_->stop();
  }

 private:
  const std::unique_ptr<Device> inner_;
  ThreadedQueue queue_;
};

}  // namespace

std::unique_ptr<Device> make_threaded(std::unique_ptr<Device> inner, bool spin) {
  return std::make_unique<ThreadedDevice>(std::move(inner), spin);
}

}  // namespace melstream::engine::cuda
