// Whole text files in memory.
#pragma once

#include <string>

namespace melstream::client {

/// Throws ClientError(kInput) where it is missing, a directory, unreadable, or over 64 MiB.
std::string read_text_file(const std::string& path);

}  // namespace melstream::client
