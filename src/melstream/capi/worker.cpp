#include "melstream/capi/worker.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace melstream::capi {

const engine::Prepared& Worker::prepared(const std::shared_ptr<const engine::FrontEnd>& front_end,
                                         engine::Smoothing smoothing) {
  constexpr std::size_t kKept = 16;
  const auto known = std::find_if(prepared_.begin(), prepared_.end(), [&](const auto& prepared) {
    return prepared->smoothing() == smoothing &&
           (&prepared->front_end() == front_end.get() || prepared->front_end().sha256() == front_end->sha256());
  });
  if (known != prepared_.end()) {
    std::rotate(known, known + 1, prepared_.end());
  } else {
    auto made = instance_.engine->prepare(front_end, smoothing);
    if (prepared_.size() == kKept) prepared_.erase(prepared_.begin());
    prepared_.push_back(std::move(made));
  }
  return *prepared_.back();
}

void Worker::run(std::span<const engine::Lane> lanes, std::span<const engine::RowsPlace> places,
                 std::span<float> maxima) {
  is_usable_ = false;
  const engine::Ticket ticket = instance_.engine->submit({.lanes = lanes, .maxima = maxima, .places = places});
  while (!instance_.engine->poll(ticket, std::chrono::seconds(1))) {
  }
  is_usable_ = true;
}

}  // namespace melstream::capi
