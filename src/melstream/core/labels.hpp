// What users may write on a stream or a source to find it again.
#pragma once

#include <map>
#include <string>

namespace melstream::core {

/// Throws Error(kInvalidArgument, field labels) beyond 32 labels of 256 bytes a key or value: they live as long as
/// their stream and go into every list.
void validate_labels(const std::map<std::string, std::string>& labels);

}  // namespace melstream::core
