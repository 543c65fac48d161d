#include "client/subscription_session.hpp"

#include <cstdio>
#include <exception>
#include <utility>

#include <poll.h>

#include "client/backoff.hpp"
#include "client/feature_names.hpp"
#include "client/latency.hpp"
#include "client/subscription_request.hpp"

namespace melstream::client {
namespace {

/// A daemon sends heartbeats each second: without any for so long, a connection leads nowhere.
constexpr std::chrono::seconds kLongestSilence{10};

/// Leaves at most the first n_frames of a block. True if it had more.
bool cut_block(v1::FeatureBlock& block, std::int64_t n_frames) {
  if (block.frame_count() <= n_frames) return false;
  const std::size_t frame_bytes = block.values().size() / static_cast<std::size_t>(block.frame_count());
  block.mutable_values()->resize(frame_bytes * static_cast<std::size_t>(n_frames));
  block.set_frame_count(static_cast<std::int32_t>(n_frames));
  block.clear_resume_token();  // it leads behind what was cut off
  return true;
}

}  // namespace

SubscriptionSession::SubscriptionSession(const SubscribeOptions& options, v1::SubscribeConfig config,
                                         Interrupt& interrupt, std::vector<std::unique_ptr<ResponseWriter>> writers)
    : options_(options),
      config_(std::move(config)),
      interrupt_(interrupt),
      writers_(std::move(writers)),
      positions_(config_.has_streams()),
      heard_(std::chrono::steady_clock::now()) {}

void SubscriptionSession::keep_tokens_in(ResumeFile file, bool only_at_the_end) {
  resume_file_.emplace(std::move(file));
  save_only_at_the_end_ = only_at_the_end;
}

void SubscriptionSession::save_tokens() {
  if (resume_file_) resume_file_->save(positions_.tokens(), std::chrono::steady_clock::now());
}

v1::SubscribeConfig SubscriptionSession::next_config() const {
  v1::SubscribeConfig config = config_;
  // What was there before will be there again.
  if (was_lost_) config.set_wait(true);
  if (many() && was_lost_) {
    // A second more: a stream may have been opened just before, and not have been told.
    const auto outage = std::chrono::steady_clock::now() - heard_ + std::chrono::seconds(1);
    start_after_outage(options_.start, outage, config);
  }
  for (const auto& [stream, token] : positions_.tokens()) {
    if (many()) {
      config.add_resume_tokens(token);
    } else {
      config.set_resume_token(token);
    }
  }
  return config;
}

void SubscriptionSession::run(Connection first) {
  const ServerOption server = first.option();
  std::optional<Connection> connection(std::move(first));
  Backoff backoff;
  try {
    while (true) {
      Next next = Next::kReconnect;
      try {
        if (!connection) connection.emplace(server);
        next = follow(*connection);
      } catch (const ClientError& error) {
        next = next_after(error);
        if (next == Next::kDone) throw;
      }
      if (next == Next::kDone) break;
      if (next == Next::kAgain) continue;
      if (!lost_now_) backoff.reset();
      lost_now_ = true;
      was_lost_ = true;
      connection.reset();
      if (!wait_before_reconnecting(backoff.next())) break;
    }
  } catch (...) {
    // Whatever went wrong, what came before it is where it belongs.
    if (!save_only_at_the_end_) save_tokens();
    throw;
  }
}

void SubscriptionSession::complete() {
  // Also after Ctrl-C: what came until then is whole.
  for (const auto& writer : writers_) writer->finish();
  save_tokens();
}

void SubscriptionSession::complete_after_failure() noexcept {
  try {
    complete();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "melstream: %s\n", error.what());
  }
}

