// Finds a front end's tables again while they are in use; front ends whose transforms agree share one transform.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/engine/engine.hpp"

namespace melstream::engine {

/// @tparam Maker of a backend: types Transform (with a member spec) and Made (a Prepared), and
///   std::shared_ptr<const Transform> transform(const TransformSpec&);
///   std::shared_ptr<const Made> prepared(front_end, smoothing, std::shared_ptr<const Transform>);
/// Thread-safe; calls of the maker are made one at a time. Holds what is in use, no longer.
template <typename Maker>
class PreparedCache {
 public:
  using Made = typename Maker::Made;
  using Transform = typename Maker::Transform;

  explicit PreparedCache(Maker maker) : maker_(std::move(maker)) {}

  /// Throws Error(kInvalidArgument, field smoothing) where the front end allows none.
  std::shared_ptr<const Made> find_or_make(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing) {
    if (smoothing != Smoothing::kNone && !front_end->allows_smoothing()) {
      throw core::Error(core::ErrorCode::kInvalidArgument,
                        "front end " + front_end->name() + " allows no smoothing; use none", "smoothing");
    }
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const Made> known = find(prepared_, [&](const Made& prepared) {
      return prepared.smoothing() == smoothing && prepared.front_end().name() == front_end->name() &&
             prepared.front_end().sha256() == front_end->sha256();
    });
    if (known) return known;
    std::shared_ptr<const Made> made =
        maker_.prepared(front_end, smoothing, find_or_make_transform(front_end->spec().transform));
    prepared_.push_back(made);
    return made;
  }

 private:
  template <typename Entry, typename IsWanted>
  static std::shared_ptr<const Entry> find(std::vector<std::weak_ptr<const Entry>>& entries,
                                           const IsWanted& is_wanted) {
    std::erase_if(entries, [](const auto& entry) { return entry.expired(); });
    for (const auto& entry : entries) {
      std::shared_ptr<const Entry> known = entry.lock();
      if (known && is_wanted(*known)) return known;
    }
    return nullptr;
  }

  std::shared_ptr<const Transform> find_or_make_transform(const TransformSpec& spec) {
    std::shared_ptr<const Transform> known =
        find(transforms_, [&](const Transform& transform) { return transform.spec == spec; });
    if (known) return known;
    std::shared_ptr<const Transform> made = maker_.transform(spec);
    transforms_.push_back(made);
    return made;
  }

  Maker maker_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<const Made>> prepared_;         // by mutex_
  std::vector<std::weak_ptr<const Transform>> transforms_;  // by mutex_
};

}  // namespace melstream::engine
