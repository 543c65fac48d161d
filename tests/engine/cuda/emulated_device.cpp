#include "tests/engine/cuda/emulated_device.hpp"

#include <algorithm>
#include <array>
#include <complex>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <numbers>
#include <utility>
#include <vector>

#include "tests/engine/cuda/host_warp.hpp"

namespace melstream::test {
namespace {

using namespace engine::cuda;  // NOLINT(google-build-using-namespace): what is emulated

/// Memory that knows the log it was counted in: a header before what is handed out.
constexpr std::size_t kHeaderBytes = 256;
struct Header {
  void* base = nullptr;
  std::size_t* counted_in = nullptr;
  std::size_t n_bytes = 0;
};

Memory take(std::size_t n_bytes, std::size_t& counted_in) {
  // calloc() gives pages that are touched when they are used, and only then.
  void* const base = std::calloc(n_bytes + 2 * kHeaderBytes, 1);
  if (base == nullptr) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::uintptr_t>(base) + 2 * kHeaderBytes - 1;
  auto* const memory = reinterpret_cast<std::byte*>(address / kHeaderBytes * kHeaderBytes);
  new (memory - sizeof(Header)) Header{base, &counted_in, n_bytes};
  counted_in += n_bytes;
  const auto give_back = [](std::byte* taken) noexcept {
    const Header header = *reinterpret_cast<Header*>(taken - sizeof(Header));
    *header.counted_in -= header.n_bytes;
    std::free(header.base);
  };
  return {memory, FreeMemory{give_back}};
}

/// X[k] = sum of x[n] exp(-2 pi i k n / N) by the factors of N, in double, rounded once.
class Dft {
 public:
  explicit Dft(int n_fft) : n_(static_cast<std::size_t>(n_fft)), turns_(n_), x_(n_), spectrum_(n_) {
    for (std::size_t i = 0; i < n_; ++i) {
      turns_[i] = std::polar(1.0, -2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n_));
    }
  }
  void run(const float* x, Complex* out) {
    std::copy(x, x + n_, x_.begin());
    split(x_.data(), 1, spectrum_.data(), n_);
    for (std::size_t k = 0; k <= n_ / 2; ++k) {
      out[k] = {static_cast<float>(spectrum_[k].real()), static_cast<float>(spectrum_[k].imag())};
    }
  }

 private:
  using Number = std::complex<double>;

  /// Transform of x[0], x[stride], ... of length n.
  void split(const Number* x, std::size_t stride, Number* out, std::size_t n) const {
    if (n == 1) {
      *out = *x;
      return;
    }
    std::size_t p = 2;
    while (n % p != 0) ++p;
    const std::size_t m = n / p;
    for (std::size_t q = 0; q < p; ++q) split(x + q * stride, stride * p, out + q * m, m);
    std::vector<Number> part(p);
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t q = 0; q < p; ++q) part[q] = out[q * m + k] * turns_[q * k * stride];
      for (std::size_t r = 0; r < p; ++r) {
        Number sum = part[0];
        for (std::size_t q = 1; q < p; ++q) sum += part[q] * turns_[q * r * m * stride % n_];
        out[r * m + k] = sum;
      }
    }
  }

  std::size_t n_;
  std::vector<Number> turns_;
  std::vector<Number> x_;
  std::vector<Number> spectrum_;
};

class EmulatedQueue final : public Queue {
 public:
  EmulatedQueue(Faults& faults, DeviceLog& log) : faults_(faults), log_(log) { scratch_.resize(16384); }

  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    enqueue([=] { std::memcpy(to, from, n_bytes); });
  }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    enqueue([=] { std::memcpy(to, from, n_bytes); });
  }
  void gather_async(const GatherParams& params) override {
    enqueue([this, params] {
      for (int frame = 0; frame < params.n_frames; ++frame) {
        if (is_pinned(params.frames[frame].samples)) ++log_.n_gathered_in_place;
        gather_frame(HostWarp(), params, frame, scratch_.data());
      }
    });
  }
  void rows_async(const RowsParams& params) override {
    enqueue([this, params] {
      for (int frame = 0; frame < params.n_frames; ++frame) compute_row(HostWarp(), params, frame, scratch_.data());
    });
  }
  void assemble_async(const AssembleParams& params) override {
    enqueue([params] {
      for (int row = 0; row < params.n_rows; ++row) assemble_row(HostWarp(), params, row);
    });
  }
  void mark_async(int mark) override {
    operation();
    marks_[static_cast<std::size_t>(mark)] = ++n_marks_;
    work_.emplace_back([this, number = n_marks_] { reached_ = number; });
  }
  bool has_reached(int mark) override {
    operation();
    const std::int64_t wanted = marks_[static_cast<std::size_t>(mark)];
    if (faults_.hang_after_marks >= 0 && log_.n_marks_reached >= faults_.hang_after_marks) {
      if (faults_.on_wait) faults_.on_wait();
      return false;
    }
    // Every mark is asked for twice at least: who forgets to wait is found out.
    if (reached_ < wanted && std::exchange(asked_for_, wanted) != wanted) return false;
    while (reached_ < wanted) {
      work_.front()();
      work_.pop_front();
    }
    ++log_.n_marks_reached;
    return true;
  }
  double seconds_between(int, int) override { return 0.0; }

  void enqueue(std::function<void()> work) {
    operation();
    work_.push_back(std::move(work));
  }
  void add_pinned(std::span<const std::byte> memory) { pinned_.push_back(memory); }
  void operation() {
    ++log_.n_operations;
    if (faults_.fail_after_operations >= 0 && log_.n_operations > faults_.fail_after_operations) {
      throw core::EngineError("the emulated device failed, as the test wished");
    }
  }

 private:
  bool is_pinned(const float* samples) const {
    const auto* const address = reinterpret_cast<const std::byte*>(samples);
    for (const auto& memory : pinned_) {
      if (address >= memory.data() && address < memory.data() + memory.size()) return true;
    }
    return false;
  }

  Faults& faults_;
  DeviceLog& log_;
  std::deque<std::function<void()>> work_;
  std::array<std::int64_t, kMarks> marks_{};
  std::int64_t n_marks_ = 0;
  std::int64_t reached_ = 0;
  std::int64_t asked_for_ = 0;
  std::vector<float> scratch_;
  std::vector<std::span<const std::byte>> pinned_;
};

