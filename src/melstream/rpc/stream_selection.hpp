// Which streams a call is about, now and later: v1::StreamSelection checked once. A value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "melstream/core/label_expression.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

class StreamSelection {
 public:
  /// All.
  StreamSelection() = default;
  /// Throws Error(kInvalidArgument) with the field: streams (nothing is set), ids (none, more than 10,000, one that no
  /// stream can have), labels.
  explicit StreamSelection(const v1::StreamSelection& selection);

  bool contains(const pipeline::Stream& stream) const;
  /// One line of about 80 characters for lists and logs: "all", "labels: room=4", "ids: a, b, ... (12)".
  std::string text() const;

 private:
  std::optional<core::LabelExpression> labels_;
  std::vector<std::string> ids_;  ///< sorted, each once; empty unless ids were given
};

}  // namespace melstream::rpc
