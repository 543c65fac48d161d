// Where characters beyond ASCII may stand.
#include "daemon/toml_text.hpp"

#include <gtest/gtest.h>

namespace melstream::daemon {
namespace {

TEST(TomlText, TextsAndCommentsMayHoldAnyCharacter) {
  for (const char* text :
       {"", "a = 1\n", "\xef\xbb\xbf# a byte order mark\n", "# \u00e4\n", "a = \"\u00e4\" # \u00e4", "a = '\u00e4'\n",
        "a = \"\\\"\u00e4\"\n", "a = '\\' # '\u00e4\n", "a = \"\"\" \"\u00e4\n\u00e4\"\"\"\n",
        "a = '''\u00e4''\n\u00e4'''\n", "a = \"\"\"x\"\"\"\"\" # \u00e4\n", "a = [\"\", \"\u00e4\"]\n"}) {
    EXPECT_FALSE(first_stray_character(text)) << text;
  }
}

TEST(TomlText, StrayCharacterIsFoundWhereItIs) {
  EXPECT_EQ(first_stray_character("\u00e4 = 1\n"), (Position{1, 1}));
  EXPECT_EQ(first_stray_character("# \u00e4\na = \"\u00e4\" \u00e4\n"), (Position{2, 9}));
  EXPECT_EQ(first_stray_character("a = \"\" \u00e4\n"), (Position{1, 8}));
  EXPECT_EQ(first_stray_character("a = \"\"\"\n\n\"\"\"\u00e4\n"), (Position{3, 4}));
  EXPECT_EQ(first_stray_character("a = \"never closed\n\u00e4\n"), (Position{2, 1}));
}

TEST(TomlText, TextThatIsNeverClosedEndsWithTheFile) {
  EXPECT_FALSE(first_stray_character("a = \"\\"));
  EXPECT_FALSE(first_stray_character("a = '''\n\u00e4\n"));
}

}  // namespace
}  // namespace melstream::daemon
