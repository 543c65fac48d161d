#include "melstream/core/label_expression.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

constexpr std::size_t kMaxBytes = 4096;
constexpr std::size_t kMaxTerms = 64;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// May stand outside quotes.
bool is_plain(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '/' || c == ':';
}

std::string printable(char c) {
  if (c >= 0x20 && c < 0x7f) return std::string("'") + c + "'";
  char text[16];
  std::snprintf(text, sizeof(text), "byte 0x%02x", static_cast<unsigned char>(c));
  return text;
}

}  // namespace

/// Reads one expression from left to right.
class LabelExpressionParser {
 public:
  using Term = LabelExpression::Term;

  explicit LabelExpressionParser(std::string_view text) : text_(text) {}

  std::vector<Term> parse() {
    if (text_.size() > kMaxBytes) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::to_string(text_.size()) + " bytes; an expression may have " + std::to_string(kMaxBytes),
                  "labels");
    }
    std::vector<Term> terms;
    do {
      if (terms.size() == kMaxTerms) fail("the end: an expression may have " + std::to_string(kMaxTerms) + " terms");
      terms.push_back(term());
    } while (take(','));
    if (!at_end()) fail("',' or the end");
    return terms;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    const std::string found = at_ < text_.size() ? printable(text_[at_]) : "the end";
    throw Error(ErrorCode::kInvalidArgument,
                "position " + std::to_string(at_ + 1) + ": expected " + expected + ", found " + found, "labels");
  }

  void skip_spaces() noexcept {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool at_end() noexcept {
    skip_spaces();
    return at_ == text_.size();
  }
  bool take(char c) noexcept {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void require(char c, const std::string& expected) {
    if (!take(c)) fail(expected);
  }

  Term term() {
    if (take('!')) return {Term::Kind::kAbsent, key(), {}};
    Term term{Term::Kind::kPresent, key(), {}};
    if (at_end() || text_[at_] == ',') return term;
    if (take('=')) {
      if (at_ < text_.size() && text_[at_] == '=') ++at_;
      term.kind = Term::Kind::kIn;
      term.values.push_back(word("a value"));
    } else if (take('!')) {
      if (at_ == text_.size() || text_[at_] != '=') fail("'=' behind '!'");
      ++at_;
      term.kind = Term::Kind::kNotIn;
      term.values.push_back(word("a value"));
    } else {
      term.kind = set_operator();
      term.values = value_set();
    }
    return term;
  }

  std::string key() {
    skip_spaces();
    const std::size_t begin = at_;
    std::string text = word("a key");
    if (!text.empty()) return text;
    at_ = begin;
    fail("a key of one byte or more");
  }

  Term::Kind set_operator() {
    const std::size_t begin = at_;
    const std::string_view name = plain_word();
    if (name == "in") return Term::Kind::kIn;
    if (name == "notin") return Term::Kind::kNotIn;
    at_ = begin;
    fail("=, ==, !=, in, notin or ','");
  }

  std::vector<std::string> value_set() {
    require('(', "'('");
    std::vector<std::string> values;
    do values.push_back(word("a value"));
    while (take(','));
    require(')', "',' or ')'");
    std::sort(values.begin(), values.end());
    return values;
  }

  std::string word(const std::string& what) {
    if (!at_end() && text_[at_] == '"') return quoted_word();
    const std::string_view plain = plain_word();
    if (plain.empty()) fail(what + " of A-Z a-z 0-9 . _ - / : or in double quotes");
    return std::string(plain);
  }

  std::string_view plain_word() noexcept {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string quoted_word() {
    std::string word;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
        if (at_ == text_.size() || (text_[at_] != '"' && text_[at_] != '\\')) fail("\\\" or \\\\");
      }
      word += text_[at_];
    }
    if (at_ == text_.size()) fail("a closing double quote");
    ++at_;
    return word;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

bool LabelExpression::Term::matches(const std::map<std::string, std::string>& labels) const {
  const auto found = labels.find(key);
  const bool is_there = found != labels.end();
  switch (kind) {
    case Kind::kIn:
      return is_there && std::binary_search(values.begin(), values.end(), found->second);
    case Kind::kNotIn:
      return !is_there || !std::binary_search(values.begin(), values.end(), found->second);
    case Kind::kPresent:
      return is_there;
    case Kind::kAbsent:
      return !is_there;
  }
  return false;
}

LabelExpression::LabelExpression(std::string_view text) : text_(text), terms_(LabelExpressionParser(text).parse()) {}

bool LabelExpression::matches(const std::map<std::string, std::string>& labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) { return term.matches(labels); });
}

}  // namespace melstream::core
