// The responses of a subscription to many streams: those that are live now and those that are opened later, what all of
// them have to tell in one batch.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "melstream/rpc/response_source.hpp"
#include "melstream/rpc/stream_reader.hpp"
#include "melstream/rpc/stream_selection.hpp"

namespace melstream::rpc {

class ManyStreams final : public ResponseSource {
 public:
  /// Throws Error as Subscribe documents; what is wrong with one stream is told by fill().
  ManyStreams(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config);

  State fill(std::int64_t now_mono_ns, WireMessage& out) override;
  std::size_t most_bytes() const override { return kFullBytes + most_response_bytes(features_, options_); }
  SourceView view() const override;
  bool blocks_streams() const override;

 private:
  using Readers = std::vector<std::unique_ptr<StreamReader>>;
  /// A message that has so much is sent: clients take 4 MiB by default.
  static constexpr std::size_t kFullBytes = std::size_t{1} << 20;

  void resume(const std::string& token);
  /// Follows what was opened since.
  void look_for_streams();
  void follow(pipeline::SubscriptionOptions options, std::shared_ptr<pipeline::Stream> stream, float running_max);
  /// Tells all of one stream, or until the message is full. False: its reader is done with.
  bool tell(StreamReader& reader, std::int64_t now_mono_ns, WireMessage& out);
  void add_failure(const std::string& stream, std::uint64_t epoch, const core::Error& error,
                   const StreamReader* reader = nullptr);
  void count(const StreamReader& reader);
  void tell_failures(WireMessage& out);

  const ReaderParts& parts_;
  const FeatureChoice& features_;
  const pipeline::SubscriptionOptions options_;
  const StreamSelection selection_;
  Readers readers_;
  std::size_t next_ = 0;           ///< where the next message begins, so that each has its turn
  std::set<std::uint64_t> known_;  ///< epochs that are or were followed, as long as the registry has them
  std::uint64_t seen_generation_ = 0;
  bool has_looked_ = false;
  std::list<v1::SubscribeResponse> failures_;  ///< to be told
  std::int64_t delivered_frames_ = 0;          ///< by readers that are gone
  std::int64_t gap_frames_ = 0;
};

}  // namespace melstream::rpc
