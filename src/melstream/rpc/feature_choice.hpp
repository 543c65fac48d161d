// A FeatureRequest checked against the catalog: what Subscribe and GetWindow have in common.
#pragma once

#include <cstdint>
#include <memory>

#include "melstream/engine/front_end.hpp"
#include "melstream/engine/normalization.hpp"
#include "melstream/v1/types.pb.h"

namespace melstream::rpc {

enum class ElementType : std::uint8_t { kFloat32, kFloat16 };
enum class Layout : std::uint8_t {
  kTimeMajor,  ///< [frames][bins]
  kMelMajor,   ///< [bins][frames]
};

struct FeatureChoice {
  std::shared_ptr<const engine::FrontEnd> front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  engine::Normalization normalization = engine::Normalization::kNone;
  float fixed_max = 0.0F;  ///< log10 of mel energy, for kFixedMax
  ElementType element_type = ElementType::kFloat32;
  Layout layout = Layout::kTimeMajor;
};

/// Throws Error: kInvalidArgument with the field, kNotFound (front end), kFailedPrecondition (spec_sha256 differs).
FeatureChoice choose_features(const v1::FeatureRequest& request, const engine::FrontEndCatalog& catalog);
/// Throws Error(kInvalidArgument) for a normalization that needs the whole window, naming GetWindow.
void require_streamable(const FeatureChoice& choice);

}  // namespace melstream::rpc
