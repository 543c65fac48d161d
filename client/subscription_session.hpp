// A subscription as the user means it: one call after another, each going on where the last one was lost.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "melstream/v1/feature_service.pb.h"

#include "client/commands.hpp"
#include "client/connection.hpp"
#include "client/interrupt.hpp"
#include "client/response_writer.hpp"
#include "client/resume_file.hpp"
#include "client/stream_positions.hpp"
#include "client/subscriber.hpp"
#include "client/subscription_totals.hpp"

namespace melstream::client {

class SubscriptionSession {
 public:
  /// @param options, interrupt outlive the session. @param config as of a first call without tokens.
  SubscriptionSession(const SubscribeOptions& options, v1::SubscribeConfig config, Interrupt& interrupt,
                      std::vector<std::unique_ptr<ResponseWriter>> writers);

  /// Tokens of an earlier run.
  void restore(const ResumeTokens& tokens) { positions_.restore(tokens); }
  /// Keeps the newest tokens there. @param only_at_the_end since what is written before that can be lost.
  void keep_tokens_in(ResumeFile file, bool only_at_the_end);
  /// Takes responses until the end, the user's stop, or the number of frames asked for. Throws ClientError. Blocks.
  void run(Connection connection);
  /// Completes what was written. Throws ClientError.
  void complete();
  /// The same after run() has thrown: what came until then is kept, but for what a writer itself has refused.
  void complete_after_failure() noexcept;

  const SubscriptionTotals& totals() const noexcept { return totals_; }

 private:
  enum class Next { kDone, kAgain, kReconnect };

  bool many() const noexcept { return config_.has_streams(); }
  bool enough() const noexcept { return options_.n_frames > 0 && totals_.frames() >= options_.n_frames; }
  /// The request of the next call.
  v1::SubscribeConfig next_config() const;
  Next follow(const Connection& connection);
  Next next_after(const ClientError& error);
  /// False: the call is no good any longer, and another shall go on.
  bool take(v1::SubscribeResponse& response);
  void warn_of(const v1::SubscribeResponse& response) const;
  void lose(const char* why);
  /// False if the user does not want to wait.
  bool wait_before_reconnecting(std::chrono::milliseconds delay) const;
  void save_tokens();

  const SubscribeOptions& options_;
  v1::SubscribeConfig config_;
  Interrupt& interrupt_;
  std::vector<std::unique_ptr<ResponseWriter>> writers_;
  StreamPositions positions_;
  SubscriptionTotals totals_;
  std::optional<ResumeFile> resume_file_;
  bool save_only_at_the_end_ = false;
  std::chrono::steady_clock::time_point heard_;  ///< when the last response came
  bool was_lost_ = false;                        ///< from then on: the calls are reconnections
  bool lost_now_ = false;                        ///< and nothing has been heard since
  std::vector<float> values_;                    ///< reused
};

}  // namespace melstream::client
