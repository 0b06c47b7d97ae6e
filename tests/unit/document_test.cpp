#include "config/document.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using config::Document;
using config::Node;

namespace {

// The problems of a text, as "LINE:COLUMN: MESSAGE".
std::vector<std::string> problems(const Document& document) {
  std::vector<std::string> out;
  for (const config::Problem& problem : document.problems()) {
    CHECK(problem.file == "f");
    out.push_back(problem.text().substr(2));
  }
  return out;
}
std::vector<std::string> problems(std::string_view text) { return problems(Document("f", text)); }

// Where each part of a text stands, keys as well: the bytes from its offset up to the next blank, comma or bracket.
void offsets(const Node& node, std::string_view text, std::string& out) {
  const auto word = [&](std::size_t at) {
    const std::string_view rest = text.substr(at);
    const bool bracket = rest.front() == '[' || rest.front() == '{';
    const std::size_t size = bracket ? 1 : rest.front() == '"' ? rest.find('"', 1) + 1 : rest.find_first_of(" ,]}\n/");
    return std::string(rest.substr(0, std::min(size, rest.size()))) + "@" + std::to_string(at) + " ";
  };
  out += word(node.offset);
  for (const Node& item : node.items) offsets(item, text, out);
  for (const config::Member& member : node.members) {
    out += word(member.offset);
    offsets(member.value, text, out);
  }
}
std::string offsets(std::string_view text) {
  const Document document("f", text);
  CHECK(document.problems().empty());
  std::string out;
  offsets(document.root(), text, out);
  return out;
}

}  // namespace

TEST_CASE("a problem reads as a compiler's does") {
  CHECK(config::Problem{"f", 3, 7, "m"}.text() == "f:3:7: m");
  CHECK(config::Problem{"f", 0, 0, "m"}.text() == "f: m");
}

TEST_CASE("the tree holds what the text says") {
  const Document document("f", R"({"a":[1,"x",true,null,{}],"b":{"c":false}})");
  const Node& root = document.root();
  REQUIRE(document.problems().empty());
  REQUIRE(root.kind == Node::Kind::object);
  REQUIRE(root.members.size() == 2);
  CHECK(root.members[0].key == "a");
  const auto& items = root.members[0].value.items;
  REQUIRE(items.size() == 5);
  CHECK(items[0].kind == Node::Kind::number);
  CHECK(items[1].kind == Node::Kind::text);
  CHECK(items[1].text == "x");
  CHECK(items[2].kind == Node::Kind::boolean);
  CHECK(items[2].boolean);
  CHECK(items[3].kind == Node::Kind::null);
  CHECK(items[4].kind == Node::Kind::object);
  CHECK_FALSE(root.members[1].value.members[0].value.boolean);
}

TEST_CASE("each part knows where it stands") {
  CHECK(offsets("{}") == "{@0 ");
  CHECK(offsets(" \n{ }") == "{@2 ");
  CHECK(offsets("12") == "12@0 ");
  CHECK(offsets(" -1.5e+3 ") == "-1.5e+3@1 ");
  CHECK(offsets("\"x\"") == "\"x\"@0 ");
  CHECK(offsets("  null") == "null@2 ");
  CHECK(offsets("[1,22 , 333]") == "[@0 1@1 22@3 333@8 ");
  CHECK(offsets("[true,false,null]") == "[@0 true@1 false@6 null@12 ");
  CHECK(offsets("[-0,0.5,1E9]") == "[@0 -0@1 0.5@4 1E9@8 ");
  CHECK(offsets("{\"a\":1,\"b\" : [ {} ]}") == "{@0 \"a\"@1 1@5 \"b\"@7 [@13 {@15 ");
  CHECK(offsets("[\"\",\"a\",\"\"]") == "[@0 \"\"@1 \"a\"@4 \"\"@8 ");
  CHECK(offsets("[1/**/,2//\n]") == "[@0 1@1 2@7 ");
  CHECK(offsets("// \"c\"\n{/*\"x\"*/\"a\"/*1*/:/*\"y\"*/\"b\"}") == "{@7 \"a\"@15 \"b\"@31 ");
  CHECK(offsets("\xEF\xBB\xBF{}") == "{@3 ");
}

