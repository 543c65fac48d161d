#include "melstream/audio/sources.hpp"

#include <algorithm>
#include <utility>

#include "melstream/audio/event_limiter.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/labels.hpp"

namespace melstream::audio {
namespace {

/// Far more than a machine has use for: each may hold threads and descriptors.
constexpr std::size_t kMaxSources = 1024;

const SourceKind& kind_of(const std::vector<SourceKind>& kinds, std::string_view scheme) {
  std::string known;
  for (const SourceKind& kind : kinds) {
    if (kind.scheme == scheme) return kind;
    if (!kind.form.empty()) known += (known.empty() ? "" : ", ") + std::string(kind.form);
  }
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    "no source type '" + std::string(scheme) + "'; there are: " + known, "uri");
}

/// Checked here too, since not every source opens a stream at once.
void check_id(const std::string& id) {
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (!id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), is_allowed)) return;
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    "the id of a source takes 1 to 64 of the characters A-Z a-z 0-9 . _ -", "id");
}

}  // namespace

void check_source(const std::vector<SourceKind>& kinds, const core::SourceSpec& spec) {
  check_id(spec.id);
  core::validate_labels(spec.labels);
  // What kind it shall be comes first: each has a form of its own.
  const SourceKind& kind = kind_of(kinds, scheme_of(spec.uri));
  kind.check(spec, parse_source_uri(spec.uri));
}

Sources::Sources(SourcesOptions options, const core::Clock& clock) : options_(std::move(options)), clock_(clock) {}

Sources::~Sources() {
  end_all(core::EndReason::kShutdown);
  entries_.clear();  // before the loop that their sockets run on
}

SourceParts Sources::parts_for(const core::SourceSpec& spec) {
  const auto limiter = std::make_shared<EventLimiter>(clock_);
  const auto tell = [this, spec, limiter](const SourceEvent& event) {
    const EventLimiter::Verdict verdict = limiter->admit(event.name);
    if (!verdict.pass) return;
    if (verdict.n_suppressed == 0) return options_.tell(spec, event);
    SourceEvent counted = event;
    counted.fields.emplace_back("suppressed", std::to_string(verdict.n_suppressed));
    options_.tell(spec, counted);
  };
  return {.open_stream =
              [this, kind = std::string(scheme_of(spec.uri))](core::StreamRequest request) {
                request.source_kind = kind;
                return options_.open_stream(std::move(request));
              },
          .clock = clock_,
          .tell = tell,
          .net = net_,
          .allow_insecure_bind = options_.allow_insecure_bind,
          .microphones = options_.microphones};
}

void Sources::reserve(const core::SourceSpec& spec) {
  const std::lock_guard lock(mutex_);
  if (closed_) throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
  if (std::any_of(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.spec.id == spec.id; })) {
    throw core::Error(core::ErrorCode::kAlreadyExists,
                      "source '" + spec.id + "' is open; close it first, or choose another id", "id");
  }
  if (entries_.size() == kMaxSources) {
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      std::to_string(kMaxSources) + " sources are open; close one, or use one that takes many streams");
  }
  entries_.push_back({.spec = spec, .source = nullptr});
}

void Sources::forget(std::string_view id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& one) { return one.spec.id == id; });
}

void Sources::open(const core::SourceSpec& spec) {
  check_source(options_.kinds, spec);
  const SourceUri uri = parse_source_uri(spec.uri);
  reserve(spec);
  std::shared_ptr<Source> source;
  try {
    source = kind_of(options_.kinds, uri.scheme).make(spec, uri, parts_for(spec));
  } catch (...) {
    forget(spec.id);
    throw;
  }
  options_.tell(spec, {.level = SourceEvent::Level::kInfo, .name = "source_opened", .fields = {{"uri", spec.uri}}});
  bool too_late = false;
  {
    const std::lock_guard lock(mutex_);
    const auto entry =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.spec.id == spec.id; });
    too_late = closed_ || entry == entries_.end();
    if (!too_late) entry->source = source;
  }
  if (!too_late) return;
  source->end(core::EndReason::kShutdown);
  forget(spec.id);
  throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
}

void Sources::close(std::string_view id) {
  std::shared_ptr<Source> source;
  core::SourceSpec spec;
  {
    const std::lock_guard lock(mutex_);
    const auto entry =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.spec.id == id; });
    if (closed_) throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down: all sources end");
    if (entry == entries_.end() || entry->source == nullptr || entry->is_ending) {
      throw core::Error(core::ErrorCode::kNotFound, "no source '" + std::string(id) + "' is open", "id");
    }
    entry->is_ending = true;  // the id stays taken until its sockets are closed
    source = std::exchange(entry->source, nullptr);
    spec = entry->spec;
  }
  source->end(core::EndReason::kCompleted);
  source.reset();
  forget(id);
  options_.tell(spec, {.level = SourceEvent::Level::kInfo, .name = "source_closed", .fields = {}});
}

std::vector<std::string> Sources::stream_ids(const core::SourceSpec& spec) const {
  const SourceUri uri = parse_source_uri(spec.uri);
  UriParams params = uri.params;
  const bool by_ssrc = params.text("demux") == "ssrc";
  const bool by_port = uri.has_authority && uri.first_port != uri.last_port;
  std::string stream = params.text("stream").value_or(by_ssrc ? "{id}-{ssrc}" : by_port ? "{id}-{port}" : "{id}");
  constexpr std::string_view kId = "{id}";
  for (std::size_t at = stream.find(kId); at != std::string::npos; at = stream.find(kId, at + spec.id.size())) {
    stream.replace(at, kId.size(), spec.id);
  }
  if (params.text("channel") == "split") stream += ".{channel}";
  return {stream};
}

std::vector<Sources::Entry> Sources::running() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> running;
  for (const Entry& entry : entries_) {
    if (entry.source != nullptr) running.push_back(entry);
  }
  return running;
}

std::vector<core::SourceStatus> Sources::list() {
  std::vector<core::SourceStatus> all;
  for (const Entry& entry : running()) {
    all.push_back(entry.source->status());
    all.back().spec = entry.spec;
  }
  return all;
}

std::vector<core::SourceStatus> Sources::list(std::string_view scheme) {
  std::vector<core::SourceStatus> some;
  for (const Entry& entry : running()) {
    if (scheme_of(entry.spec.uri) != scheme) continue;
    some.push_back(entry.source->status());
    some.back().spec = entry.spec;
  }
  return some;
}

std::vector<core::AudioDevice> Sources::devices() { return options_.devices(); }

void Sources::end_all(core::EndReason reason) {
  std::vector<std::shared_ptr<Source>> sources;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    for (Entry& entry : entries_) {
      if (entry.source != nullptr && !std::exchange(entry.is_ending, true)) sources.push_back(entry.source);
    }
  }
  for (const auto& source : sources) source->end(reason);
}

}  // namespace melstream::audio
