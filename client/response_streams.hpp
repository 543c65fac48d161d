// Calls that the daemon answers with a stream of responses: GetWindows and WatchStreams.
#pragma once

#include <memory>

#include "client/connection.hpp"

namespace melstream::client {

/// @tparam Response v1::GetWindowsResponse or v1::WatchStreamsResponse.
template <typename Request, typename Response>
class ResponseStream {
 public:
  /// Sends the request; what the daemon says to it comes from next(). @param timeout_seconds of the call; 0: none.
  ResponseStream(const Connection& connection, const Request& request, double timeout_seconds);
  ~ResponseStream();
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  /// The next response. False after the last, and after cancel(). Throws CallError. Blocks. One thread.
  bool next(Response& response);
  /// Any thread.
  void cancel() noexcept;

 private:
  struct Call;
  std::unique_ptr<Call> call_;
};

using WindowsStream = ResponseStream<v1::GetWindowsRequest, v1::GetWindowsResponse>;
using WatchStream = ResponseStream<v1::WatchStreamsRequest, v1::WatchStreamsResponse>;

}  // namespace melstream::client
