#include "config/allowlist.h"

#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/catch.h"

using config::Allowlist;
using config::Container;
using config::Exception;
using config::ExposureKind;
using config::glob_matches;
using config::parse_allowlist;

namespace {

Allowlist parsed(std::string_view text) {
  Allowlist allowlist;
  parse_allowlist("f", text, allowlist);
  return allowlist;
}

std::vector<std::string> problems(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& problem : parsed(text).problems) out.push_back(problem.text());
  return out;
}

// A file of one exception with these members, and the column of the first.
std::string with(const std::string& members) { return "{\"exceptions\":[{" + members + "}]}"; }
constexpr std::size_t first_column = 17;

const std::string head = R"("name":"n","reason":"r",)";
const std::string match = R"("match":{"engine":"docker","name":"x"})";
const std::string allow = R"("allow":["host-ipc"])";

Exception exception(const std::string& members) {
  const Allowlist allowlist = parsed(with(members));
  for (const auto& problem : allowlist.problems) FAIL_CHECK(problem.text());
  REQUIRE(allowlist.exceptions.size() == 1);
  return allowlist.exceptions[0];
}

Exception matching(const std::string& conditions) {
  return exception(head + "\"match\":{" + conditions + "}," + allow);
}

}  // namespace

TEST_CASE("the example of the design is understood") {
  const Exception one = exception(R"("name": "gpu-mps", "reason": "CUDA MPS control daemon, SEC-1234",
    "owner": "ml-platform", "expires": "2027-03-31",
    "match": { "engine": "docker", "name": "mps-*", "image": ["nvcr.io/nvidia/cuda:*"], "labels": {"team": "ml"} },
    "allow": ["host-ipc", "host-shm"])");
  CHECK(one.name == "gpu-mps");
  CHECK(one.reason == "CUDA MPS control daemon, SEC-1234");
  CHECK(one.owner == "ml-platform");
  CHECK(one.expires == "2027-03-31");
  CHECK(one.engines == std::vector<host::Engine>{host::Engine::docker});
  CHECK(one.conditions ==
        std::map<std::string, config::Globs>{{"name", {"mps-*"}}, {"image", {"nvcr.io/nvidia/cuda:*"}}});
  CHECK(one.labels == std::map<std::string, config::Globs>{{"team", {"ml"}}});
  CHECK(one.allow == std::vector<ExposureKind>{ExposureKind::host_ipc, ExposureKind::host_shm});
  CHECK(one.file == "f");
}

TEST_CASE("an exception knows where it stands") {
  const std::string one = "{" + head + match + "," + allow + "}";
  const Allowlist allowlist = parsed("{\"exceptions\":[\n " + one + ", " + one + ",\n\n" + one + "]}");
  REQUIRE(allowlist.exceptions.size() == 3);
  const std::pair<std::size_t, std::size_t> places[] = {{2, 2}, {2, 4 + one.size()}, {4, 1}};
  for (std::size_t at = 0; at < 3; ++at) {
    CHECK(allowlist.exceptions[at].line == places[at].first);
    CHECK(allowlist.exceptions[at].column == places[at].second);
  }
}

TEST_CASE("a file may have no exceptions, and comments") {
  CHECK(problems(R"({"exceptions":[]})").empty());
  CHECK(problems("// none\n{\"exceptions\": [ /* yet */ ]}").empty());
  CHECK(parsed(R"({"exceptions":[]})").exceptions.empty());
}

