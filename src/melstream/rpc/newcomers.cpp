#include "melstream/rpc/newcomers.hpp"

#include <algorithm>
#include <utility>

namespace melstream::rpc {

Newcomers::Newcomers(const pipeline::Registry& registry, StreamSelection selection)
    : registry_(registry), selection_(std::move(selection)) {}

void Newcomers::look() {
  const std::uint64_t generation = registry_.generation();
  if (generation == seen_generation_) return;
  seen_generation_ = generation;
  std::set<std::uint64_t> there;
  std::vector<std::shared_ptr<pipeline::Stream>> found;
  for (auto& stream : registry_.all()) {
    there.insert(stream->epoch());
    const bool was_over = !has_looked_ && stream->ended();
    if (knows(stream->epoch()) || !selection_.contains(*stream)) continue;
    know(stream->epoch());
    if (!was_over) found.push_back(std::move(stream));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a->opened_order() < b->opened_order(); });
  for (const auto& stream : found) {
    found_.push_back({.id = stream->id(), .epoch = stream->epoch(), .is_first = !has_looked_, .stream = stream});
  }
  std::erase_if(known_, [&](std::uint64_t epoch) { return there.count(epoch) == 0; });
  has_looked_ = true;
}

std::vector<Newcomers::Newcomer> Newcomers::take() {
  std::vector<Newcomer> taken;
  taken.reserve(found_.size());
  for (Found& one : found_) {
    taken.push_back(
        {.id = std::move(one.id), .epoch = one.epoch, .is_first = one.is_first, .stream = one.stream.lock()});
  }
  found_.clear();
  return taken;
}

}  // namespace melstream::rpc
