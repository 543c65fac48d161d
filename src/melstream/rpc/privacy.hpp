// Where audio is, for operators who must say so (AdminService.GetPrivacy): looked at, not claimed. Thread: ms-admin.
#pragma once

#include <string>

#include "melstream/rpc/environment.hpp"
#include "melstream/v1/admin_service.pb.h"

namespace melstream::rpc {

/// @param stream an id, or empty for all that `grant` reaches. Throws Error, field stream: kNotFound,
/// kPermissionDenied.
void set_privacy(const Environment& environment, const access::Grant& grant, const std::string& stream,
                 v1::GetPrivacyResponse& out);

}  // namespace melstream::rpc
