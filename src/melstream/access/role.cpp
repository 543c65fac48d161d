#include "melstream/access/role.hpp"

#include <cstddef>
#include <iterator>

namespace melstream::access {
namespace {

constexpr Role kRoles[] = {Role::kPublisher, Role::kSubscriber, Role::kAdmin};
static_assert(std::size(kRoles) == std::size(kRoleNames));

}  // namespace

std::optional<Role> parse_role(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(kRoles); ++i) {
    if (kRoleNames[i] == name) return kRoles[i];
  }
  return std::nullopt;
}

std::string_view name_of(Role role) noexcept {
  for (std::size_t i = 0; i < std::size(kRoles); ++i) {
    if (kRoles[i] == role) return kRoleNames[i];
  }
  return "unknown";
}

std::string RoleSet::text() const {
  std::string text;
  for (const Role role : kRoles) {
    if (!has(role)) continue;
    if (!text.empty()) text += ", ";
    text += name_of(role);
  }
  return text.empty() ? "none" : text;
}

}  // namespace melstream::access
