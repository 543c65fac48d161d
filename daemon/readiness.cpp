#include "daemon/readiness.hpp"

#include <utility>

namespace melstream::daemon {

void Readiness::set(Check check, std::string why) {
  const std::lock_guard lock(mutex_);
  reasons_[static_cast<std::size_t>(check)] = std::move(why);
}

std::vector<std::string> Readiness::failing() const {
  std::vector<std::string> lines;
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < reasons_.size(); ++i) {
    if (!reasons_[i].empty()) lines.push_back(std::string(kCheckNames[i]) + ": " + reasons_[i]);
  }
  return lines;
}

}  // namespace melstream::daemon
