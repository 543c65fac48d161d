// One Subscribe call: what the daemon sends of one stream's features.
#pragma once

#include <memory>

#include "client/connection.hpp"

namespace melstream::client {

class Subscriber {
 public:
  /// Sends the request; what the daemon says to it comes from next().
  Subscriber(const Connection& connection, const v1::SubscribeConfig& config);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// The next response. False after the last, and after cancel(). Throws CallError. Blocks. One thread.
  bool next(v1::SubscribeResponse& response);
  /// Any thread.
  void cancel() noexcept;

 private:
  struct Call;
  std::unique_ptr<Call> call_;
};

}  // namespace melstream::client
