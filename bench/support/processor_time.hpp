// Processor time and memory of processes and their threads, and which core they run on.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <sys/types.h>

namespace melstream::bench {

/// This thread, and those that it starts from now on. Throws std::runtime_error.
void pin_to(int core);
/// As pin_to(), but only where there are two cores.
void pin_if_two(int core);
/// Seconds of each thread of a process so far, by name. @param pid 0: this one.
std::map<std::string, double> thread_seconds(pid_t pid = 0);
/// Of all threads that the process has or had. Throws std::runtime_error.
double process_seconds(pid_t pid);
/// What the process holds of the machine's memory.
std::int64_t resident_bytes(pid_t pid);

}  // namespace melstream::bench
