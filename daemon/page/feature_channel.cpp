#include "daemon/page/feature_channel.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "melstream/core/error.hpp"

namespace melstream::page {
namespace {

/// A message that has this many is sent.
constexpr std::size_t kEnoughBytes = std::size_t{64} << 10;
constexpr std::size_t kMostTexts = 64;
constexpr std::int32_t kBlockFrames = 16;
constexpr std::int64_t kMaxDelayNs = 1'000'000;  // the poll of the sockets gathers rows

std::uint8_t bit(RecordFlag flag) noexcept { return static_cast<std::uint8_t>(flag); }

/// Rows straight into the message.
class RowWriter final : public pipeline::RowSink {
 public:
  RowWriter(Record record, std::string& out) : record_(record), out_(out) {}

  void take(const pipeline::RowView& view) override {
    record_.n_rows = static_cast<std::uint32_t>(view.n_frames);
    record_.first_frame = view.first_frame;
    record_.first_sample = view.first_sample;
    record_.extra = view.capture_wall_ns;
    if (view.segment_start) record_.flags |= bit(RecordFlag::kSegmentStart);
    for (const auto& infos : view.infos) {
      const bool concealed =
          std::any_of(infos.begin(), infos.end(), [](const auto& row) { return row.concealed_share > 0; });
      if (concealed) record_.flags |= bit(RecordFlag::kConcealed);
    }
    append_record(record_, out_);
    for (const auto& values : view.values) {
      out_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    }
  }

 private:
  Record record_;
  std::string& out_;
};

/// Adds what was delivered; rows are there already.
struct DeliveryWriter {
  Record record;
  std::string& out;

  void operator()(const pipeline::Started& started) const {
    Record filled = record;
    filled.kind = RecordKind::kStarted;
    filled.first_frame = started.first_frame;
    filled.first_sample = started.first_sample;
    filled.extra = static_cast<std::int64_t>(started.epoch);
    append_record(filled, out);
  }
  void operator()(const pipeline::Hole& hole) const {
    Record filled = record;
    filled.kind = RecordKind::kGap;
    filled.reason = static_cast<std::uint8_t>(hole.reason);
    if (hole.reader_lost) filled.flags = bit(RecordFlag::kNotLost);
    filled.first_frame = hole.first_frame;
    filled.first_sample = hole.next_sample;
    filled.extra = hole.n_frames;
    append_record(filled, out);
  }
  void operator()(const pipeline::Ended& ended) const {
    Record filled = record;
    filled.kind = RecordKind::kEnded;
    filled.reason = static_cast<std::uint8_t>(ended.reason);
    filled.first_frame = ended.next_frame;
    append_record(filled, out);
  }
  void operator()(const pipeline::RowsTaken& /*rows*/) const {}
  void operator()(std::monostate /*nothing*/) const {}
};

}  // namespace

FeatureChannel::FeatureChannel(pipeline::Registry& registry, StreamList& list, std::string hello, All& all,
                               std::string peer)
    : registry_(registry), list_(list), all_(all), peer_(std::move(peer)) {
  texts_.push_back(std::move(hello));
  all_.insert(this);
}

void FeatureChannel::append_readers(std::vector<PageReader>& readers) const {
  for (const Slot& slot : slots_) {
    if (slot.subscription == nullptr) continue;
    const pipeline::Subscription& subscription = *slot.subscription;
    readers.push_back({.peer = peer_,
                       .stream = subscription.options().stream,
                       .front_end = subscription.options().front_end->name(),
                       .lag_frames = subscription.lag_frames(),
                       .delivered_frames = subscription.n_delivered(),
                       .gap_frames = subscription.n_gapped()});
  }
}

void FeatureChannel::on_text(std::string_view text, std::int64_t /*now_ns*/) {
  const auto command = parse_feature_command(text);
  if (const auto* wanted = std::get_if<SubscribeCommand>(&command)) return subscribe(*wanted);
  slots_[std::get<UnsubscribeCommand>(command).slot] = {};
}

void FeatureChannel::on_binary(std::span<const std::byte> /*bytes*/, std::int64_t /*now_ns*/) {
  throw core::Error(core::ErrorCode::kInvalidArgument, "only text is taken here");
}

void FeatureChannel::subscribe(const SubscribeCommand& command) {
  Slot& slot = slots_[command.slot];
  slot = {.generation = command.generation, .subscription = nullptr};
  try {
    pipeline::SubscriptionOptions options{.stream = command.stream,
                                          .front_end = registry_.catalog().find(command.front_end),
                                          .smoothing = command.smoothing,
                                          .block_frames = kBlockFrames,
                                          .max_delay_ns = kMaxDelayNs,
                                          .wait = true};
    options.start = {.kind = pipeline::StartAt::Kind::kSecondsBack, .seconds_back = command.seconds_back};
    std::shared_ptr<pipeline::Stream> same;
    if (command.go_on) same = registry_.find(command.stream, command.go_on->epoch);
    if (same) {
      options.start = {.kind = pipeline::StartAt::Kind::kFrame, .frame = command.go_on->frame};
      slot.subscription = std::make_unique<pipeline::Subscription>(registry_, std::move(options), std::move(same));
    } else {
      slot.subscription = std::make_unique<pipeline::Subscription>(registry_, std::move(options));
    }
  } catch (const core::Error& error) {
    refuse(command.slot, error.what());
  }
}

void FeatureChannel::refuse(std::uint8_t slot, const std::string& why) {
  slots_[slot].subscription.reset();
  // A page that asks and asks, and reads nothing.
  if (texts_.size() >= kMostTexts) throw core::Error(core::ErrorCode::kResourceExhausted, "too many answers wait");
  const nlohmann::json answer{{"refused", {{"slot", slot}, {"generation", slots_[slot].generation}, {"message", why}}}};
  texts_.push_back(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

bool FeatureChannel::append_next(std::uint8_t slot, std::string& out, std::int64_t now_ns) {
  pipeline::Subscription* const subscription = slots_[slot].subscription.get();
  if (subscription == nullptr) return false;
  Record record{.slot = slot, .generation = slots_[slot].generation};
  try {
    if (subscription->history() != nullptr) {
      record.n_values = static_cast<std::uint16_t>(subscription->history()->n_bins());
    }
    RowWriter rows(record, out);
    const pipeline::Delivery delivery = subscription->next(now_ns, rows);
    std::visit(DeliveryWriter{record, out}, delivery);
    if (std::holds_alternative<pipeline::Ended>(delivery)) slots_[slot].subscription.reset();
    return !std::holds_alternative<std::monostate>(delivery);
  } catch (const core::Error& error) {  // the stream that it waited for does not fit
    refuse(slot, error.what());
    return true;
  }
}

bool FeatureChannel::next(PageMessage& message, std::int64_t now_ns) {
  message.is_text = true;
  if (!texts_.empty()) {
    message.bytes = std::move(texts_.front());
    texts_.pop_front();
    return true;
  }
  const std::string& list = list_.text(now_ns);
  if (list_version_ != list_.version()) {
    list_version_ = list_.version();
    message.bytes = list;
    return true;
  }
  message.is_text = false;
  message.bytes.clear();
  for (std::uint8_t i = 0; i < kSlots; ++i) {
    const auto slot = static_cast<std::uint8_t>((first_slot_ + i) % kSlots);
    while (message.bytes.size() < kEnoughBytes && append_next(slot, message.bytes, now_ns)) {
    }
  }
  first_slot_ = static_cast<std::uint8_t>((first_slot_ + 1) % kSlots);
  return !message.bytes.empty();
}

}  // namespace melstream::page
