// The responses of a subscription to many streams: those that are live now and those that are opened later, what all of
// them have to tell in one batch.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "melstream/rpc/newcomers.hpp"
#include "melstream/rpc/response_source.hpp"
#include "melstream/rpc/stream_reader.hpp"

namespace melstream::rpc {

class ManyStreams final : public ResponseSource {
 public:
  /// Throws Error as Subscribe documents; what is wrong with one stream is told by fill().
  ManyStreams(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config,
              const std::shared_ptr<const access::Grant>& grant);

  void look() override;
  State fill(std::int64_t now_mono_ns, WireMessage& out) override;
  std::size_t most_bytes() const override { return kFullBytes + most_response_bytes(features_, options_); }
  SourceView view() const override;
  bool is_within(const access::Grant& grant) const override;
  bool blocks_streams() const override;

 private:
  using Readers = std::vector<std::unique_ptr<StreamReader>>;
  /// A message that has so much is sent: clients take 4 MiB by default.
  static constexpr std::size_t kFullBytes = std::size_t{1} << 20;

  void resume(const v1::SubscribeConfig& config, const access::Grant& grant);
  void follow_newcomers();
  /// Lets go of streams that have ended and are forgotten, so that a reader that takes nothing keeps nothing alive.
  void drop_forgotten();
  void follow(pipeline::SubscriptionOptions options, std::shared_ptr<pipeline::Stream> stream, float running_max);
  /// Tells all of one stream, or until the message is full. False: its reader is done with.
  bool tell(StreamReader& reader, std::int64_t now_mono_ns, WireMessage& out);
  void add_failure(const std::string& stream, std::uint64_t epoch, const core::Error& error,
                   const StreamReader* reader = nullptr);
  void let_next_life_go(const pipeline::Stream& stream);
  void count(const StreamReader& reader);
  void tell_failures(WireMessage& out);

  const ReaderParts& parts_;
  const FeatureChoice& features_;
  const pipeline::SubscriptionOptions options_;
  Newcomers newcomers_;
  Readers readers_;
  std::uint64_t dropped_generation_ = 0;              ///< of the registry, when drop_forgotten() last looked
  std::size_t next_ = 0;                              ///< where the next message begins, so that each has its turn
  std::map<std::string, std::uint64_t> newest_;       ///< epoch that is followed last of each id
  std::map<std::uint64_t, std::uint64_t> waits_for_;  ///< epochs that are told once the life before is told to its end
  std::list<v1::SubscribeResponse> failures_;         ///< to be told
  std::int64_t delivered_frames_ = 0;                 ///< by readers that are gone
  std::int64_t gap_frames_ = 0;
  pipeline::Expectations::Ticket expectation_;  ///< last: it uses newcomers_
};

}  // namespace melstream::rpc
