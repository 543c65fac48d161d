// GetWindows of a list: each window is answered once its samples are there, in the order in which they become so.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "melstream/rpc/window_answers.hpp"
#include "melstream/rpc/window_query.hpp"

namespace melstream::rpc {

class WindowList final : public WindowAnswers {
 public:
  /// Throws Error(kInvalidArgument, field windows) for none, or more than 1,000. What is wrong with one of them is told
  /// in its place.
  WindowList(const Environment& environment, std::shared_ptr<const access::Grant> grant, v1::WindowList list,
             std::chrono::system_clock::time_point deadline);
  void look() override;
  Next next(v1::GetWindowsResponse& response) override;

 private:
  struct Entry {
    std::optional<WindowQuery> query;  ///< or else
    grpc::Status refusal;
    std::shared_ptr<pipeline::Stream> stream;
  };

  Entry make_entry(const v1::GetWindowRequest& request) const;
  void answer(const Entry& entry, v1::GetWindowsResponse& response) const;

  const Environment& environment_;
  const std::shared_ptr<const access::Grant> grant_;
  const v1::WindowList list_;
  const std::chrono::system_clock::time_point deadline_;
  std::vector<Entry> entries_;  ///< one a window, in the list's order
  std::vector<int> waiting_;    ///< their places, ordered by stream
  std::deque<int> ready_;       ///< in the order in which they became ready
};

}  // namespace melstream::rpc