TEST_CASE("each fault of an allowlist file is told with its place, what was found and what is expected") {
  const std::string keys = "; known are: engine, id, bundle, name, image, image_id, namespace, pod, container, labels";
  const std::string exposures =
      " and may have: host-ipc, foreign-ipc, host-shm, host-mqueue, host-shm-recursive, host-proc";
  const std::string engines = " and may have: docker, kubernetes, podman, containerd, unknown";
  const struct {
    std::string text, problem;
  } cases[] = {
      {"[]", "f:1:1: the file is a list and should be an object"},
      {"{}", "f:1:1: the file has no 'exceptions'"},
      {"{\"exception\":[],\n\"exceptions\":[]}", "f:1:2: unknown key 'exception' in the file; known are: exceptions"},
      {"{\n  \"exceptions\": {}}", "f:2:17: exceptions should be a list"},
      {R"({"exceptions":[1]})", "f:1:16: the exception is a number and should be an object"},
      {with(R"("reason":"r",)" + match + "," + allow), "f:1:16: the exception has no 'name'"},
      {with(R"("name":"n",)" + match + "," + allow), "f:1:16: the exception has no 'reason'"},
      {with(head + allow), "f:1:16: the exception has no 'match'"},
      {with(head + match), "f:1:16: the exception has no 'allow'"},
      {with("\n\"Name\":1," + head + match + "," + allow),
       "f:2:1: unknown key 'Name' in the exception; known are: name, reason, owner, expires, match, allow"},
      {with("\n\"name\":\"\",\"reason\":\"r\"," + match + "," + allow),
       "f:2:8: name is empty or has a NUL in it and should be text"},
      {with("\n\"name\":\"n\",\"reason\":null," + match + "," + allow), "f:2:21: reason is null and should be text"},
      {with("\n\"owner\":[\"a\"]," + head + match + "," + allow), "f:2:9: owner is a list and should be text"},
      {with("\n\"name\":\"a\"," + head + match + "," + allow), "f:2:12: the key 'name' is there twice"},
      // match
      {with(head + allow + ",\n\"match\":[]"), "f:2:9: match is a list and should be an object"},
      {with(head + allow + ",\n\"match\":{}"),
       "f:2:9: match has no 'engine'\nf:2:9: match names no container; beside "
       "engine it needs at least one condition"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\"}"),
       "f:2:9: match names no container; beside engine it needs at least one condition"},
      {with(head + allow + ",\n\"match\":{\"name\":\"x\"}"), "f:2:9: match has no 'engine'"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"Docker\",\"name\":\"x\"}"),
       "f:2:19: engine has 'Docker'" + engines},
      {with(head + allow + ",\n\"match\":{\"engine\":\"*\",\"name\":\"x\"}"), "f:2:19: engine has '*'" + engines},
      {with(head + allow + ",\n\"match\":{\"engine\":[],\"name\":\"x\"}"),
       "f:2:19: engine is an empty list; leave it out or name at least one"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"names\":\"x\"}"),
       "f:2:28: unknown key 'names' in match" + keys +
           "\nf:2:9: match names no container; beside engine it needs at least one condition"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"name\":\"\"}"),
       "f:2:35: name is empty or has a NUL in it and should be text"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"name\":[]}"),
       "f:2:35: name is an empty list; leave it out or name at least one"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"name\":[\"a\",1]}"),
       "f:2:40: name is a number and should be text"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"labels\":[]}"),
       "f:2:37: labels is a list and should be an object\nf:2:9: match names no container; beside engine it needs at "
       "least one condition"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"labels\":{}}"),
       "f:2:37: labels is empty; leave it out or name at least one\nf:2:9: match names no container; beside engine it "
       "needs at least one condition"},
      {with(head + allow + ",\n\"match\":{\"engine\":\"docker\",\"labels\":{\"a\":true}}"),
       "f:2:42: the label 'a' is true or false and should be text"},
      // allow
      {with(head + match + ",\n\"allow\":[]"), "f:2:9: allow is an empty list; leave it out or name at least one"},
      {with(head + match + ",\n\"allow\":[\"host-ipc\",\"hostipc\"]"), "f:2:9: allow has 'hostipc'" + exposures},
      {with(head + match + ",\n\"allow\":\"*\""), "f:2:9: allow has '*'" + exposures},
      {with(head + match + ",\n\"allow\":true"), "f:2:9: allow is true or false and should be text"},
      // expires
      {with(head + match + "," + allow + ",\n\"expires\":\"\""),
       "f:2:11: expires is empty or has a NUL in it and should be text"},
      {with(head + match + "," + allow + ",\n\"expires\":20270331"), "f:2:11: expires is a number and should be text"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.text);
    std::string all;
    for (const std::string& problem : problems(one.text)) all += (all.empty() ? "" : "\n") + problem;
    CHECK(all == one.problem);
  }
  CHECK(problems(with("\"x\":1," + head + match + "," + allow))[0].substr(0, 7) ==
        "f:1:" + std::to_string(first_column) + ":");
}

TEST_CASE("an exception expires on a day of the calendar, or is faulty") {
  const auto is_day = [](const std::string& day) {
    const auto found = problems(with(head + match + "," + allow + ",\"expires\":\"" + day + "\""));
    if (!found.empty()) CHECK(found[0].find("and should be a day like '2027-03-31'") != std::string::npos);
    return found.empty();
  };
  for (const char* day :
       {"2027-03-31", "2024-02-29", "2000-02-29", "2027-01-01", "2027-12-31", "0001-01-01", "9999-12-31"})
    CHECK(is_day(day));
  for (const char* day :
       {"2027-02-29",  "1900-02-29",  "2100-02-29", "2027-04-31", "2027-13-01", "2027-00-10", "2027-01-00",
        "2027-01-32",  "0000-01-01",  "2027-1-1",   "27-01-01",   "2027/01/01", "01-01-2027", "2027-01-01T00:00:00Z",
        " 2027-01-01", "2027-01-01 ", "2027-01-0x", "tomorrow",   "2027-01",    "-027-01-01", "2027-+1-01"})
    CHECK_FALSE(is_day(day));
}

