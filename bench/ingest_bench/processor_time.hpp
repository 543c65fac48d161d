// Processor time of threads, and which core they run on.
#pragma once

#include <map>
#include <string>

namespace melstream::bench {

/// This thread, and those that it starts from now on. Throws std::runtime_error.
void pin_to(int core);
/// Seconds of each thread of this process so far, by name.
std::map<std::string, double> thread_seconds();

}  // namespace melstream::bench
