// Where audio is, for operators who must say so (AdminService.GetPrivacy): looked at, not claimed. Thread: ms-admin.
#pragma once

#include <string>

#include "melstream/rpc/environment.hpp"
#include "melstream/v1/admin_service.pb.h"

namespace melstream::rpc {

/// @param stream an id, or empty for all. Throws Error(kNotFound, field stream).
void set_privacy(const Environment& environment, const std::string& stream, v1::GetPrivacyResponse& out);

}  // namespace melstream::rpc