TEST_CASE("a text with quotes and backslashes in it knows where it began") {
  const auto second = [](const std::string& first, const std::string& value) {
    const std::string text = "[" + first + "," + value + "]";
    const Document document("f", text);
    REQUIRE(document.problems().empty());
    CHECK(document.root().items[0].offset == 1);
    return document.root().items[1].offset == first.size() + 2;
  };
  for (const char* one : {R"("")", R"("\"")", R"("\\")", R"("\\\"")", R"("a\"b\"c")", R"("\\\\")", R"("\"\\")",
                          R"("\u0022")", R"("é\"😀")", R"("// \" /* ")"})
    for (const char* other : {R"("")", R"("\"")", R"("\\")", R"("\\\"\\")", R"("x")"}) CHECK(second(one, other));
}

TEST_CASE("the items of a list are handed over one by one, whole, and leave the tree") {
  std::string seen;
  const auto read = [&](Document& document, const Node& item) {
    const auto place = document.place(item.offset);
    seen += std::to_string(place.line) + ":" + std::to_string(place.column) + ":" +
            std::to_string(item.members.size() + item.items.size()) + item.text + " ";
  };
  const auto handed = [&](std::string_view text) {
    seen.clear();
    const Document document("f", text, {"list", read});
    if (document.well_formed() && !document.root().members.empty())
      CHECK(document.root().members.back().value.items.empty());
    return seen;
  };
  CHECK(handed("{\"list\":[{\"a\":1,\"b\":[]},\n \"x\",2,\n\n[[],{\"list\":[3]}]]}") == "1:10:2 2:2:0x 2:6:0 4:1:2 ");
  for (const char* none :
       {"{\"list\":[]}", "{\"list\":1}", "{\"list\":{\"list\":[1]}}", "[[1]]", "[{\"list\":[1]}]", "1"})
    CHECK(handed(none).empty());
  CHECK(handed("{\"list\":[1,{\"a\"").find("1:10:0 ") == 0);
  const Document other("f", R"({"other":[1]})", {"list", read});
  CHECK(other.root().members[0].value.items.size() == 1);
}

TEST_CASE("a place is told wherever it is asked for, forwards and backwards") {
  const std::string text = "{\n\n \"a\":\n1}";
  Document document("f", text);
  const auto place = [&](std::size_t offset) {
    const auto found = document.place(offset);
    return std::to_string(found.line) + ":" + std::to_string(found.column);
  };
  const std::vector<std::string> expected{"1:1", "1:2", "2:1", "3:1", "3:2", "3:3",
                                          "3:4", "3:5", "3:6", "4:1", "4:2", "4:3"};
  for (std::size_t at = 0; at < expected.size(); ++at) CHECK(place(at) == expected[at]);
  for (std::size_t at = expected.size(); at-- > 0;) CHECK(place(at) == expected[at]);
  CHECK(place(1000) == "4:3");
}

TEST_CASE("malformed text is a problem, where it is malformed") {
  const struct {
    std::string text, where;
  } cases[] = {
      {"", "1:1: "},
      {"\n\n", "3:1: "},
      {"{", "1:2: "},
      {"{\n\"a\": }", "2:6: "},
      {"{\"a\" 1}", "1:6: "},
      {"{\"a\":1,}", "1:8: "},
      {"{}\nx", "2:1: "},
      {"{}{}", "1:3: "},
      {"[1 2]", "1:4: "},
      {"{\"a\":\"\n\"}", "1:7: "},
      {"{\"a\":\"\xff\"}", "1:7: "},
      {"{'a':1}", "1:2: "},
      {"{\"a\":1} /* x", "1:13: "},
      {std::string("{\n\"a\0\":1}", 9), "2:3: "},
      {std::string("{}\0", 3), "1:3: "},
      {"{\"a\":1e999}", "1:10: "},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    const auto found = problems(one.text);
    REQUIRE(found.size() == 1);
    CHECK(found[0].substr(0, one.where.size()) == one.where);
    CHECK(found[0].find('\n') == std::string::npos);
  }
}

TEST_CASE("the first part of a malformed text is kept") {
  const Document document("f", R"({"a":{"b":"c"},"d":"e","f":)");
  REQUIRE(document.problems().size() == 1);
  REQUIRE(document.root().members.size() == 3);
  CHECK(document.root().members[0].value.members[0].value.text == "c");
  CHECK(document.root().members[2].value.kind == Node::Kind::null);
}

TEST_CASE("a key that is there twice is a problem at its second place, in every object") {
  CHECK(problems("{\"a\":1,\n \"a\":2}") == std::vector<std::string>{"2:2: the key 'a' is there twice"});
  CHECK(problems("{\"x\":[{\"a\":1,\"\\u0061\":2}]}") == std::vector<std::string>{"1:14: the key 'a' is there twice"});
  CHECK(problems("{\"a\":1,\"a\":2,\"a\":3}").size() == 2);
  CHECK(problems("{\"a\":{\"a\":1},\"b\":{\"a\":1}}").empty());
}

TEST_CASE("a policy file has a hundred levels, and no more") {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  CHECK(problems(nested(100)).empty());
  REQUIRE(problems(nested(101)).size() == 1);
  CHECK(problems(nested(101))[0].substr(0, 7) == "1:101: ");
  CHECK(problems(std::string(1000000, '[')).size() == 1);
}

TEST_CASE("of very many problems the first hundred are listed, and that there are more") {
  std::string text = "{\"a\":0";
  for (int times = 0; times < 1000; ++times) text += ",\n\"a\":0";
  const auto found = problems(text + "}");
  REQUIRE(found.size() == 101);
  CHECK(found[99] == "101:1: the key 'a' is there twice");
  CHECK(found[100] == " there is more that is wrong");
}

TEST_CASE("columns count bytes from 1, also after comments and carriage returns") {
  CHECK(problems("{ /* é */ \"a\":1, \"a\":1}")[0].substr(0, 6) == "1:19: ");
  CHECK(problems("{\r\n\t\"a\":1,\r\n\t\"a\":1}")[0].substr(0, 5) == "3:2: ");
}

TEST_CASE("an object's members are handed to their fields; what is unknown or missing is told") {
  const auto read = [](std::string_view text) {
    Document document("f", text);
    std::string got;
    document.read_object(document.root(), "the thing",
                         {{"a", [&](const Node& node) { got += "a@" + std::to_string(node.offset) + " "; }, true},
                          {"b", [&](const Node&) { got += "b "; }}});
    for (const std::string& problem : problems(document)) got += "[" + problem + "]";
    return got;
  };
  CHECK(read(R"({"a":1})") == "a@5 ");
  CHECK(read(R"({"b":1,"a":2})") == "b a@11 ");
  CHECK(read("{\n}") == "[1:1: the thing has no 'a']");
  CHECK(read("{\"a\":1,\n  \"c\":{\"d\":1}}") == "a@5 [2:3: unknown key 'c' in the thing; known are: a, b]");
  CHECK(read(R"({"A":1})") == "[1:2: unknown key 'A' in the thing; known are: a, b][1:1: the thing has no 'a']");
  CHECK(read("\n[]") == "[2:1: the thing is a list and should be an object]");
  CHECK(read("null") == "[1:1: the thing is null and should be an object]");
  CHECK(read(" 7") == "[1:2: the thing is a number and should be an object]");
}

TEST_CASE("values are read as what they should be, or told with where they stand") {
  const auto of = [](const std::string& text, const auto& read) {
    Document document("f", text);
    const std::string value = read(document, document.root());
    const auto found = problems(document);
    return found.empty() ? value : found[0];
  };
  const auto text = [&](const std::string& source) {
    return of(source, [](Document& d, const Node& n) { return d.read_text(n, "x").value_or("-"); });
  };
  CHECK(text("\"a b\"") == "a b");
  CHECK(text("\"\"") == "1:1: x is empty or has a NUL in it and should be text");
  CHECK(text("\n\"a\\u0000\"") == "2:1: x is empty or has a NUL in it and should be text");
  CHECK(text("1") == "1:1: x is a number and should be text");
  CHECK(text("null") == "1:1: x is null and should be text");

  const auto boolean = [&](const std::string& source) {
    return of(source, [](Document& d, const Node& n) {
      return std::string(d.read_boolean(n, "x").value_or(false) ? "1" : "0");
    });
  };
  CHECK(boolean("true") == "1");
  CHECK(boolean("false") == "0");
  CHECK(boolean("\"true\"") == "1:1: x is text and should be true or false");
  CHECK(boolean("1") == "1:1: x is a number and should be true or false");

  const auto path = [&](const std::string& source) {
    return of(source, [](Document& d, const Node& n) { return d.read_absolute_path(n, "x").value_or("-"); });
  };
  CHECK(path("\"/a\"") == "/a");
  CHECK(path("\"a/b\"") == "1:1: x is 'a/b' and should be an absolute path");
  CHECK(path("true") == "1:1: x is true or false and should be text");

  const auto texts = [&](const std::string& source) {
    return of(source, [](Document& d, const Node& n) {
      std::string all;
      for (const std::string& one : d.read_texts(n, "x")) all += one + ";";
      return all;
    });
  };
  CHECK(texts("\"a\"") == "a;");
  CHECK(texts("[\"a\",\"b\"]") == "a;b;");
  CHECK(texts("[]") == "1:1: x is an empty list; leave it out or name at least one");
  CHECK(texts("[\"a\",\n1]") == "2:1: x is a number and should be text");
  CHECK(texts("[[\"a\"]]") == "1:2: x is a list and should be text");
  CHECK(texts("{}") == "1:1: x is an object and should be text");
}
