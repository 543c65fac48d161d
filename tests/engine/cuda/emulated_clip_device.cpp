#include "tests/engine/cuda/emulated_clip_device.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "melstream/engine/cuda/clip_kernels-inl.hpp"

#include "tests/engine/cuda/emulated_memory.hpp"
#include "tests/engine/cuda/host_warp.hpp"

namespace melstream::test {

using namespace engine::cuda;  // NOLINT(google-build-using-namespace): what is emulated

class EmulatedClipDevice::ClipsQueue final : public ClipQueue {
 public:
  explicit ClipsQueue(ClipMachine& machine) : machine_(machine) {}

  void use_stream(void* cuda_stream) override {
    const std::lock_guard lock(mutex_);
    stream_ = cuda_stream;
    is_own_ = false;
  }
  void use_own_stream() noexcept override {
    const std::lock_guard lock(mutex_);
    is_own_ = true;
  }
  void follow_async(int mark) override { enqueue({nullptr, number_of(mark)}); }
  void mark_async(int mark) override {
    const std::int64_t number = ++n_marks_;
    marks_[static_cast<std::size_t>(mark)] = number;
    enqueue({[this, number] { reached_.insert(number); }, 0});
  }
  bool has_reached(int mark) override {
    const std::lock_guard lock(mutex_);
    count();
    return is_reached(number_of(mark));
  }
  double seconds_between(int /*first_mark*/, int /*last_mark*/) override { return 0.0; }

  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override { copy(to, from, n_bytes); }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override { copy(to, from, n_bytes); }
  void gather_async(const GatherParams& p) override {
    launch(p.n_frames, p.n_window,
           [p](const auto& warp, int frame, float* scratch) { gather_frame(warp, p, frame, scratch); });
  }
  void rows_async(const RowsParams& p) override {
    launch(p.n_frames, p.n_bins + p.n_mels,
           [p](const auto& warp, int frame, float* scratch) { compute_row(warp, p, frame, scratch); });
  }
  void assemble_async(const AssembleParams& p) override {
    launch(p.n_rows, 0, [p](const auto& warp, int row, float* /*scratch*/) { assemble_row(warp, p, row); });
  }
  void describe_async(const DescribeParams& p) override {
    launch(p.n_records, 0, [p](const auto& warp, int record, float* /*scratch*/) { describe_clip(warp, p, record); });
  }
  void gather_clips_async(const GatherClipsParams& p) override {
    launch(p.gather.n_frames, p.gather.n_window,
           [p](const auto& warp, int frame, float* scratch) { gather_clip_frame(warp, p, frame, scratch); });
  }
  void rows_of_clips_async(const RowsOfClipsParams& p) override {
    launch(p.rows.n_frames, p.rows.n_bins + p.rows.n_mels,
           [p](const auto& warp, int frame, float* scratch) { compute_clip_row(warp, p, frame, scratch); });
  }
  void assemble_clips_async(const AssembleClipsParams& p) override {
    launch(p.assemble.n_rows, 0,
           [p](const auto& warp, int row, float* /*scratch*/) { assemble_clip_row(warp, p, row); });
  }
  void maxima_async(const MaximaParams& p) override {
    launch(p.clips.n_clips, kWarpLanes,
           [p](const auto& warp, int clip, float* scratch) { take_maxima(warp, p, clip, scratch); });
  }
  void feature_scales_async(const FeatureScalesParams& p) override {
    launch(p.clips.n_clips * feature_groups(p.n_bins), 0,
           [p](const auto& warp, int group, float* /*scratch*/) { take_feature_scales(warp, p, group); });
  }
  void finish_async(const FinishParams& p) override {
    launch(static_cast<int>(p.n_tasks), 0,
           [p](const auto& warp, int task, float* /*scratch*/) { finish_task(warp, p, task); });
  }

  /// One kernel, or one transform.
  void launch(std::function<void()> kernel) {
    ++machine_.n_launches;
    enqueue({std::move(kernel), 0});
  }
  /// Counts what is no work for the queue.
  void operation() {
    const std::lock_guard lock(mutex_);
    count();
  }
  void run_streams(unsigned seed) {
    const std::lock_guard lock(mutex_);
    std::mt19937 random(seed);
    for (;;) {
      std::vector<std::deque<Work>*> ready;
      for (auto& [stream, work] : streams_) {
        if (!work.empty() && is_reached(work.front().follows)) ready.push_back(&work);
      }
      if (ready.empty()) return;
      std::deque<Work>& work = *ready[random() % ready.size()];
      const Work next = std::move(work.front());
      work.pop_front();
      if (next.run) next.run();
    }
  }

 private:
  struct Work {
    std::function<void()> run;
    std::int64_t follows = 0;  ///< number of a mark that must be reached before
  };