TEST_CASE("an exception holds on its last day, and from the next on no more") {
  const Exception one = exception(head + match + "," + allow + ",\"expires\":\"2027-03-31\"");
  for (const char* day : {"0001-01-01", "2026-12-31", "2027-03-30", "2027-03-31"}) CHECK_FALSE(one.expired(day));
  for (const char* day : {"2027-04-01", "2027-12-01", "2028-01-01", "9999-01-01"}) CHECK(one.expired(day));
  CHECK_FALSE(exception(head + match + "," + allow).expired("9999-12-31"));
}

TEST_CASE("a file with one fault grants nothing; other files hold, whatever the order") {
  const std::string good = with(head + match + "," + allow);
  const std::string bad =
      "{\"exceptions\":[{" + head + match + "," + allow + "},{" + match + "," + allow + ",\"reason\":\"r\"}]}";
  for (const bool bad_first : {true, false}) {
    Allowlist allowlist;
    parse_allowlist("1", bad_first ? bad : good, allowlist);
    parse_allowlist("2", bad_first ? good : bad, allowlist);
    REQUIRE(allowlist.exceptions.size() == 1);
    CHECK(allowlist.exceptions[0].file == (bad_first ? "2" : "1"));
    REQUIRE(allowlist.problems.size() == 1);
    CHECK(allowlist.problems[0].file == (bad_first ? "1" : "2"));
  }
  for (const char* text : {"", "{", "{\"exceptions\":[", "exceptions: []"}) {
    CHECK(parsed(text).problems.size() == 1);
    CHECK(parsed(text).exceptions.empty());
  }
  CHECK(parsed(std::string(good) + "x").exceptions.empty());
  // Faults of the list come first, those of the file last; none hides another.
  CHECK(problems("{\"exceptions\":[{" + head + match + "," + allow + ",\"x\":1}],\"y\":2}").size() == 2);
  CHECK(problems("{\"exceptions\":[{" + head + match + "," + allow + ",\"x\":1},]}").size() == 2);
}

TEST_CASE("globs") {
  const struct {
    const char* glob;
    const char* text;
    bool matches;
  } cases[] = {
      {"a", "a", true},
      {"a", "b", false},
      {"a", "", false},
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "anything/at:all", true},
      {"a*", "a", true},
      {"a*", "abc", true},
      {"a*", "ba", false},
      {"*a", "bca", true},
      {"*a", "ab", false},
      {"a*c", "abc", true},
      {"a*c", "ac", true},
      {"a*c", "abcd", false},
      {"*b*", "abc", true},
      {"*b*", "ac", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"?", "", false},
      {"?", "ab", false},
      {"**", "x", true},
      {"*?*", "", false},
      {"*?*", "x", true},
      {"*ab*ab", "abab", true},
      {"*ab*ab", "aab", false},
      {"a*b*c", "axbxbxc", true},
      {"[ab]", "a", false},
      {"[ab]", "[ab]", true},
      {"\\*", "*", false},
      {"\\*", "\\x", true},
      {"A", "a", false},
      {"a.c", "abc", false},
      {"nvcr.io/*:*", "nvcr.io/nvidia/cuda:12", true},
      {"postgres:15", "postgres:15.1", false},
      {"postgres:15", "docker.io/library/postgres:15", false},
  };
  for (const auto& one : cases) {
    CAPTURE(one.glob, one.text);
    CHECK(glob_matches(one.glob, one.text) == one.matches);
  }
}

TEST_CASE("globs match as their definition says") {
  struct Definition {
    static bool matches(std::string_view glob, std::string_view text) {
      if (glob.empty()) return text.empty();
      if (glob[0] == '*') return matches(glob.substr(1), text) || (!text.empty() && matches(glob, text.substr(1)));
      return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) && matches(glob.substr(1), text.substr(1));
    }
  };
  std::mt19937 random(1);
  const auto word = [&](std::string_view letters, std::size_t most) {
    std::string out(std::uniform_int_distribution<std::size_t>(0, most)(random), ' ');
    for (char& letter : out)
      letter = letters[std::uniform_int_distribution<std::size_t>(0, letters.size() - 1)(random)];
    return out;
  };
  for (int times = 0; times < 20000; ++times) {
    const std::string glob = word("ab*?*", 7), text = word("ab", 8);
    if (glob_matches(glob, text) == Definition::matches(glob, text)) continue;
    FAIL_CHECK(glob << " " << text);
  }
}

