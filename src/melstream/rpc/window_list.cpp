#include "melstream/rpc/window_list.hpp"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

constexpr int kMaxWindows = 1'000;

}  // namespace

WindowList::WindowList(const Environment& environment, std::shared_ptr<const access::Grant> grant, v1::WindowList list,
                       std::chrono::system_clock::time_point deadline)
    : environment_(environment), grant_(std::move(grant)), list_(std::move(list)), deadline_(deadline) {
  const int n_windows = list_.windows_size();
  if (n_windows < 1 || n_windows > kMaxWindows) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      std::to_string(n_windows) + " are listed; take 1 to " + std::to_string(kMaxWindows), "windows");
  }
  for (const v1::GetWindowRequest& request : list_.windows()) entries_.push_back(make_entry(request));
  for (int i = 0; i < n_windows; ++i) {
    if (entries_[static_cast<std::size_t>(i)].query) {
      waiting_.push_back(i);
    } else {
      ready_.push_back(i);
    }
  }
  // So that look() asks each stream once.
  std::stable_sort(waiting_.begin(), waiting_.end(), [this](int a, int b) {
    return entries_[static_cast<std::size_t>(a)].stream < entries_[static_cast<std::size_t>(b)].stream;
  });
}

WindowList::Entry WindowList::make_entry(const v1::GetWindowRequest& request) const {
  try {
    const pipeline::Registry& registry = environment_.registry();
    return {window_query(request, registry.catalog()), {}, find_window_stream(request, registry, *grant_)};
  } catch (const std::exception& error) {
    return {std::nullopt, to_status(error), nullptr};
  }
}

void WindowList::look() {
  const bool in_time = std::chrono::system_clock::now() + kBeforeDeadline < deadline_;
  std::vector<int> ready;
  pipeline::WindowReach reach;
  const pipeline::Stream* reached = nullptr;
  std::erase_if(waiting_, [&](int place) {
    const Entry& entry = entries_[static_cast<std::size_t>(place)];
    if (reached != entry.stream.get()) {
      reached = entry.stream.get();
      reach = pipeline::WindowReader::reach(*entry.stream);
    }
    if (in_time && pipeline::WindowReader::must_wait(reach, entry.query->window)) return false;
    ready.push_back(place);
    return true;
  });
  // Those of one moment in the list's order.
  std::sort(ready.begin(), ready.end());
  ready_.insert(ready_.end(), ready.begin(), ready.end());
}

WindowAnswers::Next WindowList::next(v1::GetWindowsResponse& response) {
  if (ready_.empty()) return waiting_.empty() ? Next::kOver : Next::kNotYet;
  const int place = ready_.front();
  ready_.pop_front();
  const v1::GetWindowRequest& request = list_.windows(place);
  response.set_index(place);
  response.set_stream(request.stream());
  response.mutable_window()->set_begin_sample(request.begin_sample());
  response.mutable_window()->set_end_sample(request.end_sample());
  Entry& entry = entries_[static_cast<std::size_t>(place)];
  answer(entry, response);
  entry = {};  // it is told: nothing of its stream is kept any longer
  return Next::kResponse;
}

void WindowList::answer(const Entry& entry, v1::GetWindowsResponse& response) const {
  if (!entry.query) return set_window_failure(entry.refusal, *response.mutable_failure());
  try {
    answer_window(environment_, *entry.stream, *entry.query, *response.mutable_answer());
  } catch (const std::exception& error) {
    set_window_failure(to_status(error), *response.mutable_failure());
  }
}

}  // namespace melstream::rpc
