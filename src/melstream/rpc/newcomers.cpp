#include "melstream/rpc/newcomers.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "melstream/core/error.hpp"

namespace melstream::rpc {
namespace {

constexpr std::size_t kMostFound = 10'000;

}  // namespace

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
    found_.push_back({.id = stream->id(), .epoch = stream->epoch(), .is_first = !has_looked_});
  }
  if (has_looked_ && found_.size() > kMostFound) {
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      std::to_string(kMostFound) + " streams were opened while this reader took nothing; read faster");
  }
  std::erase_if(known_, [&](std::uint64_t epoch) { return there.count(epoch) == 0; });
  has_looked_ = true;
}

std::optional<Newcomers::Newcomer> Newcomers::take() {
  if (found_.empty()) return std::nullopt;
  const Found one = std::move(found_.front());
  found_.pop_front();
  return Newcomer{
      .id = one.id, .epoch = one.epoch, .is_first = one.is_first, .stream = registry_.find(one.id, one.epoch)};
}

}  // namespace melstream::rpc