SubscriptionSession::Next SubscriptionSession::follow(const Connection& connection) {
  SubscriberOptions how;
  how.acknowledge = !options_.no_ack;
  if (options_.reconnect) how.longest_silence = kLongestSilence;
  Subscriber subscriber(connection, next_config(), how);
  const InterruptAction cancel(&interrupt_, [&] { subscriber.cancel(); });
  v1::SubscribeResponse response;
  while (!enough() && subscriber.next(response)) {
    heard_ = std::chrono::steady_clock::now();
    if (lost_now_) {
      lost_now_ = false;
      totals_.note_reconnect();
      std::fprintf(stderr, "melstream: reconnected to %s\n", connection.server().c_str());
    }
    if (!take(response)) return Next::kReconnect;
  }
  if (!options_.reconnect || enough() || interrupt_.requested()) return Next::kDone;
  // A daemon that goes down ends its streams; a subscription to many has no end of its own.
  if (!many() && totals_.end_reason() != v1::END_REASON_SHUTDOWN) return Next::kDone;
  lose("the daemon goes down");
  return Next::kReconnect;
}

SubscriptionSession::Next SubscriptionSession::next_after(const ClientError& error) {
  const auto* refusal = dynamic_cast<const CallError*>(&error);
  if (refusal != nullptr && !many()) {
    const std::string& stream = config_.stream();
    if (refusal->epoch_changed() && positions_.tokens().count(stream) != 0) {
      std::fprintf(stderr, "melstream: warning: stream %s cannot be resumed, it begins anew (--start %s): %s\n",
                   stream.c_str(), options_.start.c_str(), error.what());
      positions_.forget(stream);
      totals_.note_epoch_change();
      return Next::kAgain;
    }
    if (!refusal->resume_token().empty()) positions_.keep_token(stream, refusal->resume_token());
  }
  if (!options_.reconnect) return Next::kDone;
  const bool lost = error.code() == ExitCode::kUnavailable || (refusal != nullptr && refusal->lost());
  const bool slow = refusal != nullptr && !refusal->resume_token().empty();
  if (!lost && !slow) return Next::kDone;
  lose(error.what());
  return Next::kReconnect;
}

bool SubscriptionSession::take(v1::SubscribeResponse& response) {
  const std::int64_t now_ns = unix_now_ns();
  const bool is_new = positions_.admit(response);
  totals_.set_duplicates(positions_.n_duplicates());
  if (!is_new) return true;
  const bool cut = response.has_block() && options_.n_frames > 0 &&
                   cut_block(*response.mutable_block(), options_.n_frames - totals_.frames());
  // Of many streams this one is no longer followed; by another call it can be.
  const bool goes_on = options_.reconnect && response.has_failure() && !response.failure().resume_token().empty();
  if (!goes_on) totals_.note(response, now_ns);
  values_.clear();
  if (response.has_block()) {
    const auto& block = response.block();
    decode_values(block.values(), config_.features().element_type(), block.frame_count(),
                  positions_.bins(block.stream()), values_);
  }
  for (const auto& writer : writers_) writer->write(response, values_, now_ns);
  warn_of(response);
  if (!cut) positions_.keep_token(response);
  if (resume_file_ && !save_only_at_the_end_ && resume_file_->due(std::chrono::steady_clock::now())) save_tokens();
  if (goes_on) lose(response.failure().message().c_str());
  return !goes_on;
}

void SubscriptionSession::warn_of(const v1::SubscribeResponse& response) const {
  if (response.has_failure()) {
    const auto& failure = response.failure();
    std::fprintf(stderr, "melstream: warning: stream %s is not followed%s: %s (%s)\n", failure.stream().c_str(),
                 is_epoch_changed(failure) ? " where it was" : "", failure.message().c_str(),
                 status_code_name(failure.code()));
  }
  if (response.has_end() && response.end().reason() != v1::END_REASON_COMPLETED) {
    std::fprintf(stderr, "melstream: the stream%s%s ended early: %s\n", many() ? " " : "",
                 many() ? response.end().stream().c_str() : "", end_reason_name(response.end().reason()).c_str());
  }
}

void SubscriptionSession::lose(const char* why) {
  // Once an outage, not once an attempt.
  if (!lost_now_) std::fprintf(stderr, "melstream: the subscription is lost, trying again: %s\n", why);
}

bool SubscriptionSession::wait_before_reconnecting(std::chrono::milliseconds delay) const {
  pollfd stop{interrupt_.fd(), POLLIN, 0};
  poll(&stop, 1, static_cast<int>(delay.count()));
  return !interrupt_.requested();
}

}  // namespace melstream::client
