// What the payload types of RTP mean: the static ones of RFC 3551, and those that the URI declares
// (pt=96:L16/16000/1). Pure; and from a payload to PCM as the ingest takes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "melstream/core/pcm.hpp"

namespace melstream::audio {

enum class RtpEncoding : std::uint8_t { kPcmu, kPcma, kL16, kL24 };

struct PayloadType {
  enum class Kind : std::uint8_t {
    kUnknown,
    kAudio,
    kComfortNoise,    ///< RFC 3389
    kTelephoneEvent,  ///< RFC 4733
    kUnsupported,     ///< known, but not to be decoded here
  };
  Kind kind = Kind::kUnknown;
  RtpEncoding encoding = RtpEncoding::kPcmu;
  int rate_hz = 0;  ///< of the samples and of the timestamps
  int n_channels = 0;
  std::string name;  ///< "PCMU", "G722"

  /// In the payload.
  std::size_t bytes_per_sample_of_all_channels() const noexcept;
  /// What the ingest of its stream is given: G.711 is expanded to LINEAR16, so that a call may change between the two.
  core::PcmEncoding pcm_encoding() const noexcept;
  bool fits_stream_of(const PayloadType& other) const noexcept {
    return rate_hz == other.rate_hz && n_channels == other.n_channels && pcm_encoding() == other.pcm_encoding();
  }
};

class PayloadTypes {
 public:
  /// @param declared "96:L16/16000/1,101:telephone-event"; empty: the static ones alone.
  /// @param standard_rate_hz where an entry has none; 0: there is no standard.
  /// @param target "127.0.0.1:5004", for the advice of a message.
  /// Throws core::Error(kInvalidArgument, "uri"), for Opus and its like with the command that converts.
  PayloadTypes(std::string_view declared, int standard_rate_hz, std::string_view target);

  /// @param number 0..127.
  const PayloadType& operator[](std::uint8_t number) const noexcept { return types_[number]; }

 private:
  void declare(std::string_view entry, int standard_rate_hz, std::string_view target);
  void set_audio(std::size_t number, RtpEncoding encoding, int rate_hz, int n_channels);

  std::array<PayloadType, 128> types_{};
};

/// The ffmpeg command that turns whatever an SDP file describes into RTP that this source takes. One line.
std::string conversion_advice(std::string_view target);

/// @param payload a whole number of samples of all channels. @param out at least twice as many bytes.
/// @return the first part of `out`, little-endian, of type.pcm_encoding().
std::span<const std::byte> to_pcm(RtpEncoding encoding, std::span<const std::byte> payload,
                                  std::span<std::byte> out) noexcept;

}  // namespace melstream::audio
