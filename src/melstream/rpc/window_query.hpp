// What GetWindow and GetWindows have in common: a window asked for by the wire, checked, and its answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include <grpcpp/support/status.h>

#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/environment.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// Answered so long before a call's deadline, so that the answer still gets there.
inline constexpr std::chrono::milliseconds kBeforeDeadline{30};
/// A call without a deadline must not keep its place for ever.
inline constexpr std::chrono::seconds kLongestWait{60};

struct WindowQuery {
  FeatureChoice choice;
  pipeline::WindowRequest window;
};

/// With the window's place still to be set. Throws Error as choose_features(), and kInvalidArgument for gaps.
WindowQuery window_query(const v1::FeatureRequest& features, std::optional<std::int64_t> pad_to_samples,
                         v1::WindowGaps gaps, const engine::FrontEndCatalog& catalog);
/// Throws Error as GetWindow documents.
WindowQuery window_query(const v1::GetWindowRequest& request, const engine::FrontEndCatalog& catalog);
/// The stream that is meant. Throws Error: kInvalidArgument, kPermissionDenied, kNotFound, kFailedPrecondition (another
/// epoch).
std::shared_ptr<pipeline::Stream> find_window_stream(const v1::GetWindowRequest& request,
                                                     const pipeline::Registry& registry, const access::Grant& grant);
/// Reads and computes. Throws Error as WindowReader::read(). Thread: the worker "ms-window".
void answer_window(const Environment& environment, const pipeline::Stream& stream, const WindowQuery& query,
                   v1::GetWindowResponse& response);
/// A status of GetWindow as GetWindows tells it.
void set_window_failure(const grpc::Status& status, v1::WindowFailure& out);

}  // namespace melstream::rpc
