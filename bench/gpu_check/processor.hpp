// The host: its processor, and the memory that is left.
#pragma once

#include <cstddef>
#include <string>

namespace melstream::bench {

std::string processor_name();
/// Hardware threads, at least 1.
int n_processors();
/// Bytes that programs can still take without swapping; 0 if unknown.
std::size_t available_bytes();

}  // namespace melstream::bench
