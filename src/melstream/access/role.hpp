// What a caller may do: three roles, and sets of them. Values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace melstream::access {

enum class Role : std::uint8_t {
  kPublisher = 1,   ///< AudioService
  kSubscriber = 2,  ///< FeatureService
  kAdmin = 4,       ///< AdminService
};

inline constexpr std::string_view kRoleNames[] = {"publisher", "subscriber", "admin"};

/// Nothing unless it is one of kRoleNames.
std::optional<Role> parse_role(std::string_view name) noexcept;
std::string_view name_of(Role role) noexcept;

class RoleSet {
 public:
  constexpr RoleSet() noexcept = default;
  constexpr RoleSet(std::initializer_list<Role> roles) noexcept {
    for (const Role role : roles) add(role);
  }
  static constexpr RoleSet all() noexcept { return {Role::kPublisher, Role::kSubscriber, Role::kAdmin}; }

  constexpr void add(Role role) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | static_cast<unsigned>(role)); }
  constexpr RoleSet without(Role role) const noexcept {
    RoleSet rest;
    rest.bits_ = static_cast<std::uint8_t>(bits_ & ~static_cast<unsigned>(role));
    return rest;
  }
  constexpr bool has(Role role) const noexcept { return (bits_ & static_cast<unsigned>(role)) != 0; }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr bool operator==(const RoleSet&) const noexcept = default;
  /// "publisher, subscriber"; "none".
  std::string text() const;

 private:
  std::uint8_t bits_ = 0;
};

}  // namespace melstream::access
