// The responses of a subscription to one stream: one a message, until its End.
#pragma once

#include "melstream/rpc/response_source.hpp"
#include "melstream/rpc/stream_reader.hpp"

namespace melstream::rpc {

class OneStream final : public ResponseSource {
 public:
  /// Throws Error as Subscribe documents.
  OneStream(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config);

  State fill(std::int64_t now_mono_ns, WireMessage& out) override;
  std::size_t most_bytes() const override;
  SourceView view() const override;
  bool is_within(const access::Grant& grant) const override;
  bool blocks_streams() const override { return reader_.blocks_stream(); }

 private:
  OneStream(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config,
            const ResumePoint& point);

  const ReaderParts& parts_;
  const FeatureChoice& features_;
  StreamReader reader_;
};

}  // namespace melstream::rpc
