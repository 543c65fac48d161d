// How much memory this process may still take. Control threads.
#pragma once

#include <cstdint>
#include <filesystem>

namespace melstream::daemon {

/// The least of the kernel's MemAvailable and what the limits of the control groups (versions 1 and 2) leave; the
/// largest number if nothing is known.
/// @param root of the file system, for tests.
std::int64_t available_memory_bytes(const std::filesystem::path& root = "/");

/// What this process may lock in RAM: RLIMIT_MEMLOCK, or the largest number with CAP_IPC_LOCK.
std::int64_t lockable_memory_bytes(const std::filesystem::path& root = "/");

}  // namespace melstream::daemon
