#include "tests/engine/cuda/emulated_device.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <variant>
#include <vector>

#include "tests/engine/cuda/emulated_fft.hpp"
#include "tests/engine/cuda/emulated_memory.hpp"
#include "tests/engine/cuda/host_warp.hpp"

namespace melstream::test {
namespace {

using namespace engine::cuda;  // NOLINT(google-build-using-namespace): what is emulated

class EmulatedPlan;

struct Copy {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  std::size_t n_bytes = 0;
};
struct Transform {
  const EmulatedPlan* plan = nullptr;
  float* input = nullptr;
  Complex* spectra = nullptr;
};
struct Reach {
  std::int64_t number = 0;  ///< of all marks
};
using Command = std::variant<Copy, GatherParams, RowsParams, AssembleParams, Transform, Reach>;

/// Thread-safe, as tables are uploaded and plans are made while ticks run.
class EmulatedQueue final : public Queue {
 public:
  EmulatedQueue(Faults& faults, DeviceLog& log)
      : faults_(faults), log_(log), commands_(kMostCommands), scratch_(kScratchFloats) {}

  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    enqueue(Copy{to, from, n_bytes});
  }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    enqueue(Copy{to, from, n_bytes});
  }
  void gather_async(const GatherParams& params) override { enqueue(params); }
  void rows_async(const RowsParams& params) override { enqueue(params); }
  void assemble_async(const AssembleParams& params) override { enqueue(params); }
  void mark_async(int mark) override {
    const std::lock_guard lock(mutex_);
    append(Reach{n_marks_ + 1});
    marks_[static_cast<std::size_t>(mark)] = ++n_marks_;
  }
  bool has_reached(int mark) override;
  /// A microsecond from each mark to the next.
  double seconds_between(int first_mark, int last_mark) override {
    const std::lock_guard lock(mutex_);
    const auto number = [&](int mark) { return static_cast<double>(marks_[static_cast<std::size_t>(mark)]); };
    return (number(last_mark) - number(first_mark)) * 1e-6;
  }

  void enqueue(const Command& command) {
    const std::lock_guard lock(mutex_);
    append(command);
  }
  /// Counts what is no work for the queue.
  void operation() {
    const std::lock_guard lock(mutex_);
    count();
  }
  void add_pinned(std::span<const std::byte> memory) {
    const std::lock_guard lock(mutex_);
    pinned_.push_back(memory);
  }

 private:
  static constexpr std::size_t kMostCommands = 4096;
  static constexpr std::size_t kScratchFloats = 16384;

  void run(const Copy& copy) const { std::memcpy(copy.to, copy.from, copy.n_bytes); }
  void run(const GatherParams& params);
  void run(const RowsParams& params) {
    for (int frame = 0; frame < params.n_frames; ++frame) compute_row(HostWarp(), params, frame, scratch_.data());
  }
  void run(const AssembleParams& params) const {
    for (int row = 0; row < params.n_rows; ++row) assemble_row(HostWarp(), params, row);
  }
  void run(const Transform& transform);
  void run(const Reach& reach) { reached_ = reach.number; }
  bool is_pinned(const float* samples) const;
  void append(const Command& command);
  void count();

  Faults& faults_;
  DeviceLog& log_;
  std::mutex mutex_;               // of all below, and of the log's counts of work
  std::vector<Command> commands_;  ///< a ring
  std::size_t first_ = 0;
  std::size_t n_waiting_ = 0;
  std::array<std::int64_t, kMarks> marks_{};
  std::int64_t n_marks_ = 0;
  std::int64_t reached_ = 0;
  std::int64_t asked_for_ = 0;
  int n_asks_ = 0;
  std::vector<float> scratch_;
  std::vector<std::span<const std::byte>> pinned_;
};

class EmulatedPlan final : public FftPlan {
 public:
  EmulatedPlan(EmulatedQueue& queue, const Faults& faults, std::shared_ptr<RealFft> fft, int n_fft, int n_frames)
      : queue_(queue), faults_(faults), fft_(std::move(fft)), n_fft_(n_fft), n_frames_(n_frames) {}

  int n_frames() const noexcept { return n_frames_; }
  std::size_t work_bytes() const noexcept override { return 64 * static_cast<std::size_t>(n_frames_); }
  void set_work_area(std::byte* device_memory) override {
    queue_.operation();
    work_area_ = device_memory;
  }
  void run_async(float* input, Complex* spectra) override {
    if (work_area_ == nullptr) throw core::EngineError("a plan runs without its work area");
    queue_.enqueue(Transform{this, input, spectra});
  }
  void run(float* input, Complex* spectra) const {
    const auto n_fft = static_cast<std::size_t>(n_fft_), n_bins = n_fft / 2 + 1;
    const auto n_frames = static_cast<std::size_t>(n_frames_);
    for (std::size_t frame = 0; frame < n_frames; ++frame) {
      Complex* const out = spectra + frame * n_bins;
      fft_->run(input + frame * n_fft, out);
      if (faults_.bits_depend_on_batch) out[1].re += static_cast<float>(n_frames_) * 1e-7F;
      if (faults_.bits_depend_on_neighbours && n_frames > 1) {
        out[1].re += input[(frame + 1) % n_frames * n_fft + 1] * 1e-7F;
      }
    }
    // The library may use its scratch memory, and overwrite the input.
    std::memset(work_area_, 0xFF, work_bytes());
    std::memset(input, 0xFF, n_frames * n_fft * sizeof(float));
  }

