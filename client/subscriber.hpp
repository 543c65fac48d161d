// One Subscribe call: what the daemon sends of one stream's features, or of many, and the acknowledgements for it.
#pragma once

#include <chrono>
#include <memory>

#include "client/connection.hpp"

namespace melstream::client {

struct SubscriberOptions {
  /// Tells the daemon how far the responses were read, so that it sees a reader behind a proxy that buffers.
  bool acknowledge = true;
  /// A daemon that has said nothing for so long counts as lost, although its connection stands: it sends heartbeats
  /// each second. 0: it may take forever.
  std::chrono::milliseconds longest_silence{0};
};

class Subscriber {
 public:
  /// What the daemon says to the request comes from next().
  Subscriber(const Connection& connection, const v1::SubscribeConfig& config, const SubscriberOptions& options = {});
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// The next response, never a batch: those in one come one by one. Acknowledges what it returned before, when that is
  /// due, also while it waits. False after the last, and after cancel(). Throws CallError, or ClientError(kUnavailable)
  /// after too long a silence. Blocks. One thread.
  bool next(v1::SubscribeResponse& response);
  /// Any thread.
  void cancel() noexcept;

 private:
  struct Call;
  std::unique_ptr<Call> call_;
};

}  // namespace melstream::client
