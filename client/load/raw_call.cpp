#include "client/load/raw_call.hpp"

#include <utility>

#include <grpc/support/time.h>

#include "client/load/steady_time.hpp"

namespace melstream::client {
namespace {

gpr_timespec in(std::int64_t ns) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(ns, GPR_TIMESPAN));
}

}  // namespace

grpc::ByteBuffer to_buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

RawCall::RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, CallQueue& queue, int index,
                 Owner& owner, const grpc::ByteBuffer& first)
    : queue_(queue),
      owner_(owner),
      index_(index),
      tags_{{{this, Step::kStart},
             {this, Step::kWrite},
             {this, Step::kWritesDone},
             {this, Step::kRead},
             {this, Step::kFinish}}},
      stub_(channel),
      first_(first) {
  context_.set_wait_for_ready(true);
  stream_ = stub_.PrepareCall(&context_, method, &queue.queue_);
  stream_->StartCall(tag(Step::kStart));
}

void* RawCall::tag(Step step) noexcept {
  ++queue_.n_pending_;
  return &tags_[static_cast<std::size_t>(step)];
}

void RawCall::write(const grpc::ByteBuffer& message) {
  writing_ = true;
  stream_->Write(message, tag(Step::kWrite));
}

void RawCall::writes_done() {
  writing_ = true;
  stream_->WritesDone(tag(Step::kWritesDone));
}

void RawCall::complete(Step step, bool ok) {
  --queue_.n_pending_;
  switch (step) {
    case Step::kStart:
      started_ = true;
      if (ok) write(first_);
      stream_->Read(&message_, tag(Step::kRead));
      break;
    case Step::kWrite:
      writing_ = false;
      if (ok) owner_.on_written(*this);
      break;
    case Step::kWritesDone:
      break;
    case Step::kRead:
      if (!ok) {
        stream_->Finish(&status_, tag(Step::kFinish));
        break;
      }
      owner_.on_read(*this);
      message_.Clear();
      stream_->Read(&message_, tag(Step::kRead));
      break;
    case Step::kFinish:
      ended_ = true;
      owner_.on_end(*this);
      break;
  }
}

CallQueue::~CallQueue() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void CallQueue::end(const std::vector<std::unique_ptr<RawCall>>& calls) {
  constexpr std::int64_t kLookNs = 1'000'000;
  for (const auto& call : calls) {
    if (!call->ended()) call->cancel();
  }
  while (busy()) run_until(steady_ns() + kLookNs);
}

void CallQueue::run_until(std::int64_t until_ns) {
  void* tag = nullptr;
  bool ok = false;
  const gpr_timespec deadline = until_ns == 0 ? gpr_time_0(GPR_CLOCK_MONOTONIC) : in(until_ns - steady_ns());
  while (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
    const auto& [call, step] = *static_cast<RawCall::Tag*>(tag);
    call->complete(step, ok);
    if (until_ns != 0 && steady_ns() >= until_ns) return;
  }
}

}  // namespace melstream::client
