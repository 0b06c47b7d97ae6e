#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "engines/docker.h"
#include "engines/json_text.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::docker_put;
using engines::docker_take;
using engines::Text;

namespace {

engines::Wish wish(bool make_default = false) {
  engines::Wish wish;
  wish.shim = "/usr/local/bin/ipcguard-runtime";
  wish.make_default = make_default;
  return wish;
}

std::string put(const Text& now, bool make_default = false) { return docker_put(now, "f", wish(make_default)).value(); }

Text take(const Text& now, const Text& original) { return docker_take(now, original, "f", wish().shim); }

std::string put_failure(const std::string& now, bool make_default = false) {
  return tests::failure([&] { docker_put(now, "f", wish(make_default)); });
}

}  // namespace

TEST_CASE("a daemon.json that is not there, or empty, becomes one that a person would write") {
  const std::string made = R"({
  "runtimes": {
    "ipcguard": {
      "path": "/usr/local/bin/ipcguard-runtime"
    }
  },
  "default-runtime": "ipcguard"
}
)";
  for (const Text& now : {Text(), Text(""), Text(" \n"), Text("{}\n"), Text("{ }\n")}) CHECK(put(now, true) == made);
  CHECK(put("{}") == made.substr(0, made.rfind("},") + 1) + "\n}");
}

TEST_CASE("of a daemon.json only what must change changes") {
  struct Case {
    std::string now, with;
  };
  const std::string path = R"("path": "/usr/local/bin/ipcguard-runtime")",
                    one = R"({"path":"/usr/local/bin/ipcguard-runtime"})";
  const Case cases[] = {
      // Indentation by tabs, an empty line, numbers that no double holds, keys that are in no order.
      {"{\n\t\"log-opts\": { \"max-size\":\"10m\" },\n\n\t\"big\": 12345678901234567890.10,\n\t\"debug\" : false\n}\n",
       "{\n\t\"log-opts\": { \"max-size\":\"10m\" },\n\n\t\"big\": 12345678901234567890.10,\n\t\"debug\" : "
       "false,\n\t\"runtimes\": {\n\t\t"
       "\"ipcguard\": {\n\t\t\t" +
           path + "\n\t\t}\n\t}\n}\n"},
      // On one line.
      {R"({"debug":true})", R"({"debug":true, "runtimes": {"ipcguard":)" + one + "}}"},
      {R"({"a": 1, "debug": true})"
       "\n",
       R"({"a": 1, "debug": true, "runtimes": {"ipcguard":)" + one + "}}\n"},
      // Windows' line ends.
      {"{\r\n    \"debug\": true\r\n}\r\n",
       "{\r\n    \"debug\": true,\r\n    \"runtimes\": {\r\n        \"ipcguard\": {\r\n            " + path +
           "\r\n        }\r\n    }\r\n}\r\n"},
      // A byte order mark, which Docker 23 and newer pass over.
      {"\xEF\xBB\xBF{\"debug\": true}", "\xEF\xBB\xBF{\"debug\": true, \"runtimes\": {\"ipcguard\":" + one + "}}"},
      // Other runtimes.
      {"{\n  \"runtimes\": {\n    \"crun\": { \"path\": \"/usr/bin/crun\" }\n  },\n  \"debug\": true\n}",
       "{\n  \"runtimes\": {\n    \"crun\": { \"path\": \"/usr/bin/crun\" },\n    \"ipcguard\": {\n      " + path +
           "\n    }\n  },\n  \"debug\": true\n}"},
      {"{\n  \"runtimes\": {},\n  \"debug\": true\n}",
       "{\n  \"runtimes\": {\n    \"ipcguard\": {\n      " + path + "\n    }\n  },\n  \"debug\": true\n}"},
      {R"({ "runtimes": {} })", R"({ "runtimes": {"ipcguard": )" + one + "} }"},
      {R"({"runtimes": null})", R"({"runtimes": {"ipcguard":)" + one + "}}"},
      // Keys that only look like ours: in texts, elsewhere, escaped.
      {R"({"a": "\"runtimes\": {\\", "b": {"runtimes": 1}})",
       R"({"a": "\"runtimes\": {\\", "b": {"runtimes": 1}, "runtimes": {"ipcguard":)" + one + "}}"},
      {R"({"run\u0074imes": {"a": {"path": "/a"}}})",
       R"({"run\u0074imes": {"a": {"path": "/a"}, "ipcguard": )" + one + "}}"},
  };
  for (const auto& [now, with] : cases) {
    CAPTURE(now);
    CHECK(put(now) == with);
    CHECK(put(with) == with);
    if (now.find("null") == std::string::npos) CHECK(take(with, now) == Text(now));
  }
}

