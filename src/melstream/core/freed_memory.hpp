// Audio passes through heap memory of libraries that free it as it is. The allocator can overwrite what is freed.
#pragma once

namespace melstream::core {

/// From now on free() overwrites every block of more than about 1 KiB (glibc keeps smaller ones in a cache per thread,
/// untouched, unless daemon/loader_settings.hpp has it smaller), so that no freed copy of audio stays readable.
/// Process-wide: for a program's main(), before threads start. No effect on other C libraries and under the sanitizers.
void wipe_freed_memory() noexcept;

}  // namespace melstream::core
