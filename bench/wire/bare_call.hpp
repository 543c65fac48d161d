// One call of a BareServer: audio that comes in, or blocks that go out. On the server's thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>

#include "bench/wire/block_writer.hpp"

namespace melstream::bench {

class BareServer;

class BareCall {
 public:
  enum class Step : std::uint8_t { kAccept, kRead, kWrite, kFinish };
  struct Tag {
    BareCall* call;
    Step step;
  };

  /// Waits for a client.
  BareCall(BareServer& server, grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue);
  BareCall(const BareCall&) = delete;
  BareCall& operator=(const BareCall&) = delete;

  void complete(Step step, bool ok);
  /// Writes what is due, if a write can be started.
  void pump();
  /// Nothing is under way.
  bool over() const noexcept { return n_pending_ == 0; }

 private:
  enum class Kind : std::uint8_t { kStream, kBatch, kSubscribe };

  void* tag(Step step) noexcept;
  void read();
  void on_first(const std::string& request);
  void open_stream(const std::string& request);
  void open_batch(const std::string& request);
  void subscribe(const std::string& request);
  void on_audio();
  void write(const grpc::ByteBuffer& message);
  bool next_block(std::size_t track);
  void pump_one();
  void pump_many();

  BareServer& server_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  std::array<Tag, 4> tags_;
  int n_pending_ = 0;
  Kind kind_ = Kind::kStream;
  bool configured_ = false;
  bool writing_ = false;
  bool finished_ = false;
  grpc::ByteBuffer request_;
  int first_stream_ = 0;            ///< that it publishes or reads
  std::int64_t n_messages_ = 0;     ///< of a batch
  bool many_ = false;               ///< reads all streams
  std::vector<BlockHead> heads_;    ///< the next block of each stream that it reads
  std::deque<std::string> starts_;  ///< to be written first
  std::size_t turn_ = 0;            ///< stream that the next batch begins with
};

}  // namespace melstream::bench
