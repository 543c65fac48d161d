#include "melstream/rpc/stream_selection.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::rpc {
namespace {

constexpr int kMaxIds = 10'000;
constexpr std::size_t kMaxTextBytes = 80;

[[noreturn]] void refuse(const std::string& message, const std::string& field) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, field);
}

std::vector<std::string> checked_ids(const v1::StreamIds& ids) {
  if (ids.ids().empty()) refuse("none is named; name one or more, or select all", "ids");
  if (ids.ids_size() > kMaxIds) {
    refuse(std::to_string(ids.ids_size()) + " are named; name " + std::to_string(kMaxIds) +
               " at most, or select by labels",
           "ids");
  }
  std::vector<std::string> sorted(ids.ids().begin(), ids.ids().end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  for (const std::string& id : sorted) {
    try {
      pipeline::validate_stream_id(id);
    } catch (const core::Error& error) {
      refuse(error.what(), "ids");
    }
  }
  return sorted;
}

/// One line whatever is in it, cut between characters (of UTF-8).
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool begins_character = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (begins_character && line.size() >= kMaxTextBytes) return line + "...";
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      line += c;
    } else {
      char hex[5];
      std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned char>(c));
      line += hex;
    }
  }
  return line;
}

std::string ids_text(const std::vector<std::string>& ids) {
  std::string text = "ids: " + ids.front();
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (text.size() + ids[i].size() + 2 > kMaxTextBytes) {
      return text + ", ... (" + std::to_string(ids.size()) + ")";
    }
    text += ", " + ids[i];
  }
  return text;
}

}  // namespace

StreamSelection::StreamSelection(const v1::StreamSelection& selection, std::shared_ptr<const access::Grant> grant)
    : grant_(std::move(grant)) {
  switch (selection.selection_case()) {
    case v1::StreamSelection::kIds:
      ids_ = checked_ids(selection.ids());
      for (const std::string& id : ids_) {
        if (grant_) grant_->require(id);
      }
      return;
    case v1::StreamSelection::kLabels:
      labels_.emplace(selection.labels());
      return;
    case v1::StreamSelection::kAll:
      return;
    case v1::StreamSelection::SELECTION_NOT_SET:
      break;
  }
  refuse("nothing is selected; set ids, labels or all", "streams");
}

bool StreamSelection::contains(const pipeline::Stream& stream) const {
  if (grant_ && !grant_->reaches(stream.id())) return false;
  if (labels_) return labels_->matches(stream.labels());
  return ids_.empty() || std::binary_search(ids_.begin(), ids_.end(), stream.id());
}

std::string StreamSelection::text() const {
  if (labels_) return one_line("labels: " + labels_->text());
  return ids_.empty() ? "all" : ids_text(ids_);
}

}  // namespace melstream::rpc
