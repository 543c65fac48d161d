// --label key=value.
#pragma once

#include <string>
#include <vector>

#include <google/protobuf/map.h>

namespace melstream::client {

/// Throws ClientError(kUsage) for a label without a key or a value.
void add_labels(const std::vector<std::string>& labels, google::protobuf::Map<std::string, std::string>& out);

}  // namespace melstream::client
