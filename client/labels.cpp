#include "client/labels.hpp"

#include "client/exit_codes.hpp"

namespace melstream::client {

void add_labels(const std::vector<std::string>& labels, google::protobuf::Map<std::string, std::string>& out) {
  for (const auto& label : labels) {
    const auto equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw ClientError(ExitCode::kUsage, "--label '" + label + "': use key=value");
    }
    out[label.substr(0, equals)] = label.substr(equals + 1);
  }
}

}  // namespace melstream::client
