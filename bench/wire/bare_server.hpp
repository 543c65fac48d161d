// The limit that gRPC sets: a server on one completion queue that takes the same messages and writes blocks of the same
// size at the same times, with constant values. It decodes no audio and computes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include "bench/wire/load.hpp"

namespace melstream::bench {

class BareCall;

class BareServer {
 public:
  BareServer(const ServerLoad& load, const AudioLoad& audio, const std::string& socket_path);
  BareServer(const BareServer&) = delete;
  BareServer& operator=(const BareServer&) = delete;
  ~BareServer();

  const std::string& address() const noexcept { return address_; }
  /// Serves on this thread until `stop` is set.
  void run(const std::atomic<bool>& stop);

 private:
  friend class BareCall;
  /// Frames of a stream whose audio is there.
  std::int64_t n_frames(int stream) const noexcept;
  /// Audio of these streams has come.
  void advance(int first_stream, int n_streams);
  void wait_for_call();
  void pump_all();

  const ServerLoad load_;
  const AudioLoad audio_;
  std::string address_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::list<std::unique_ptr<BareCall>> calls_;
  std::vector<BareCall*> readers_;                 ///< calls of Subscribe
  std::vector<std::vector<BareCall*>> by_stream_;  ///< of them, those to one stream
  std::vector<std::int64_t> n_chunks_;             ///< by stream
};

}  // namespace melstream::bench
