// A device made of host memory: the CUDA kernels run as ordinary functions, a warp at a time, and the FFT is a plain
// sum in double precision. Work is done when its queue is asked whether a mark was reached, never before, so that what
// a real device would do late is done late here too. It can be told to fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::test {

struct Faults {
  /// Operations (copies, launches, marks, allocations, ...) until the device fails for good; < 0: never.
  std::int64_t fail_after_operations = -1;
  /// Marks are never reached any more once this many were.
  std::int64_t hang_after_marks = -1;
  /// How often a mark is asked for until it is reached. Twice at least, so that who forgets to wait is found out.
  int asks_until_reached = 2;
  /// FFTs of different batch sizes give different bits.
  bool bits_depend_on_batch = false;
  /// FFTs give different bits beside other frames, in any batch.
  bool bits_depend_on_neighbours = false;
  /// Kernels cannot read memory of the host.
  bool pins_nothing = false;
  /// Bytes of device memory.
  std::size_t memory_bytes = std::size_t{1} << 32;
  /// Called whenever a mark is asked for and not reached: a test turns its clock here.
  std::function<void()> on_wait;
};

/// What a test sees of a device. Outlives it.
struct DeviceLog {
  std::size_t device_bytes = 0;  ///< allocated now
  std::size_t pinned_bytes = 0;
  std::int64_t n_allocations = 0;  ///< device and pinned, ever
  std::int64_t n_plans = 0;
  std::int64_t n_operations = 0;
  std::int64_t n_marks_reached = 0;
  std::int64_t n_transforms = 0;          ///< runs of plans
  std::int64_t n_transformed_frames = 0;  ///< in them
  std::int64_t n_gathered = 0;            ///< frames
  std::int64_t n_gathered_in_place = 0;   ///< frames whose samples lay in pinned memory of the host's own
};

/// Allocates nothing but what it is asked for. Faults may be changed by the test while the device lives.
std::unique_ptr<engine::cuda::Device> make_emulated_device(Faults& faults, DeviceLog& log);

}  // namespace melstream::test
