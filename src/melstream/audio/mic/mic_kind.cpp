#include "melstream/audio/mic/mic_kind.hpp"

#include <utility>

#include "melstream/audio/mic/mic.hpp"
#include "melstream/audio/mic/microphones.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

class MicSource final : public Source {
 public:
  MicSource(std::shared_ptr<Mic> mic, Microphones& microphones) : mic_(std::move(mic)), microphones_(microphones) {
    microphones_.add(mic_);
  }
  MicSource(const MicSource&) = delete;
  MicSource& operator=(const MicSource&) = delete;
  ~MicSource() override {
    mic_->end(core::EndReason::kSourceLost);
    microphones_.remove(mic_);
  }

  core::SourceStatus status() const override { return mic_->status(); }
  void end(core::EndReason reason) override { mic_->end(reason); }

 private:
  const std::shared_ptr<Mic> mic_;
  Microphones& microphones_;
};

void check(const core::SourceSpec& /*spec*/, const SourceUri& uri) { parse_mic_options(uri); }

std::unique_ptr<Source> make(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts) {
  MicOptions options = parse_mic_options(uri);
  if (parts.microphones == nullptr) {
    throw core::Error(core::ErrorCode::kUnavailable, "this program captures from no microphone", "uri");
  }
  auto mic = std::make_shared<Mic>(spec, std::move(options), parts, parts.microphones->control());
  return std::make_unique<MicSource>(std::move(mic), *parts.microphones);
}

}  // namespace

SourceKind mic_kind() { return {.scheme = "mic", .form = "mic:NAME or mic:default", .check = check, .make = make}; }

}  // namespace melstream::audio
