#include "host/text.h"

#include <cerrno>
#include <memory>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::printable;
using host::quoted;
using host::utf8_length;

TEST_CASE("a reason is given for every error number, in words that no engine takes for its own") {
  for (int error = 0; error <= 140; ++error) {
    INFO(error << ": " << host::reason(error));
    CHECK_FALSE(host::reason(error).empty());
    CHECK_FALSE(tests::has_forbidden_phrase(host::reason(error)));
  }
  CHECK(host::reason(ENOENT) != host::reason(EACCES));
  CHECK(host::reason(EXDEV) == "error number " + std::to_string(EXDEV));
}

TEST_CASE("the length of a UTF-8 sequence") {
  const struct {
    std::string text;
    std::size_t length;
  } cases[] = {
      {"", 0},
      {"a", 1},
      {std::string(1, '\0'), 1},
      {"\x7f", 1},
      {"\xc2\x80", 2},
      {"\xdf\xbf", 2},
      {"\xc3\xa9 and more", 2},
      {"\xe0\xa0\x80", 3},
      {"\xed\x9f\xbf", 3},
      {"\xee\x80\x80", 3},
      {"\xef\xbf\xbf", 3},
      {"\xf0\x90\x80\x80", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      // not well-formed
      {"\x80", 0},
      {"\xbf", 0},
      {"\xc0\x80", 0},          // overlong
      {"\xc1\xbf", 0},          // overlong
      {"\xe0\x9f\xbf", 0},      // overlong
      {"\xf0\x8f\xbf\xbf", 0},  // overlong
      {"\xed\xa0\x80", 0},      // a surrogate
      {"\xed\xbf\xbf", 0},      // a surrogate
      {"\xf4\x90\x80\x80", 0},  // beyond U+10FFFF
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"\xc3", 0},  // cut off
      {"\xc3z", 0},
      {"\xe2\x82", 0},
      {"\xe2\x28\xac", 0},
      {"\xf0\x9f\x98", 0},
      {"\xf0\x9f\x98z", 0},
  };
  for (const auto& one : cases) {
    CAPTURE(quoted(one.text));
    CHECK(utf8_length(one.text) == one.length);
  }
}

TEST_CASE("what is printable stays as it is") {
  for (const char* text : {"", "a", "/proc/1/ns/ipc", "caf\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80", "a b"})
    CHECK(printable(text) == text);
}

TEST_CASE("what could end a line, steer a terminal or is not UTF-8 is escaped") {
  const struct {
    std::string text, out;
  } cases[] = {
      {"a\nb", "a\\x0ab"},
      {"\r\t\v\f\b", "\\x0d\\x09\\x0b\\x0c\\x08"},
      {"\x1b[2J", "\\x1b[2J"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\x7f", "\\x7f"},
      {"\xc2\x85", "\\xc2\\x85"},           // NEL
      {"\xc2\x9b", "\\xc2\\x9b"},           // CSI
      {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},  // line separator
      {"\xe2\x80\xa9", "\\xe2\\x80\\xa9"},  // paragraph separator
      {"\xff\xfe", "\\xff\\xfe"},
      {"caf\xe9", "caf\\xe9"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
      {"\xc2\xa0", "\xc2\xa0"},  // a no-break space is not one of them
  };
  for (const auto& one : cases) CHECK(printable(one.text) == one.out);
}

TEST_CASE("every single byte comes out as printable text") {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string out = printable(std::string(1, static_cast<char>(byte)));
    CAPTURE(byte);
    CHECK((out.size() == 1 || out.size() == 4));
    for (const char c : out) CHECK((c >= 0x20 && c < 0x7f));
  }
}

TEST_CASE("a text that ends amid a character is not read beyond its end") {
  // On the heap and without a NUL after it, so that AddressSanitizer sees.
  for (const char lead : {'\xc2', '\xe2', '\xf0'}) {
    const auto byte = std::make_unique<char[]>(1);
    byte[0] = lead;
    CHECK(printable(std::string_view(byte.get(), 1)).size() == 4);
    CHECK(utf8_length(std::string_view(byte.get(), 1)) == 0);
  }
}

TEST_CASE("long text is cut, and shows it") {
  CHECK(printable(std::string(512, 'a')) == std::string(512, 'a'));
  CHECK(printable(std::string(513, 'a')) == std::string(512, 'a') + "\u2026");
  CHECK(printable("abcdef", 3) == "abc\u2026");
  // Escapes and characters are never cut in two; the longest has twelve bytes.
  const std::string escapes = printable(std::string(100000, '\x01'), 100);
  CHECK(escapes.size() <= 100 + 12 + 3);
  CHECK(escapes.substr(0, 8) == "\\x01\\x01");
  CHECK(printable("\xc3\xa9\xc3\xa9", 1) == "\xc3\xa9\u2026");
}

TEST_CASE("quoted text stands between single quotes, and cannot end them itself") {
  CHECK(quoted("a") == "'a'");
  CHECK(quoted("") == "''");
  CHECK(quoted("a\nb") == "'a\\x0ab'");
  const std::string tricky = quoted("x': it is allowed; 'y");
  CHECK(tricky.find('\'', 1) == tricky.size() - 1);
}
