// What one page sees: the list of streams, and the features of up to four. Each slot is a subscription, so a cursor
// into a history: a page that takes nothing costs no memory, and what it misses is an explicit gap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/pipeline/registry.hpp"
#include "melstream/pipeline/subscription.hpp"

#include "daemon/page/page_channel.hpp"
#include "daemon/page/page_protocol.hpp"
#include "daemon/page/stream_list.hpp"

namespace melstream::page {

/// One slot of one page, for those who ask who reads.
struct PageReader {
  std::string peer;
  std::string stream;
  std::string front_end;
  std::int64_t lag_frames = 0;
  std::int64_t delivered_frames = 0;
  std::int64_t gap_frames = 0;
};

class FeatureChannel final : public PageChannel {
 public:
  /// Those that are open.
  using All = std::set<const FeatureChannel*>;

  /// @param registry, list and all outlive it. @param hello the first message. @param peer who reads.
  FeatureChannel(pipeline::Registry& registry, StreamList& list, std::string hello, All& all, std::string peer);
  FeatureChannel(const FeatureChannel&) = delete;
  FeatureChannel& operator=(const FeatureChannel&) = delete;
  ~FeatureChannel() override { all_.erase(this); }

  void append_readers(std::vector<PageReader>& readers) const;

  void on_text(std::string_view text, std::int64_t now_ns) override;
  void on_binary(std::span<const std::byte> bytes, std::int64_t now_ns) override;
  bool next(PageMessage& message, std::int64_t now_ns) override;
  void on_closed(bool /*completed*/, std::int64_t /*now_ns*/) override {}

 private:
  struct Slot {
    std::uint16_t generation = 0;
    std::unique_ptr<pipeline::Subscription> subscription;
  };

  void subscribe(const SubscribeCommand& command);
  void refuse(std::uint8_t slot, const std::string& why);
  /// Appends what the slot has next. False if it has nothing.
  bool append_next(std::uint8_t slot, std::string& out, std::int64_t now_ns);

  pipeline::Registry& registry_;
  StreamList& list_;
  std::deque<std::string> texts_;
  std::array<Slot, kSlots> slots_;
  std::uint8_t first_slot_ = 0;  ///< of the next message: each goes first in turn
  std::uint64_t list_version_ = 0;
  All& all_;
  const std::string peer_;
};

}  // namespace melstream::page
