// Which streams a call is about, now and later: v1::StreamSelection checked once. A value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "melstream/access/access.hpp"
#include "melstream/core/label_expression.hpp"
#include "melstream/pipeline/stream.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

class StreamSelection {
 public:
  /// All that the caller may reach. @param grant null: no limits.
  explicit StreamSelection(std::shared_ptr<const access::Grant> grant = nullptr) : grant_(std::move(grant)) {}
  /// Of those. Throws Error(kInvalidArgument) with the field: streams (nothing is set), ids (none, more than 10,000,
  /// one that no stream can have), labels; kPermissionDenied for an id that the caller may not reach.
  explicit StreamSelection(const v1::StreamSelection& selection, std::shared_ptr<const access::Grant> grant = nullptr);

  bool contains(const pipeline::Stream& stream) const;
  /// Those that were named, sorted; empty if it is labels or all.
  const std::vector<std::string>& ids() const noexcept { return ids_; }
  /// One line of about 80 characters for lists and logs: "all", "labels: room=4", "ids: a, b, ... (12)".
  std::string text() const;

 private:
  std::shared_ptr<const access::Grant> grant_;
  std::optional<core::LabelExpression> labels_;
  std::vector<std::string> ids_;  ///< sorted, each once; empty unless ids were given
};

}  // namespace melstream::rpc
