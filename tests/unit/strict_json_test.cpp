#include "oci/strict_json.h"

#include <algorithm>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/text.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using oci::array;
using oci::map;
using oci::nullable;
using oci::number;
using oci::object;
using oci::read_strictly;
using oci::Shape;
using oci::text;

namespace {

enum Tag { root = 1, labels, item, title, count, maybe };

constexpr Shape::Member item_members[] = {{"title", text(title)}, {"count", number(count)}};
constexpr Shape::Member maybe_members[] = {{"title", text(maybe)}};
constexpr Shape list_item = object(item_members, item), one_text = text(title);
constexpr Shape::Member root_members[] = {{"labels", map(labels)},
                                          {"list", array(list_item)},
                                          {"maybe", nullable(object(maybe_members))},
                                          {"texts", nullable(array(one_text))}};
constexpr Shape shape = object(root_members, root);

// Writes down what it is told.
class Notes final : public oci::Listener {
 public:
  void opened(int tag) override { out += "(" + std::to_string(tag); }
  void text(int tag, std::string_view value) override { out += " " + std::to_string(tag) + "=" + std::string(value); }
  void entry(int tag, std::string_view key, std::string_view value) override {
    out += " " + std::to_string(tag) + "[" + std::string(key) + "]=" + std::string(value);
  }
  void number(int tag, std::uint64_t value) override { out += " " + std::to_string(tag) + "#" + std::to_string(value); }
  std::string out;
};

// What the listener is told; the failure if there is one.
std::string told(std::string_view document) {
  Notes notes;
  const std::string error = tests::failure([&] { read_strictly(document, shape, notes); });
  return error.empty() ? notes.out : error;
}

std::string kind(std::string_view document) {
  Notes notes;
  return tests::kind_of_failure([&] { read_strictly(document, shape, notes); });
}

bool is_read(std::string_view document) { return kind(document).empty(); }
bool is_ambiguous(std::string_view document) { return kind(document) == "ambiguous-config"; }
bool is_invalid(std::string_view document) { return kind(document) == "invalid-config"; }

std::string repeated(std::string_view part, std::size_t times) {
  std::string out;
  while (times-- > 0) out += part;
  return out;
}

}  // namespace

TEST_CASE("the listener is told what the shape reads, in the document's order, and nothing else") {
  CHECK(told("{}") == "(1");
  CHECK(told(R"({"list":[{"count":7,"title":"a"},{"title":"","x":{"title":"no"}},{}],"labels":{"k":"v","K":""}})") ==
        "(1(0(3 5#7 4=a(3 4=(3(2 2[k]=v 2[K]=");
  CHECK(told(R"({"x":{"list":[{"title":"no"}]},"title":"no","count":1,"maybe":{"title":"yes"}})") == "(1(0 6=yes");
  CHECK(told(R"({"texts":["a","b"],"maybe":null})") == "(1(0 4=a 4=b");
  CHECK(told(R"({"list":[]})") == "(1(0");
}

TEST_CASE("texts arrive decoded") {
  CHECK(told(R"({"texts":["\u0061\/\"\\\u00e9\ud83d\ude00\n"]})") == "(1(0 4=a/\"\\\u00e9\U0001F600\n");
  CHECK(told(R"({"\u006cist":[{"\u0074itle":"x"}]})") == "(1(0(3 4=x");
}

TEST_CASE("numbers where they are read are whole, not negative, and may be as large as 64 bits hold") {
  const auto with = [](const std::string& number) { return told("{\"list\":[{\"count\":" + number + "}]}"); };
  CHECK(with("0") == "(1(0(3 5#0");
  CHECK(with("18446744073709551615") == "(1(0(3 5#18446744073709551615");
  for (const char* one : {"18446744073709551616", "-1", "-0", "1.0", "1e3", "1E0", "0.5", "1e19", "true", "false",
                          "\"1\"", "null", "[]", "{}", "[1]"}) {
    CAPTURE(one);
    CHECK(with(one).find("ambiguous-config: ") == 0);
  }
  for (const char* one : {"01", "+1", ".5", "1.", "0x10", "1_0", "NaN", "Infinity", "1e400", "-"}) {
    CAPTURE(one);
    CHECK(with(one).find("invalid-config: ") == 0);
  }
}