TEST_CASE("a runtime that is there stays as it is, and moves with the shim") {
  const std::string by_hand =
      R"({"runtimes": {"ipcguard": {"path": "/usr/local/bin/ipcguard-runtime", "runtimeArgs": ["--x"]}}})";
  CHECK(put(by_hand) == by_hand);
  const std::string link = R"({"runtimes": {"ipcguard": {"path": "/usr/local/bin/ipcguard-runtime.crun"}}})";
  CHECK(put(link) == link);
  CHECK(put(R"({"runtimes": {"ipcguard": {"path": "/usr/bin/ipcguard-runtime"}}})") ==
        R"({"runtimes": {"ipcguard": {"path": "/usr/local/bin/ipcguard-runtime"}}})");
}

TEST_CASE("what cannot be edited safely is refused, with the place") {
  CHECK(put_failure("{\n  // mine\n}").find("invalid-config: f:2:3: it is not JSON, which has no comments either") ==
        0);
  CHECK(put_failure("{\"a\": 1,}").find("invalid-config: f:1:9: it is not JSON") == 0);
  CHECK(put_failure("[]") == "invalid-config: f:1:1: it holds something else than an object");
  CHECK(put_failure("{} {}").find("invalid-config: f:1:4: it is not JSON") == 0);
  CHECK(put_failure(std::string("{}\0", 3)) == "invalid-config: f:1:3: there is a NUL byte");
  CHECK(put_failure(std::string("\xFF\xFE{\0}\0", 6)).find("invalid-config: f:1:") == 0);  // UTF-16
  CHECK(put_failure("{\"a\": 1e999}") == "invalid-config: f: a number in it is too large");
  CHECK(put_failure("{\n \"runtimes\": []\n}") == "invalid-config: f:2:14: \"runtimes\" is not an object");
  CHECK(put_failure(R"({"runtimes": {"crun": "/usr/bin/crun"}})") ==
        "invalid-config: f:1:23: the runtime is not an object");
  CHECK(put_failure("{\"runtimes\": {},\n\"runtimes\": {}}") ==
        "invalid-config: f:2:1: the key 'runtimes' is there twice");
  CHECK(put_failure(R"({"default-runtime": 1})", true) == "invalid-config: f:1:21: \"default-runtime\" is not text");
  CHECK(put_failure(R"({"runtimes": {"ipcguard": {"path": "/usr/bin/x"}}})") ==
        "invalid-config: f:1:27: another runtime, '/usr/bin/x', has the name ipcguard; choose another --runtime-name");
  engines::Wish runc = wish();
  runc.name = "runc";
  CHECK(tests::failure([&] { docker_put("{}", "f", runc); }).find("choose another --runtime-name") !=
        std::string::npos);
}

TEST_CASE("a daemon.json that was changed since keeps that") {
  const std::string old =
      R"({"default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun"}}, "debug": false})";
  const std::string ours = put(old, true);
  CHECK(take(ours, old) == Text(old));
  // The earlier default comes back, what was added stays.
  const std::string changed = ours.substr(0, ours.size() - 1) + ", \"more\": 1}";
  CHECK(take(changed, old) == Text(old.substr(0, old.size() - 1) + ", \"more\": 1}"));
  // A default that is no longer ours stays; what is not known is not made up.
  CHECK(take(R"({"runtimes": {"a": {"path": "/usr/bin/ipcguard-runtime"}}, "default-runtime": "runc"})", old) ==
        Text(R"({"runtimes": {}, "default-runtime": "runc"})"));
  CHECK(take(ours, Text("")) == Text(R"({"runtimes": {"crun": {"path": "/usr/bin/crun"}}, "debug": false})"));
  // Nothing left of a file that was not there; one that was, stays.
  CHECK(take(put(Text(), true), Text()) == Text());
  CHECK(take(put(Text(), true), Text("")) == Text("{}\n"));
  CHECK(take("{\"debug\": true}", Text()) == Text("{\"debug\": true}"));
  CHECK(take(Text(), Text("{}")) == Text());
}

