#include "config/cases.h"

#include <string>

#include "tests/unit/catch.h"

using config::parse_cases;

namespace {

// The one problem of a file with this case.
std::string problem(const std::string& one) {
  const config::Cases cases = parse_cases("t.json", "{\"cases\": [" + one + "]}");
  CHECK(cases.cases.empty());
  return cases.problems.empty() ? "" : cases.problems.front().text();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

config::Decision granted_by(const std::string& name) {
  config::Exception exception;
  exception.name = name;
  return {config::Outcome::allow, {{{config::ExposureKind::host_ipc, ""}, config::Action::excepted, exception, {}}}};
}

}  // namespace

TEST_CASE("a case describes a container, or names a bundle") {
  const config::Cases cases = parse_cases("t.json", R"({ "cases": [  // two
    { "name": "a", "expect": "refuse", "exception": "x", "today": "2027-01-01", "exposures": ["host-ipc", "host-shm"],
      "container": { "engine": "docker", "name": "n", "image_id": "sha256:1", "labels": { "team": "ml" } } },
    { "name": "b", "expect": "allow", "bundle": "one", "id": "i" },
    { "name": "c", "expect": "allow", "exposures": [], "container": { "engine": "unknown" } } ] })");
  REQUIRE(cases.problems.empty());
  REQUIRE(cases.cases.size() == 3);
  const config::Case& described = cases.cases[0];
  CHECK(described.expect == config::Outcome::refuse);
  CHECK(described.exception == "x");
  CHECK(described.today == "2027-01-01");
  REQUIRE(described.container);
  CHECK(described.container->engine == host::Engine::docker);
  CHECK(described.container->attribute("image_id") == "sha256:1");
  CHECK(described.container->labels.at("team") == "ml");
  REQUIRE(described.exposures.size() == 2);
  CHECK(described.exposures[1].kind == config::ExposureKind::host_shm);
  CHECK(cases.cases[1].bundle == "one");
  CHECK(cases.cases[1].id == "i");
  CHECK(cases.cases[2].exposures.empty());
}

TEST_CASE("a mistake in a case is told with its place, and there are no cases then") {
  CHECK(has(problem(R"({"name": "a", "expect": "deny", "bundle": "b"})"), "t.json:1:36: expect is 'deny'"));
  CHECK(has(problem(R"({"name": "a", "expect": "allow", "bundel": "b"})"), "unknown key 'bundel'"));
  CHECK(has(problem(R"({"expect": "allow", "bundle": "b"})"), "has no 'name'"));
  CHECK(has(problem(R"({"name": "a", "bundle": "b"})"), "has no 'expect'"));
  CHECK(has(problem(R"({"name": "a", "expect": "allow"})"), "either container and exposures"));
  const std::string container = R"("container": {"engine": "docker"})", head = R"({"name": "a", "expect": "allow", )";
  CHECK(has(problem(head + container + "}"), "either container and exposures"));
  CHECK(has(problem(head + container + R"(, "exposures": [], "bundle": "b"})"), "either container and exposures"));
  CHECK(has(problem(head + R"("bundle": "b", "today": "2027-01-01"})"), "either container and exposures"));
  CHECK(has(problem(head + container + R"(, "exposures": ["all"]})"), "exposures has 'all'"));
  CHECK(has(problem(head + container + R"(, "exposures": [], "today": "soon"})"), "today is 'soon'"));
  CHECK(has(problem(head + R"("container": {"name": "x"}, "exposures": []})"), "container has no 'engine'"));
  CHECK(has(problem(head + R"("container": {"engine": "lxc"}, "exposures": []})"), "engine is 'lxc'"));
  CHECK(has(problem(head + R"("container": {"engine": "docker", "labels": []}, "exposures": []})"), "labels"));
  CHECK(has(problem("1"), "should be an object"));
}

TEST_CASE("a file without cases, or that is no JSON, has a problem") {
  for (const char* text : {"", "{", "[]", "{}", R"({"cases": []})", R"({"cases": {}})"})
    CHECK(parse_cases("t.json", text).problems.size() == 1);
}

TEST_CASE("what is not as a case expects it is told") {
  config::Case one;
  one.expect = config::Outcome::allow;
  CHECK(config::difference(one, {}).empty());
  CHECK(config::difference(one, granted_by("x")).empty());
  one.exception = "x";
  CHECK(config::difference(one, granted_by("x")).empty());
  CHECK(config::difference(one, granted_by("y")) == "expected allow by 'x', is allow by 'y'");
  CHECK(config::difference(one, {}) == "expected allow by 'x', is allow");
  one = {};
  one.expect = config::Outcome::refuse;
  CHECK(config::difference(one, granted_by("x")) == "expected refuse, is allow by 'x'");
}