 private:
  EmulatedQueue& queue_;
  const Faults& faults_;
  const std::shared_ptr<RealFft> fft_;
  const int n_fft_;
  const int n_frames_;
  std::byte* work_area_ = nullptr;
};

void EmulatedQueue::count() {
  ++log_.n_operations;
  if (faults_.fail_after_operations >= 0 && log_.n_operations > faults_.fail_after_operations) {
    throw core::EngineError("the emulated device failed, as the test wished");
  }
}

void EmulatedQueue::append(const Command& command) {
  count();
  if (n_waiting_ == commands_.size()) throw core::EngineError("the emulated queue is full");
  commands_[(first_ + n_waiting_++) % commands_.size()] = command;
}

bool EmulatedQueue::has_reached(int mark) {
  const std::lock_guard lock(mutex_);
  count();
  const std::int64_t wanted = marks_[static_cast<std::size_t>(mark)];
  const bool hangs = faults_.hang_after_marks >= 0 && log_.n_marks_reached >= faults_.hang_after_marks;
  if (std::exchange(asked_for_, wanted) != wanted) n_asks_ = 0;
  if (hangs || (reached_ < wanted && ++n_asks_ < faults_.asks_until_reached)) {
    if (faults_.on_wait) faults_.on_wait();
    return false;
  }
  while (reached_ < wanted) {
    std::visit([this](const auto& command) { run(command); }, commands_[first_]);
    first_ = (first_ + 1) % commands_.size();
    --n_waiting_;
  }
  ++log_.n_marks_reached;
  return true;
}

void EmulatedQueue::run(const GatherParams& params) {
  for (int frame = 0; frame < params.n_frames; ++frame) {
    ++log_.n_gathered;
    if (is_pinned(params.frames[frame].samples)) ++log_.n_gathered_in_place;
    gather_frame(HostWarp(), params, frame, scratch_.data());
  }
}

void EmulatedQueue::run(const Transform& transform) {
  ++log_.n_transforms;
  log_.n_transformed_frames += transform.plan->n_frames();
  transform.plan->run(transform.input, transform.spectra);
}

bool EmulatedQueue::is_pinned(const float* samples) const {
  const auto* const address = reinterpret_cast<const std::byte*>(samples);
  return std::any_of(pinned_.begin(), pinned_.end(), [&](std::span<const std::byte> memory) {
    return address >= memory.data() && address < memory.data() + memory.size();
  });
}

class EmulatedDevice final : public Device {
 public:
  EmulatedDevice(Faults& faults, DeviceLog& log) : faults_(faults), log_(log), queue_(faults, log) {}

  const DeviceInfo& info() const noexcept override { return info_; }
  Memory allocate(std::size_t n_bytes) override {
    const std::lock_guard lock(mutex_);
    queue_.operation();
    if (log_.device_bytes + n_bytes > faults_.memory_bytes) {
      throw UnusableDevice(engine::PluginError::kOutOfMemory, "the emulated device has no room");
    }
    ++log_.n_allocations;
    Memory memory = emulated_memory(n_bytes, log_.device_bytes);
    // What nobody wrote is no number. The head is enough: ticks of tests are small, and touching all takes long.
    constexpr std::size_t kHead = std::size_t{256} << 10;
    std::memset(memory.get(), 0xFF, std::min(n_bytes, kHead));
    return memory;
  }
  Memory allocate_pinned(std::size_t n_bytes) override {
    const std::lock_guard lock(mutex_);
    queue_.operation();
    ++log_.n_allocations;
    return emulated_memory(n_bytes, log_.pinned_bytes);
  }
  void upload(std::byte* to, std::span<const std::byte> from) override {
    const std::lock_guard lock(mutex_);
    queue_.operation();
    std::memcpy(to, from.data(), from.size());
  }
  const std::byte* pin(std::span<std::byte> memory) override {
    const std::lock_guard lock(mutex_);
    if (faults_.pins_nothing) return nullptr;
    queue_.add_pinned(memory);
    return memory.data();
  }
  std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) override {
    const std::lock_guard lock(mutex_);
    queue_.operation();
    ++log_.n_plans;
    std::shared_ptr<RealFft>& fft = ffts_[n_fft];
    if (!fft) fft = std::make_shared<RealFft>(n_fft);
    return std::make_unique<EmulatedPlan>(queue_, faults_, fft, n_fft, n_frames);
  }
  Queue& queue() noexcept override { return queue_; }
  void stop() noexcept override {}  // work is only done when its marks are asked for

 private:
  const DeviceInfo info_{"emulated device", "emulated", std::size_t{1} << 32};
  Faults& faults_;
  DeviceLog& log_;
  std::mutex mutex_;
  EmulatedQueue queue_;
  std::map<int, std::shared_ptr<RealFft>> ffts_;  // by mutex_
};

}  // namespace

std::unique_ptr<Device> make_emulated_device(Faults& faults, DeviceLog& log) {
  return std::make_unique<EmulatedDevice>(faults, log);
}

}  // namespace melstream::test
