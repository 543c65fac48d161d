// Where gpu_check runs: a GPU, or the emulated device.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/threaded_device.hpp"

namespace melstream::bench {

enum class Direction { kToDevice, kToHost, kOnDevice };
enum class Breakage {
  kIllegalAccess,  ///< a kernel writes to an address that is nobody's
  kHang,           ///< a kernel holds the whole device for far longer than a tick may take
};

struct MemoryUse {
  std::size_t bytes = 0;
  std::string how;  ///< what is counted
};

/// All functions throw core::EngineError or engine::cuda::UnusableDevice. Thread: one.
class Machine {
 public:
  struct Traits {
    std::vector<std::pair<std::string, std::string>> facts;
    bool is_emulated = false;
    int unit_frames = 8192;  ///< cuda::Options::unit_frames that suits it
  };

  explicit Machine(Traits traits) : traits_(std::move(traits)) {}
  virtual ~Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  const Traits& traits() const noexcept { return traits_; }
  /// @param measure whether its queue tells times.
  virtual std::unique_ptr<engine::cuda::Device> open(bool measure) = 0;
  /// As the plugin opens it: with a thread that calls the driver.
  std::unique_ptr<engine::cuda::Device> open_threaded(bool spin = false, bool measure = false) {
    return engine::cuda::make_threaded(open(measure), spin);
  }
  virtual std::unique_ptr<engine::cuda::ClipDevice> open_clips() = 0;
  /// A stream of a program that computes there: a cudaStream_t. @param number 0, 1, ...
  virtual void* stream(int number) = 0;
  /// Seconds of one copy from or to pinned memory, the best of several.
  virtual double copy_seconds(Direction direction, std::size_t n_bytes) = 0;
  /// Ends the device for this process. Returns at once.
  virtual void break_down(Breakage how) = 0;
  /// Of the device, by this process since the machine was made.
  virtual MemoryUse memory_use() = 0;

 private:
  const Traits traits_;
};

std::unique_ptr<Machine> make_emulated_machine();
/// Throws UnusableDevice if there is no such GPU, or if this program was built without CUDA.
std::unique_ptr<Machine> make_gpu_machine(int device);

}  // namespace melstream::bench
