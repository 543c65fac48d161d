// The texts that all pages of one daemon share: what there is to choose from, and all streams as they are now. Runs on
// ms-page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "melstream/pipeline/registry.hpp"

namespace melstream::page {

/// "hello": front ends with the frequencies of their bins, names of reasons. @param with_microphone pages may send
/// audio.
std::string hello_text(const engine::FrontEndCatalog& catalog, std::string_view version, bool with_microphone);

/// "streams", made anew at most four times a second, however many pages ask; once a second from 50 streams on.
class StreamList {
 public:
  /// @param registry outlives it.
  explicit StreamList(const pipeline::Registry& registry) : registry_(registry) {}
  const std::string& text(std::int64_t now_ns);
  /// Changes whenever the text does.
  std::uint64_t version() const noexcept { return version_; }

 private:
  const pipeline::Registry& registry_;
  std::string text_;
  std::uint64_t version_ = 0;
  std::int64_t next_ns_ = 0;
};

}  // namespace melstream::page
