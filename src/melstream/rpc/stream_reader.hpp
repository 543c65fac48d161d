// One stream of a subscription: what comes next at its cursor, as responses. Thread: ms-subscribe.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/subscription.hpp"
#include "melstream/rpc/block_encoder.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/rpc/resume_token.hpp"
#include "melstream/rpc/shared_blocks.hpp"
#include "melstream/rpc/wire_message.hpp"

namespace melstream::rpc {

/// A reader fell behind and is let go; the token says where it may go on. to_status() puts it into the details.
class ResumableError : public core::Error {
 public:
  ResumableError(const core::Error& cause, std::string token) : Error(cause), token_(std::move(token)) {}
  const std::string& token() const noexcept { return token_; }

 private:
  std::string token_;
};

/// What all readers stand on; outlives them.
struct ReaderParts {
  const Environment& environment;
  ResumeTokens& tokens;
  BlockSharing& sharing;
  const std::int64_t& wall_minus_mono_ns;  ///< the clocks' offset, taken anew in each round
};

/// Bytes of the largest response that a reader with these wishes adds.
std::size_t most_response_bytes(const FeatureChoice& features, const pipeline::SubscriptionOptions& options) noexcept;

class StreamReader final : pipeline::RowSink {
 public:
  /// @param features outlive the reader. @param running_max what a resumed subscription had seen. Throws Error as
  /// pipeline::Subscription.
  StreamReader(const ReaderParts& parts, const FeatureChoice& features,
               std::unique_ptr<pipeline::Subscription> subscription,
               float running_max = -std::numeric_limits<float>::infinity());

  enum class Step : std::uint8_t {
    kNothing,  ///< nothing to tell now
    kTold,     ///< a response was added
    kEnded,    ///< an End was added, and nothing follows
  };
  /// Adds the next response, if there is one. Throws ResumableError, and Error as pipeline::Subscription::next().
  Step next(std::int64_t now_mono_ns, WireMessage& out);

  const pipeline::Subscription& subscription() const noexcept { return *subscription_; }
  bool blocks_stream() const noexcept { return subscription_->options().slow_policy == pipeline::SlowPolicy::kBlock; }

 private:
  void take(const pipeline::RowView& rows) override;
  pipeline::Delivery read(std::int64_t now_mono_ns);
  void seal(std::string& token);
  void time(const pipeline::RowView& rows) const noexcept;
  void add_start(const pipeline::Started& started, WireMessage& out);
  void add_block(WireMessage& out);
  void add_hole(const pipeline::Hole& hole, WireMessage& out);
  void add_end(const pipeline::Ended& ended, WireMessage& out);

  const ReaderParts& parts_;
  const FeatureChoice& features_;
  const std::unique_ptr<pipeline::Subscription> subscription_;
  BlockEncoder encoder_;
  float running_max_;
  std::uint64_t epoch_ = 0;
  std::shared_ptr<SharedBlocks> shared_;  ///< from Start on
  EncodedBlock block_;                    ///< that take() found or made
  std::string token_;                     ///< scratch
  std::int64_t started_mono_ns_ = 0;      ///< rows that were received before are old news, and not timed
  std::int64_t now_mono_ns_ = 0;          ///< of the round
};

}  // namespace melstream::rpc