TEST_CASE("what is read has the type that the shape names, and is no null") {
  const std::vector<std::string> values{"null", "true", "false", "1", "-1", "1.5", "\"x\"", "[]", "{}", "[[]]"};
  const struct {
    std::string before, after;
    std::vector<std::string> fit;
  } places[] = {
      {"", "", {"{}"}},
      {"{\"labels\":", "}", {"{}"}},
      {"{\"labels\":{\"a\":", "}}", {"\"x\""}},
      {"{\"list\":", "}", {"[]"}},
      {"{\"list\":[", "]}", {"{}"}},
      {"{\"list\":[{},", "]}", {"{}"}},
      {"{\"list\":[{\"title\":", "}]}", {"\"x\""}},
      {"{\"list\":[{\"count\":", "}]}", {"1"}},
      {"{\"maybe\":", "}", {"{}", "null"}},
      {"{\"maybe\":{\"title\":", "}}", {"\"x\""}},
      {"{\"texts\":", "}", {"[]", "null"}},
      {"{\"texts\":[\"a\",", "]}", {"\"x\""}},
      // nobody reads these
      {"{\"other\":", "}", values},
      {"{\"other\":[", "]}", values},
      {"{\"other\":{\"list\":", "}}", values},
      {"{\"list\":[{\"other\":", "}]}", values},
  };
  for (const auto& place : places) {
    for (const std::string& value : values) {
      const std::string document = place.before + value + place.after;
      CAPTURE(document);
      const bool fits = std::find(place.fit.begin(), place.fit.end(), value) != place.fit.end();
      CHECK(kind(document) == (fits ? "" : "ambiguous-config"));
    }
  }
}

TEST_CASE("a key is there at most once in an object, at every depth, however it is spelled") {
  const std::vector<std::string> repeats{R"("a":1,"a":1)",           R"("a":1,"b":2,"a":3)", R"("a":{"a":1},"a":2)",
                                         R"("\u0061":1,"a":2)",      R"("a":1,"\u0061":2)",  R"("":1,"":2)",
                                         R"("\u00e9":1,"é":2)",      R"("\/":1,"/":2)",      R"("a":[],"b":{},"a":[])",
                                         R"("\ud83d\ude00":1,"😀":2)"};
  const std::vector<std::string> places{"{@}",
                                        "{\"x\":{@}}",
                                        "{\"x\":[{@}]}",
                                        "{\"x\":{\"y\":[1,{\"z\":{@}}]}}",
                                        "{\"list\":[{@}]}",
                                        "{\"maybe\":{@}}",
                                        "{\"list\":[{\"x\":{@}}]}"};
  for (const std::string& place : places) {
    for (const std::string& repeat : repeats) {
      std::string document = place;
      document.replace(place.find('@'), 1, repeat);
      CAPTURE(document);
      CHECK(is_ambiguous(document));
    }
  }
  CHECK(is_ambiguous(R"({"labels":{"a":"1","a":"1"}})"));
  CHECK(is_ambiguous(R"({"labels":{"a":"1","\u0061":"2"}})"));
  CHECK(is_ambiguous(R"({"list":[],"list":[]})"));
  CHECK(is_ambiguous(R"({"list":[{"title":"a","\u0074itle":"b"}]})"));
  CHECK(is_ambiguous(R"({"maybe":null,"maybe":null})"));
}

TEST_CASE("the same key in different objects, and keys that only resemble one another, are fine") {
  CHECK(is_read(R"({"a":{"a":{"a":1}},"b":{"a":1},"c":[{"a":1},{"a":1}]})"));
  CHECK(is_read(R"({"a":1,"A":2,"a ":3,"aa":4,"":5,"é":6,"e\u0301":7})"));
  CHECK(is_read(R"({"labels":{"a":"1","A":"2"}})"));
  // keys of the outer object after an inner one was closed
  CHECK(is_ambiguous(R"({"a":1,"b":{"a":1,"c":2},"a":2})"));
  CHECK(is_read(R"({"a":1,"b":{"a":1,"c":2},"c":2})"));
}

TEST_CASE("a repeated key is found among many") {
  std::string document = "{";
  for (int at = 0; at < 20000; ++at) document += "\"key" + std::to_string(at) + "\":0,";
  CHECK(is_read(document + "\"last\":0}"));
  CHECK(is_ambiguous(document + "\"key0\":0}"));
  CHECK(is_ambiguous(document + "\"key19999\":0}"));
}

