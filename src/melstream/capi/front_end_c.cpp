// Front ends of the C ABI (engine.h).
#include <memory>

#include "melstream/capi/handles.hpp"
#include "melstream/capi/options.hpp"
#include "melstream/capi/status.hpp"
#include "melstream/engine.h"
#include "melstream/engine/build_id.hpp"
#include "melstream/engine/front_end.hpp"

namespace {

using melstream::capi::guarded;
using melstream::capi::require;
using melstream::engine::FrontEnd;
using melstream::engine::FrontEndCatalog;
using melstream::engine::Smoothing;

const FrontEndCatalog& catalog() {
  static const FrontEndCatalog& all = *new FrontEndCatalog;  // never destroyed: threads may outlive main()
  return all;
}

/// Whether the front end has rows of that smoothing.
bool has_smoothing(const melstream_front_end* front_end, melstream_smoothing smoothing) {
  if (front_end == nullptr || smoothing < MELSTREAM_SMOOTHING_NONE || smoothing > MELSTREAM_SMOOTHING_BOX3X3_VALID) {
    return false;
  }
  return smoothing == MELSTREAM_SMOOTHING_NONE || front_end->value->allows_smoothing();
}

}  // namespace

extern "C" {

uint32_t melstream_abi_version(void) { return MELSTREAM_ABI_VERSION; }

const char* melstream_build_id(void) { return melstream::engine::build_id(); }

const char* melstream_error_message(void) { return melstream::capi::last_message(); }
const char* melstream_error_field(void) { return melstream::capi::last_field(); }

size_t melstream_front_end_count(void) {
  size_t n = 0;
  guarded([&] { n = catalog().all().size(); });
  return n;
}

const char* melstream_front_end_name_at(size_t index) {
  const char* name = nullptr;
  guarded([&] {
    if (index < catalog().all().size()) name = catalog().all()[index]->name().c_str();
  });
  return name;
}

melstream_status melstream_front_end_by_name(const char* name, melstream_front_end** front_end) {
  return guarded([&] {
    require(name, "name");
    require(front_end, "front_end");
    *front_end = nullptr;
    *front_end = new melstream_front_end{catalog().find(name)};
  });
}

melstream_status melstream_front_end_by_spec(const char* name, const char* spec, melstream_front_end** front_end) {
  return guarded([&] {
    require(spec, "spec");
    require(front_end, "front_end");
    *front_end = nullptr;
    auto parsed = melstream::engine::parse_spec(name == nullptr ? "custom" : name, spec);
    *front_end = new melstream_front_end{std::make_shared<const FrontEnd>(std::move(parsed))};
  });
}

void melstream_front_end_free(melstream_front_end* front_end) { delete front_end; }

const char* melstream_front_end_name(const melstream_front_end* front_end) {
  return front_end == nullptr ? "" : front_end->value->name().c_str();
}
const char* melstream_front_end_spec(const melstream_front_end* front_end) {
  return front_end == nullptr ? "" : front_end->value->canonical_text().c_str();
}
const char* melstream_front_end_sha256(const melstream_front_end* front_end) {
  return front_end == nullptr ? "" : front_end->value->sha256().c_str();
}

int32_t melstream_front_end_bins(const melstream_front_end* front_end, melstream_smoothing smoothing) {
  if (!has_smoothing(front_end, smoothing)) return 0;
  return front_end->value->n_bins(melstream::capi::smoothing_of(smoothing));
}

int64_t melstream_front_end_rows(const melstream_front_end* front_end, melstream_smoothing smoothing,
                                 int64_t n_samples) {
  if (!has_smoothing(front_end, smoothing) || n_samples < 0 || n_samples > melstream::capi::kMostSamples) return 0;
  return melstream::engine::row_count(front_end->value->rows(melstream::capi::smoothing_of(smoothing)), n_samples);
}

int32_t melstream_front_end_hop(const melstream_front_end* front_end) {
  return front_end == nullptr ? 0 : melstream::engine::row_stride(front_end->value->rows(Smoothing::kNone));
}

}  // extern "C"
