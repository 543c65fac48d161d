#include "melstream/rpc/resume_token.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/subscription.hpp"

namespace melstream::rpc {
namespace {

static_assert(std::endian::native == std::endian::little, "tokens are packed as they lie in memory");

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMacBytes = 16;

/// Everything but the stream's id, which follows, and the seal, which is last.
struct Fixed {
  std::uint64_t epoch;
  std::int64_t frame;
  std::int64_t segment_ordinal;
  std::array<char, 8> front_end;  ///< of its SHA-256 in hexadecimal
  float running_max;
  std::uint8_t version;
  std::uint8_t smoothing;
  std::uint16_t zero;
};
static_assert(sizeof(Fixed) == 40);

constexpr std::size_t kMostBytes = sizeof(Fixed) + 64 + kMacBytes;

std::array<char, 8> short_hash(const engine::FrontEnd& front_end) {
  std::array<char, 8> hash{};
  front_end.sha256().copy(hash.data(), hash.size());
  return hash;
}

[[noreturn]] void refuse(const char* why) { throw core::Error(core::ErrorCode::kInvalidArgument, why, "resume_token"); }

}  // namespace

struct ResumeTokens::Mac {
  using Tag = std::array<unsigned char, EVP_MAX_MD_SIZE>;

  struct FreeMac {
    void operator()(EVP_MAC* one) const noexcept { EVP_MAC_free(one); }
  };
  struct FreeContext {
    void operator()(EVP_MAC_CTX* one) const noexcept { EVP_MAC_CTX_free(one); }
  };

  Mac() : algorithm(EVP_MAC_fetch(nullptr, "HMAC", nullptr)), context(EVP_MAC_CTX_new(algorithm.get())) {
    std::array<unsigned char, kKeyBytes> key{};
    std::array<char, 7> digest{"SHA256"};
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
    const bool made = context && RAND_bytes(key.data(), static_cast<int>(key.size())) == 1 &&
                      EVP_MAC_init(context.get(), key.data(), key.size(), parameters.data()) == 1;
    OPENSSL_cleanse(key.data(), key.size());
    if (!made) throw std::runtime_error("OpenSSL gives no key for resume tokens");
  }

  Tag tag_of(std::string_view text) {
    Tag tag{};
    std::size_t n = 0;
    const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
    // The key stays that of the constructor.
    const bool done = EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1 &&
                      EVP_MAC_update(context.get(), bytes, text.size()) == 1 &&
                      EVP_MAC_final(context.get(), tag.data(), &n, tag.size()) == 1;
    if (!done || n < kMacBytes) throw std::runtime_error("OpenSSL does not compute HMAC-SHA-256");
    return tag;
  }

  std::unique_ptr<EVP_MAC, FreeMac> algorithm;
  std::unique_ptr<EVP_MAC_CTX, FreeContext> context;
};

ResumeTokens::ResumeTokens() : mac_(std::make_unique<Mac>()) {}

ResumeTokens::~ResumeTokens() = default;

void ResumeTokens::seal(const ResumePoint& point, const FeatureChoice& features, std::string& out) {
  const Fixed fixed{.epoch = point.epoch,
                    .frame = point.cursor.frame,
                    .segment_ordinal = point.cursor.segment_ordinal,
                    .front_end = short_hash(*features.front_end),
                    .running_max = point.running_max,
                    .version = kVersion,
                    .smoothing = static_cast<std::uint8_t>(features.smoothing),
                    .zero = 0};
  out.assign(reinterpret_cast<const char*>(&fixed), sizeof(fixed));
  out += point.stream;
  const Mac::Tag tag = mac_->tag_of(out);
  out.append(reinterpret_cast<const char*>(tag.data()), kMacBytes);
}

ResumePoint ResumeTokens::open(std::string_view token, const FeatureChoice& features) {
  if (token.size() <= sizeof(Fixed) + kMacBytes || token.size() > kMostBytes) {
    refuse("this is no token of a Subscribe response, or only a part of one; pass all of its bytes");
  }
  Fixed fixed{};
  std::memcpy(&fixed, token.data(), sizeof(fixed));
  const std::string_view text = token.substr(0, token.size() - kMacBytes);
  const Mac::Tag tag = mac_->tag_of(text);
  if (CRYPTO_memcmp(tag.data(), token.data() + text.size(), kMacBytes) != 0) throw pipeline::EpochChanged();
  if (fixed.front_end != short_hash(*features.front_end) ||
      fixed.smoothing != static_cast<std::uint8_t>(features.smoothing)) {
    refuse("the token is of another front end or smoothing; subscribe to the same one, or without it");
  }
  return {.stream = std::string(text.substr(sizeof(Fixed))),
          .epoch = fixed.epoch,
          .cursor = {.frame = fixed.frame, .segment_ordinal = fixed.segment_ordinal},
          .running_max = fixed.running_max};
}

std::string ResumeTokens::claimed_stream(std::string_view token) {
  if (token.size() <= sizeof(Fixed) + kMacBytes || token.size() > kMostBytes) return {};
  std::string stream(token.substr(sizeof(Fixed), token.size() - sizeof(Fixed) - kMacBytes));
  try {
    pipeline::validate_stream_id(stream);
    return stream;
  } catch (const core::Error&) {
    return {};
  }
}

}  // namespace melstream::rpc
