// A process that sends live audio on time: a chunk of each stream every so many milliseconds, streams spread evenly.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/wire/load.hpp"
#include "bench/wire/raw_call.hpp"
#include "bench/wire/send_log.hpp"

namespace melstream::bench {

class Publisher final : public RawCall::Owner {
 public:
  /// Opens all streams and waits for each to be started. Throws std::runtime_error.
  Publisher(const AudioLoad& load, const std::string& address, SendLog& log, Control& control);
  /// Sends from `publish` to `stop_publisher`; then ends the streams and waits for their end.
  void run();

 private:
  /// What is sent at one time: a stream's chunk, or the chunks of many streams.
  struct Message {
    int first_stream = 0;
    int n_streams = 1;
    std::vector<grpc::ByteBuffer> variants;
    RawCall* call = nullptr;
    std::int64_t n_sent = 0;
  };

  void on_read(RawCall& call) override;
  void on_written(RawCall& call) override;
  void on_end(RawCall& call) override;
  void open_streams(const std::string& address);
  void open_batch(const std::string& address);
  void send_due(std::int64_t now_ns);
  void send(Message& message);
  void send_or_wait(Message& message);

  const AudioLoad load_;
  SendLog& log_;
  Control& control_;
  CallQueue queue_;
  std::vector<std::unique_ptr<RawCall>> calls_;
  std::vector<Message> messages_;   ///< in the order in which they are due within a chunk's time
  std::vector<std::size_t> waits_;  ///< messages that are due and whose call is busy
  std::size_t n_started_ = 0;
  std::size_t n_ended_ = 0;
  std::int64_t n_due_ = 0;  ///< messages that were due so far
};

}  // namespace melstream::bench