  template <typename Kernel>
  void launch(int n_warps, int scratch_floats, Kernel kernel) {
    launch([this, n_warps, scratch_floats, kernel = std::move(kernel)] {
      std::vector<float> scratch(static_cast<std::size_t>(scratch_floats));
      for (int i = 0; i < n_warps; ++i) {
        if (machine_.is_backwards) {
          kernel(WarpOnHost<true>(), n_warps - 1 - i, scratch.data());
        } else {
          kernel(HostWarp(), i, scratch.data());
        }
      }
    });
  }
  void copy(std::byte* to, const std::byte* from, std::size_t n_bytes) {
    ++machine_.n_copies;
    enqueue({[=] { std::memcpy(to, from, n_bytes); }, 0});
  }
  void enqueue(Work work) {
    const std::lock_guard lock(mutex_);
    count();
    if (is_own_ || machine_.is_done_at_once) {
      if (work.run) work.run();
    } else {
      streams_[stream_].push_back(std::move(work));
    }
  }
  /// Under the lock.
  void count() {
    ++machine_.n_operations;
    if (machine_.fail_after_operations >= 0 && machine_.n_operations > machine_.fail_after_operations) {
      throw core::EngineError("the emulated device failed, as the test wished");
    }
  }
  std::int64_t number_of(int mark) const { return marks_[static_cast<std::size_t>(mark)]; }
  bool is_reached(std::int64_t number) const { return number == 0 || reached_.contains(number); }

  ClipMachine& machine_;
  std::mutex mutex_;
  void* stream_ = nullptr;
  bool is_own_ = true;
  std::map<void*, std::deque<Work>> streams_;
  std::array<std::int64_t, kMarks> marks_{};  ///< number that each mark has now; 0: never made
  std::int64_t n_marks_ = 0;
  std::set<std::int64_t> reached_;
};

class EmulatedClipDevice::Plan final : public FftPlan {
 public:
  Plan(ClipsQueue& queue, std::shared_ptr<RealFft> fft, int n_fft, int n_frames)
      : queue_(queue),
        fft_(std::move(fft)),
        n_fft_(static_cast<std::size_t>(n_fft)),
        n_frames_(static_cast<std::size_t>(n_frames)) {}

  std::size_t work_bytes() const noexcept override { return 64 * n_frames_; }
  void set_work_area(std::byte* device_memory) override {
    queue_.operation();
    work_area_ = device_memory;
  }
  void run_async(float* input, Complex* spectra) override {
    if (work_area_ == nullptr) throw core::EngineError("a plan runs without its work area");
    queue_.launch([this, input, spectra] { run(input, spectra); });
  }

 private:
  void run(float* input, Complex* spectra) const {
    for (std::size_t frame = 0; frame < n_frames_; ++frame) {
      fft_->run(input + frame * n_fft_, spectra + frame * (n_fft_ / 2 + 1));
    }
    // The library may use its scratch memory, and overwrite the input.
    std::memset(work_area_, 0xFF, work_bytes());
    std::memset(input, 0xFF, n_frames_ * n_fft_ * sizeof(float));
  }

  ClipsQueue& queue_;
  const std::shared_ptr<RealFft> fft_;
  const std::size_t n_fft_;
  const std::size_t n_frames_;
  std::byte* work_area_ = nullptr;
};

EmulatedClipDevice::EmulatedClipDevice(ClipMachine& machine)
    : machine_(machine), queue_(std::make_unique<ClipsQueue>(machine)) {}
EmulatedClipDevice::~EmulatedClipDevice() = default;

void EmulatedClipDevice::run(unsigned seed) { queue_->run_streams(seed); }

Memory EmulatedClipDevice::allocate(std::size_t n_bytes) {
  const std::lock_guard lock(mutex_);
  queue_->operation();
  if (machine_.device_bytes + n_bytes > machine_.memory_bytes) {
    throw UnusableDevice(engine::PluginError::kOutOfMemory, "the emulated device has no room");
  }
  ++machine_.n_allocations;
  Memory memory = emulated_memory(n_bytes, machine_.device_bytes);
  constexpr std::size_t kHead = std::size_t{256} << 10;  // of what nobody wrote: as emulated_device.cpp does
  std::memset(memory.get(), 0xFF, std::min(n_bytes, kHead));
  return memory;
}

Memory EmulatedClipDevice::allocate_pinned(std::size_t n_bytes) {
  const std::lock_guard lock(mutex_);
  queue_->operation();
  ++machine_.n_allocations;
  return emulated_memory(n_bytes, machine_.pinned_bytes);
}

void EmulatedClipDevice::upload(std::byte* to, std::span<const std::byte> from) {
  const std::lock_guard lock(mutex_);
  queue_->operation();
  ++machine_.n_copies;
  std::memcpy(to, from.data(), from.size());
}

std::unique_ptr<FftPlan> EmulatedClipDevice::plan_fft(int n_fft, int n_frames) {
  const std::lock_guard lock(mutex_);
  queue_->operation();
  ++machine_.n_plans;
  std::shared_ptr<RealFft>& fft = ffts_[n_fft];
  if (!fft) fft = std::make_shared<RealFft>(n_fft);
  return std::make_unique<Plan>(*queue_, fft, n_fft, n_frames);
}

Queue& EmulatedClipDevice::queue() noexcept { return *queue_; }
ClipQueue& EmulatedClipDevice::clip_queue() noexcept { return *queue_; }

}  // namespace melstream::test
