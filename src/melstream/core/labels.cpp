#include "melstream/core/labels.hpp"

#include <cstddef>

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

constexpr std::size_t kMaxLabels = 32;
constexpr std::size_t kMaxLabelBytes = 256;

}  // namespace

void validate_labels(const std::map<std::string, std::string>& labels) {
  if (labels.size() > kMaxLabels) {
    throw Error(ErrorCode::kInvalidArgument,
                std::to_string(labels.size()) + " labels; at most " + std::to_string(kMaxLabels), "labels");
  }
  for (const auto& [key, value] : labels) {
    if (!key.empty() && key.size() <= kMaxLabelBytes && value.size() <= kMaxLabelBytes) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "labels: keys need 1 to " + std::to_string(kMaxLabelBytes) + " bytes, values at most " +
                    std::to_string(kMaxLabelBytes),
                "labels");
  }
}

}  // namespace melstream::core
