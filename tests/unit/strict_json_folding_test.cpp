// Which keys Go's encoding/json takes for which fields, and how the reader says what is wrong and where.

#include <string>
#include <vector>

#include "oci/strict_json.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using oci::folds_to;
using oci::Shape;

namespace {

const std::string long_s = "\u017F", kelvin = "\u212A";

// Every way in which `key` can be spelled so that one letter of it is another for Go, and it is still taken for `key`.
std::vector<std::string> spellings(const std::string& key) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < key.size(); ++at) {
    const char letter = key[at], small = static_cast<char>(letter | 0x20);
    std::vector<std::string> others;
    if (small >= 'a' && small <= 'z') others.emplace_back(1, static_cast<char>(letter ^ 0x20));
    if (small == 's') others.push_back(long_s);
    if (small == 'k') others.push_back(kelvin);
    for (const std::string& other : others) out.push_back(key.substr(0, at) + other + key.substr(at + 1));
  }
  return out;
}

std::string escaped(const std::string& key) {
  std::string out;
  for (std::size_t at = 0; at < key.size();) {
    const bool s = key.substr(at, long_s.size()) == long_s, k = key.substr(at, kelvin.size()) == kelvin;
    out += s ? "\\u017f" : k ? "\\u212A" : std::string(1, key[at]);
    at += s ? long_s.size() : k ? kelvin.size() : 1;
  }
  return out;
}

std::string failure(std::string_view document, const Shape& shape) {
  oci::Listener nobody;
  return tests::failure([&] { oci::read_strictly(document, shape, nobody); });
}

// The names of config.json, state.json, config.v2.json that are read, and some of letters that fold.
const std::vector<std::string> keys{"annotations", "linux",  "namespaces", "type",  "path",   "init_process_pid",
                                    "config",      "labels", "ID",         "Image", "Labels", "process-start-time",
                                    "s",           "k",      "sks",        "KISS",  "skSK"};

}  // namespace

TEST_CASE("a key folds to a field whatever the case of its letters, with the two letters from beyond ASCII") {
  for (const std::string& key : keys) {
    CHECK(folds_to(key, key));
    for (const std::string& other : spellings(key)) {
      CAPTURE(key, other);
      CHECK(folds_to(other, key));
      CHECK(folds_to(key, other));
      // two changes at once
      for (const std::string& twice : spellings(other)) CHECK(folds_to(twice, key));
    }
  }
  CHECK(folds_to("NAMEſPACEſ", "namespaces"));
  CHECK(folds_to("\u212A\u017F\u212A", "ksk"));
}

TEST_CASE("what only resembles a field does not fold to it") {
  for (const std::string& key : keys) {
    for (const std::string& other : std::vector<std::string>{"", key + "s", key + " ", " " + key, key.substr(1),
                                                             key + long_s, kelvin + key, key + key, key + "\u0301"}) {
      CAPTURE(key, other);
      CHECK_FALSE(folds_to(other, key));
    }
  }
  CHECK_FALSE(folds_to("l\u0131nux", "linux"));  // dotless i
  CHECK_FALSE(folds_to("l\u0130nux", "linux"));  // I with a dot
  CHECK_FALSE(folds_to("\uff4cinux", "linux"));  // full width
  CHECK_FALSE(folds_to("\u1e9e", "ss"));         // sharp s
  CHECK_FALSE(folds_to("\u00df", "ss"));
  CHECK_FALSE(folds_to("\u0455", "s"));  // Cyrillic
  CHECK_FALSE(folds_to("\u03ba", "k"));  // Greek
  CHECK_FALSE(folds_to("\xc5", "s"));    // half of U+017F
  CHECK_FALSE(folds_to("process_start_time", "process-start-time"));
  CHECK_FALSE(folds_to("[", "{"));  // differ in the bit that divides the cases
  CHECK_FALSE(folds_to("@", "`"));
  CHECK(folds_to("", ""));
}

