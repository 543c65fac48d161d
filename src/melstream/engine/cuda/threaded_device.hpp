// A device whose queue never waits for the driver: a thread of its own hands the work over and asks for the marks. A
// driver that hangs then hangs that thread; the tick thread sees a mark that is not reached, and gives up in time.
#pragma once

#include <memory>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::engine::cuda {

/// The thread is "ms-cuda". What the inner queue throws is thrown by the next call of the outer one. The destructor
/// waits for the thread, so for a driver that hangs as well: who gives up on a device must not destroy it.
/// @param spin the thread burns its processor while work is on the device, for the shortest wake-up.
std::unique_ptr<Device> make_threaded(std::unique_ptr<Device> inner, bool spin);

}  // namespace melstream::engine::cuda