TEST_CASE("a document is text, with nothing before it and nothing after") {
  for (const char* document : {"{}", " \t\r\n{}", "{} \t\r\n", "{\n}\n\n"}) CHECK(is_read(document));
  for (const std::string& document : std::vector<std::string>{"{}{}",
                                                              "{} x",
                                                              "{},",
                                                              "{}]",
                                                              "{}}",
                                                              "{}\"\"",
                                                              "{}0",
                                                              "{}null",
                                                              "{} {}",
                                                              "{}\f",
                                                              "{}\xff",
                                                              "{}\xc2\xa0",
                                                              "{}#",
                                                              "\xEF\xBB\xBF{}",
                                                              "{}\xEF\xBB\xBF",
                                                              std::string("{}\0", 3),
                                                              std::string("{\0}", 3),
                                                              std::string("\0{}", 3),
                                                              std::string("{\"a\0\":1}", 9),
                                                              std::string("{\"a\":\"\0\"}", 9),
                                                              std::string("{}\0{}", 5)}) {
    CAPTURE(host::quoted(document));
    CHECK(is_ambiguous(document));
  }
  for (const char* document : {"",
                               " ",
                               "\n",
                               "{",
                               "}",
                               "{\"a\"}",
                               "{\"a\":}",
                               "{\"a\":1,}",
                               "{,}",
                               "{\"a\":[1,]}",
                               "{a:1}",
                               "{'a':1}",
                               "{\"a\":1 \"b\":2}",
                               "nul",
                               "True",
                               "\f{}",
                               "{\"a\":tru}",
                               "{\"a\":[1 2]}",
                               "{1:2}",
                               "{null:1}",
                               "<x/>",
                               "{\"a\":'b'}",
                               "#\n{}"}) {
    CAPTURE(document);
    CHECK(is_invalid(document));
  }
}

TEST_CASE("comments are told as such wherever they are") {
  for (const char* document :
       {"// x\n{}", "/* x */{}", "{// x\n}", "{/* x */}", "{\"a\"/**/:1}", "{\"a\":/**/1}", "{\"a\":1/**/}",
        "{\"a\":1}//", "{} // x", "{\"a\":[1,/* 2, */3]}", "{\"list\":[{\"title\":\"a\" // b\n}]}"}) {
    CAPTURE(document);
    CHECK(told(document).find("ambiguous-config: there is a comment at line ") == 0);
  }
  CHECK(is_read(R"({"a":"// not /* a */ comment","//":1,"/*":2})"));
}

TEST_CASE("text is UTF-8, and escapes name whole characters") {
  for (const char* bytes :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\\ud800", "\\udbff", "\\udc00",
        "\\ud800x", "\\ud800\\n", "\\ud800\\ud800", "\\udc00\\ud800"}) {
    CAPTURE(host::quoted(bytes));
    for (const std::string before : {"{\"x\":\"", "{\"", "{\"labels\":{\"", "{\"texts\":[\"", "{\"x\":[[{\"y\":\""})
      CHECK(is_ambiguous(before + bytes));
    CHECK(is_ambiguous("{\"x\":\"" + std::string(bytes) + "\"}"));
  }
  for (const char* bytes : {"é", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "\x7f", "\\ud83d\\ude00", "\\uffff", "\\u001f"})
    CHECK(is_read("{\"x\":\"" + std::string(bytes) + "\"}"));
  for (const char* bytes : {"\x01", "\n", "\x1f", "\\x41", "\\u12", "\\u123g", "\\'", "\\"})
    CHECK(is_invalid("{\"x\":\"" + std::string(bytes) + "\"}"));
}

TEST_CASE("no text or key has a NUL, also where nobody reads") {
  for (const char* document :
       {R"({"x":"\u0000"})", R"({"\u0000":1})", R"({"x":"a\u0000b"})", R"({"list\u0000":[]})",
        R"({"list":[{"title":"ipc\u0000"}]})", R"({"labels":{"a\u0000":"b"}})", R"({"labels":{"a":"b\u0000"}})",
        R"({"texts":["\u0000"]})", R"({"x":[[["\u0000"]]]})", R"({"x":{"y":{"\u0000":{}}}})"}) {
    CAPTURE(document);
    CHECK(is_ambiguous(document));
  }
}

TEST_CASE("a hundred levels, and no more") {
  const auto nested = [](std::size_t levels, const std::string& open, const std::string& close) {
    return "{\"x\":" + repeated(open, levels - 1) + repeated(close, levels - 1) + "}";
  };
  CHECK(is_read(nested(100, "[", "]")));
  CHECK(is_invalid(nested(101, "[", "]")));
  CHECK(is_invalid(nested(101, "{\"a\":[", "]}")));
  // Refused on the way in: neither the stack nor the time for the whole is needed.
  CHECK(is_invalid("{\"x\":" + repeated("[", 100000)));
  CHECK(is_invalid(repeated("{\"x\":", 100000)));
  CHECK(is_invalid(nested(100000, "[", "]")));
}

TEST_CASE("what the listener throws goes through") {
  class Thrower final : public oci::Listener {
   public:
    void text(int, std::string_view) override { throw host::Error(host::ErrorKind::unverifiable, "enough"); }
  } thrower;
  CHECK(tests::failure([&] { read_strictly(R"({"texts":["a","b"]})", shape, thrower); }) == "unverifiable: enough");
}