TEST_CASE("every registration of a shim goes, by whatever name") {
  CHECK(
      take(
          R"({"runtimes": {"a": {"path": "/opt/ipcguard-runtime"}, "b": {"path": "/usr/local/bin/ipcguard-runtime.crun"},
    "c": {"path": "/usr/bin/runc"}, "d": {"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "/x/ipcguard-runtime"}}}})",
          Text("")) == Text(R"({"runtimes": {"c": {"path": "/usr/bin/runc"}}})"));
}

TEST_CASE("the runtimes that a daemon.json names") {
  const auto text = [](const Text& file) {
    std::string out;
    for (const auto& one : engines::docker_registrations(file, "f"))
      out += one.name + "=" + one.path + " (" + one.where + ")" + (one.is_default ? "*" : "") + "; ";
    return out;
  };
  CHECK(text(Text()) == "runc=runc (built in)*; io.containerd.runc.v2=runc (built in); ");
  CHECK(text(R"({"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "runtimeArgs": []}, "kata": {"runtimeType":
    "io.containerd.kata.v2"}, "typed": {"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "/usr/bin/crun"}}},
    "default-runtime": "nvidia"})") ==
        "runc=runc (built in); io.containerd.runc.v2=runc (built in); nvidia=nvidia-container-runtime (f)*; "
        "kata=io.containerd.kata.v2 (f); typed=/usr/bin/crun (f); ");
}

TEST_CASE("whatever the file is, the edit is the one that was meant, and taken back byte for byte") {
  unsigned seed = 1;
  const auto next = [&](unsigned limit) { return (seed = seed * 1103515245U + 12345U) / 65536U % limit; };
  const std::function<nlohmann::ordered_json(int)> made = [&](int depth) -> nlohmann::ordered_json {
    const char* texts[] = {"", "a", "\"}{][,:\\", "runtimes", "ipcguard", "\n\t\r", "\u20ac"};
    switch (next(depth > 3 ? 4 : 6)) {
      case 0: return nullptr;
      case 1: return next(2) == 0;
      case 2: return -1.5e-7 * next(1000);
      case 3: return texts[next(7)];
      case 4: {
        auto list = nlohmann::ordered_json::array();
        for (unsigned i = next(4); i > 0; --i) list.push_back(made(depth + 1));
        return list;
      }
      default: {
        auto object = nlohmann::ordered_json::object();
        for (unsigned i = next(4); i > 0; --i) object[texts[next(7)] + std::to_string(next(100))] = made(depth + 1);
        return object;
      }
    }
  };
  for (int round = 0; round < 300; ++round) {
    auto file = nlohmann::ordered_json::object();
    for (unsigned i = next(5); i > 0; --i) file["key" + std::to_string(i)] = made(0);
    if (next(2) == 0) file["runtimes"] = {{"other", {{"path", "/x"}, {"runtimeArgs", made(0)}}}};
    if (next(2) == 0) file["default-runtime"] = "other";
    for (unsigned i = next(3); i > 0; --i) file["more" + std::to_string(i)] = made(0);
    const int indent = static_cast<int>(next(6)) - 1;
    const std::string text = file.dump(indent, next(2) == 0 ? ' ' : '\t', next(2) == 0) + (next(2) == 0 ? "\n" : "");
    CAPTURE(text);
    const std::string ours = put(text, true);
    CHECK(put(ours, true) == ours);
    CHECK(take(ours, text) == Text(text));
  }
}
