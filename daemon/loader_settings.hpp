// What can be told to the dynamic loader and the allocator only before a program begins. Main thread.
#pragma once

namespace melstream::daemon {

/// Starts this very program anew, in the same process, unless it has these settings already:
///   - LD_BIND_NOW: all symbols are bound at the start. Else the first call of each function of a library saves all
///   vector
///     registers on the stack, where up to 2 kB of the audio that was last copied then stays.
///   - glibc.malloc.tcache_max: blocks that could hold 64 bytes of audio are overwritten when they are freed, and not
///   kept
///     as they are in a cache (core::wipe_freed_memory()).
/// Call before other threads, descriptors and signals. Goes on without them if that fails; under other C libraries they
/// have no effect.
void use_loader_settings() noexcept;

}  // namespace melstream::daemon
