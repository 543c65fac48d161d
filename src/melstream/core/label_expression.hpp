// Which labels are meant, in the form of Kubernetes' selectors: "room=kitchen, site!=lab, floor in (1, 2), !muted,
// agent". All terms must hold. A term is KEY=VALUE (or ==), KEY!=VALUE, KEY in (VALUE, ...), KEY notin (VALUE, ...),
// KEY (it is there) or !KEY (it is not); != and notin hold for labels without the key too, as in Kubernetes. Keys and
// values of other characters than A-Z a-z 0-9 . _ - / : stand in double quotes, where \" and \\ are a quote and a
// backslash. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::core {

class LabelExpression {
 public:
  /// Throws Error(kInvalidArgument, field labels) that says where and what was expected: for an empty text, one that is
  /// no expression, more than 4096 bytes or 64 terms.
  explicit LabelExpression(std::string_view text);

  bool matches(const std::map<std::string, std::string>& labels) const;
  /// As it was written.
  const std::string& text() const noexcept { return text_; }

 private:
  friend class LabelExpressionParser;

  struct Term {
    enum class Kind { kIn, kNotIn, kPresent, kAbsent };

    bool matches(const std::map<std::string, std::string>& labels) const;

    Kind kind = Kind::kPresent;
    std::string key;
    std::vector<std::string> values;  ///< sorted; of kIn and kNotIn
  };

  std::string text_;
  std::vector<Term> terms_;
};

}  // namespace melstream::core