TEST_CASE("a glob takes time in proportion to the lengths, whatever it is") {
  std::string glob;
  for (int times = 0; times < 500; ++times) glob += "a*";
  CHECK_FALSE(glob_matches(glob + "b", std::string(5000, 'a')));  // or it would not end today
}

TEST_CASE("a container matches where the engine and all conditions hold") {
  Container container;
  container.engine = host::Engine::docker;
  container.attributes = {{"name", "mps-1"}, {"image", "cuda:12"}, {"id", "abc"}};
  container.labels = {{"team", "ml"}, {"tier", ""}};
  const auto matches = [&](const std::string& conditions) { return matching(conditions).matches(container); };
  CHECK(matches(R"("engine":"docker","name":"mps-*")"));
  CHECK(matches(R"("engine":["podman","docker"],"name":["x","mps-1"])"));
  CHECK(matches(R"("engine":"docker","name":"mps-?","image":"cuda:*","labels":{"team":["x","m*"]})"));
  CHECK(matches(R"("engine":"docker","labels":{"tier":"*"})"));
  CHECK_FALSE(matches(R"("engine":"podman","name":"mps-*")"));
  CHECK_FALSE(matches(R"("engine":"unknown","name":"*")"));
  CHECK_FALSE(matches(R"("engine":"docker","name":"mps")"));
  CHECK_FALSE(matches(R"("engine":"docker","name":"mps-*","image":"x")"));
  CHECK_FALSE(matches(R"("engine":"docker","name":"mps-*","labels":{"team":"m"})"));
  CHECK_FALSE(matches(R"("engine":"docker","name":"mps-*","labels":{"team":"ml","other":"*"})"));
  // what is absent matches nothing, not even everything
  for (const char* absent : {"bundle", "image_id", "namespace", "pod", "container"})
    CHECK_FALSE(matches("\"engine\":\"docker\",\"" + std::string(absent) + "\":\"*\""));
}

TEST_CASE("every attribute can be a condition") {
  for (const std::string_view name : config::attribute_names) {
    Container container;
    container.attributes.emplace(name, "value");
    const std::string key(name);
    CHECK(matching("\"engine\":\"unknown\",\"" + key + "\":\"v*\"").matches(container));
    CHECK_FALSE(matching("\"engine\":\"unknown\",\"" + key + "\":\"x*\"").matches(container));
    CHECK_FALSE(matching("\"engine\":\"unknown\",\"" + key + "\":\"*\"").matches(Container()));
  }
}

TEST_CASE("what is granted is what is listed, and host-ipc covers the mounts that come with it") {
  const auto granted = [](const std::string& list) {
    const Exception one = exception(head + match + ",\"allow\":" + list);
    std::string out;
    for (std::size_t kind = 0; kind < config::exposure_names.size(); ++kind)
      out += one.grants(static_cast<ExposureKind>(kind)) ? '1' : '0';
    return out;
  };
  CHECK(granted(R"(["host-ipc"])") == "101100");
  CHECK(granted(R"("foreign-ipc")") == "010000");
  CHECK(granted(R"(["host-shm"])") == "001000");
  CHECK(granted(R"(["host-mqueue"])") == "000100");
  CHECK(granted(R"(["host-shm-recursive"])") == "000010");
  CHECK(granted(R"(["host-proc","foreign-ipc"])") == "010001");
}

TEST_CASE("the exceptions that are installed are for system pods of Kubernetes, and for nobody else") {
  std::ifstream file(TESTS_FOLDER "/../config/default/kubernetes-system.json");
  const Allowlist allowlist = parsed(std::string(std::istreambuf_iterator<char>(file), {}));
  CHECK(allowlist.problems.empty());
  REQUIRE(allowlist.exceptions.size() == 1);
  const Exception& one = allowlist.exceptions[0];
  CHECK(one.allow == std::vector<ExposureKind>{ExposureKind::host_ipc});
  const auto matches = [&](host::Engine engine, const std::string& name_space) {
    Container container;
    container.engine = engine;
    container.attributes = {{"namespace", name_space}, {"pod", "kube-proxy-x"}, {"name", name_space}};
    container.labels = {{"io.kubernetes.pod.namespace", name_space}};
    return one.matches(container);
  };
  for (const char* name : {"kube-system", "gatekeeper-system", "azure-arc", "azure-extensions-usage-system"}) {
    for (std::size_t at = 0; at < host::engine_names.size(); ++at) {
      const auto engine = static_cast<host::Engine>(at);
      CHECK(matches(engine, name) == (engine == host::Engine::kubernetes));
    }
    CHECK_FALSE(matches(host::Engine::kubernetes, std::string(name) + "-2"));
  }
  for (const char* name : {"default", "kube-public", "KUBE-SYSTEM", "", "azure"})
    CHECK_FALSE(matches(host::Engine::kubernetes, name));
}
