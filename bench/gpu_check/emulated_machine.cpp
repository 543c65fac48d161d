// The emulated device of the tests as a machine: the tool itself is tried where there is no GPU. Its times say nothing.
#include <chrono>
#include <cstring>
#include <vector>

#include "bench/gpu_check/machine.hpp"
#include "tests/engine/cuda/emulated_clip_device.hpp"
#include "tests/engine/cuda/emulated_device.hpp"

namespace melstream::bench {
namespace {

class EmulatedMachine final : public Machine {
 public:
  EmulatedMachine() : Machine({{{"device", "emulated: times say nothing"}}, true, 64}) {}

  std::unique_ptr<engine::cuda::Device> open(bool /*measure*/) override {
    return test::make_emulated_device(faults_, log_);
  }
  std::unique_ptr<engine::cuda::ClipDevice> open_clips() override {
    clip_machine_.is_done_at_once = true;
    return std::make_unique<test::EmulatedClipDevice>(clip_machine_);
  }
  void* stream(int /*number*/) override { return nullptr; }
  double copy_seconds(Direction /*direction*/, std::size_t n_bytes) override {
    const std::vector<char> from(n_bytes, 1);
    std::vector<char> to(n_bytes);
    const auto begin = std::chrono::steady_clock::now();
    std::memcpy(to.data(), from.data(), n_bytes);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  void break_down(Breakage how) override {
    if (how == Breakage::kIllegalAccess) faults_.fail_after_operations = 0;
    if (how == Breakage::kHang) faults_.hang_after_marks = 0;
  }
  MemoryUse memory_use() override { return {log_.device_bytes, "allocated"}; }

 private:
  test::Faults faults_;
  test::DeviceLog log_;
  test::ClipMachine clip_machine_;
};

}  // namespace

std::unique_ptr<Machine> make_emulated_machine() { return std::make_unique<EmulatedMachine>(); }

}  // namespace melstream::bench