class EmulatedPlan final : public FftPlan {
 public:
  EmulatedPlan(EmulatedQueue& queue, const Faults& faults, std::shared_ptr<Dft> dft, int n_fft, int n_frames)
      : queue_(queue), faults_(faults), dft_(std::move(dft)), n_fft_(n_fft), n_frames_(n_frames) {}

  std::size_t work_bytes() const noexcept override { return 64; }
  void set_work_area(std::byte* device_memory) override { work_area_ = device_memory; }
  void run_async(float* input, Complex* spectra) override {
    if (work_area_ == nullptr) throw core::EngineError("a plan runs without its work area");
    queue_.enqueue([this, input, spectra] { run(input, spectra); });
  }

 private:
  void run(const float* input, Complex* spectra) const {
    const auto n_fft = static_cast<std::size_t>(n_fft_), n_bins = n_fft / 2 + 1;
    for (std::size_t frame = 0; frame < static_cast<std::size_t>(n_frames_); ++frame) {
      const float* const x = input + frame * n_fft;
      Complex* const out = spectra + frame * n_bins;
      dft_->run(x, out);
      if (faults_.bits_depend_on_batch) out[1].re += static_cast<float>(n_frames_) * 1e-7F;
      if (faults_.bits_depend_on_neighbours && n_frames_ > 1) {
        out[1].re += input[(frame + 1) % static_cast<std::size_t>(n_frames_) * n_fft + 1] * 1e-7F;
      }
    }
  }

  EmulatedQueue& queue_;
  const Faults& faults_;
  const std::shared_ptr<Dft> dft_;
  const int n_fft_;
  const int n_frames_;
  std::byte* work_area_ = nullptr;
};

class EmulatedDevice final : public Device {
 public:
  EmulatedDevice(Faults& faults, DeviceLog& log) : faults_(faults), log_(log), queue_(faults, log) {}

  const DeviceInfo& info() const noexcept override { return info_; }
  Memory allocate(std::size_t n_bytes) override {
    const std::lock_guard lock(mutex_);
    if (log_.device_bytes + n_bytes > faults_.memory_bytes) {
      throw UnusableDevice(engine::PluginError::kOutOfMemory, "the emulated device has no room");
    }
    ++log_.n_allocations;
    return take(n_bytes, log_.device_bytes);
  }
  Memory allocate_pinned(std::size_t n_bytes) override {
    const std::lock_guard lock(mutex_);
    ++log_.n_allocations;
    return take(n_bytes, log_.pinned_bytes);
  }
  void upload(std::byte* to, std::span<const std::byte> from) override {
    const std::lock_guard lock(mutex_);
    queue_.operation();
    std::memcpy(to, from.data(), from.size());
  }
  const std::byte* pin(std::span<std::byte> memory) override {
    const std::lock_guard lock(mutex_);
    queue_.add_pinned(memory);
    return memory.data();
  }
  std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) override {
    const std::lock_guard lock(mutex_);
    ++log_.n_plans;
    std::shared_ptr<Dft>& dft = dfts_[n_fft];
    if (!dft) dft = std::make_shared<Dft>(n_fft);
    return std::make_unique<EmulatedPlan>(queue_, faults_, dft, n_fft, n_frames);
  }
  Queue& queue() noexcept override { return queue_; }

 private:
  const DeviceInfo info_{"emulated device", "emulated", std::size_t{1} << 32};
  Faults& faults_;
  DeviceLog& log_;
  std::mutex mutex_;
  EmulatedQueue queue_;
  std::map<int, std::shared_ptr<Dft>> dfts_;  // by mutex_
};

}  // namespace

std::unique_ptr<Device> make_emulated_device(Faults& faults, DeviceLog& log) {
  return std::make_unique<EmulatedDevice>(faults, log);
}

}  // namespace melstream::test