TEST_CASE("beside a key that is read there is none that folds to it, escaped or not, before, after or alone") {
  for (const std::string& key : keys) {
    const Shape::Member text[] = {{key, oci::text(1)}}, map[] = {{"x", oci::map(1)}};
    const Shape top = oci::object(text), as_map = oci::object(map);
    const Shape::Member inner[] = {{"y", top}};
    const Shape item = oci::object(inner);
    const Shape::Member outer[] = {{"x", oci::array(item)}};
    const Shape deep = oci::object(outer);
    REQUIRE(failure("{\"" + key + "\":\"a\"}", top).empty());
    for (const std::string& other : spellings(key)) {
      for (const std::string& spelled : {other, escaped(other)}) {
        CAPTURE(key, spelled);
        const std::string odd = "\"" + spelled + "\":\"b\"", plain = "\"" + key + "\":\"a\"";
        for (const std::string& members : {odd, plain + "," + odd, odd + "," + plain}) {
          CHECK(failure("{" + members + "}", top).find("ambiguous-config: the key ") == 0);
          CHECK(failure("{\"x\":[{\"y\":{" + members + "}}]}", deep).find("ambiguous-config: the key ") == 0);
          // where keys are data, or nobody reads
          CHECK(failure("{\"x\":{" + members + "}}", as_map).empty());
          CHECK(failure("{\"z\":{" + members + "}}", as_map).empty());
        }
      }
    }
  }
}

TEST_CASE("a key is compared with the fields of its own object only") {
  constexpr Shape::Member inner[] = {{"b", oci::text(1)}};
  const Shape::Member outer[] = {{"a", oci::object(inner)}};
  const Shape shape = oci::object(outer);
  CHECK(failure(R"({"B":1,"a":{"A":1,"b":"x"}})", shape).empty());
  CHECK_FALSE(failure(R"({"a":{"B":1}})", shape).empty());
}

TEST_CASE("what is wrong is told, and where") {
  constexpr Shape::Member entry[] = {{"type", oci::text(1)}};
  const Shape item = oci::object(entry);
  const Shape::Member linux_members[] = {{"namespaces", oci::array(item)}};
  const Shape::Member members[] = {{"linux", oci::object(linux_members)}, {"annotations", oci::map(2)}};
  const Shape shape = oci::object(members);
  const auto has = [&](std::string_view document, const std::string& part) {
    const std::string text = failure(document, shape);
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
  };
  has(R"({"linux":{"namespaces":[{"type":"a"},{"type":1}]}})",
      "linux.namespaces[1].type is a number and should be text");
  has(R"({"linux":{"namespaces":[{"type":"a"},null]}})", "linux.namespaces[1] is null");
  has(R"({"linux":{"namespaces":[{"type":"a"},[]]}})", "linux.namespaces[1] is an array and should be an object");
  has(R"({"linux":{"namespaces":{}}})", "linux.namespaces is an object and should be an array");
  has(R"({"linux":3})", "linux is a number and should be an object");
  has("[]", "the document is an array and should be an object");
  has(R"({"linux":{"namespaces":[{},{"Type":""}]}})", "the key 'Type' in linux.namespaces[1] can be taken for 'type'");
  has(R"({"Linux":1})", "the key 'Linux' in the document can be taken for 'linux'");
  has(R"({"linux":{"namespaces":[{"type":"a","type":"b"}]}})",
      "the key 'type' is there more than once in linux.namespaces[0]");
  has(R"({"annotations":{"a":1}})", "the value of 'a' in annotations is not text");
  has("{\n  \"linux\": }", "it is not JSON at line 2, column 12");
  has("{\n\"a\":1\n}\n x", "more text after the document's end at line 4, column 2");
  has("{\n // x\n}", "there is a comment at line 2, column 2");
  has("{\n\"a\":\"\\ud800\"}", "half a UTF-16 surrogate pair at line 2");
  has("{\n\"a\":\"\xff\"}", "text that is not UTF-8 at line 2");
  has(std::string("{\n\"a\0\"}", 7), "NUL byte at line 2, column 3");
  has("\xEF\xBB\xBF{}", "byte order mark");
  has(R"({"linux":{"x\u0000":1}})", "NUL (\\u0000) in a text or key in linux");
  has("{\"\\u000a\":1,\"\\u000a\":2}", "the key '\\x0a' is there more than once");
}

TEST_CASE("the kind of a failure is not at the mercy of the document's own words") {
  const Shape shape = oci::object({});
  for (const char* word : {"expected end of input", "; expected end of input", "surrogate",
                           "invalid string: ill-formed UTF-8", "http://x", "/*"}) {
    CAPTURE(word);
    // A truncated or malformed document is that, whatever stands in its texts.
    CHECK(failure("{\"" + std::string(word) + "\" 1}", shape).find("invalid-config: it is not JSON") == 0);
    CHECK(failure("{\"a\":\"" + std::string(word), shape).find("invalid-config: it is not JSON") == 0);
  }
}
