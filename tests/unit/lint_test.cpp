#include "config/lint.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using config::Allowlist;
using config::Settings;

namespace {

constexpr const char* today = "2026-11-21";

// An exception of the file, in a line of its own.
std::string exception(const std::string& name, const std::string& match, const std::string& more = {}) {
  return "{\"name\":\"" + name + "\",\"reason\":\"r\",\"match\":{" + match + "},\"allow\":[\"host-ipc\"]" + more + "}";
}

std::vector<std::string> warnings(const std::vector<std::string>& exceptions) {
  std::string text = "{\"exceptions\":[\n";
  for (const std::string& one : exceptions) text += (&one == &exceptions.front() ? "" : ",\n") + one;
  Allowlist allowlist;
  config::parse_allowlist("f", text + "]}", allowlist);
  for (const auto& problem : allowlist.problems) FAIL_CHECK(problem.text());
  std::vector<std::string> out;
  for (const auto& warning : config::allowlist_warnings(allowlist, today)) out.push_back(warning.text());
  return out;
}

// What is said of an exception with these conditions, after its name.
std::string said(const std::string& match, const std::string& more = {}) {
  std::string all;
  for (const std::string& warning : warnings({exception("e", match, more)})) {
    const std::string begin = "f:2:1: the exception 'e' ";
    CHECK(warning.find(begin) == 0);
    all += (all.empty() ? "" : "\n") + warning.substr(std::min(begin.size(), warning.size()));
  }
  return all;
}

std::string said_of_image(const std::string& glob) { return said(R"("engine":"docker","image":")" + glob + '"'); }

const std::string digest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST_CASE("exceptions that are as narrow as they look have no warnings") {
  for (
      const std::string& match : std::vector<std::string>{
          R"("engine":"docker","name":"mps-*","image":"nvcr.io/nvidia/cuda:*")",
          R"("engine":"docker","name":"x","image_id":")" + digest + '"',
          R"("engine":["docker","podman"],"image":["docker.io/library/postgres:1?","localhost/a/b*"],"labels":{"a":"b*"})",
          R"("engine":"kubernetes","namespace":"gpu-*","pod":"mps-*")", R"("engine":"containerd","namespace":"moby")",
          R"("engine":"podman","name":"ceph-*")", R"("engine":"unknown","bundle":"/srv/*")"})
    CHECK(said(match).empty());
  CHECK(warnings({}).empty());
}

TEST_CASE("a condition of wildcards only says little") {
  const std::string any = ", which any container matches that has one; name something, or leave it out";
  CHECK(said(R"("engine":"containerd","namespace":"*")") == "has '*' for namespace" + any);
  CHECK(said(R"("engine":"unknown","id":["a","**"])") == "has '**' for id" + any);
  CHECK(said(R"("engine":"docker","image":"*")") == "has '*' for image" + any);
  CHECK(said(R"("engine":"docker","image":"docker.io/a/b:*","labels":{"team":"*"})") ==
        "has '*' for the label 'team'" + any);
  CHECK(said(R"("engine":"unknown","id":"???")") ==
        "has '?\?\?' for id, which any container matches that has one of that length; name something, or leave it out");
}

TEST_CASE("an image should name its registry before any wildcard") {
  for (const char* glob : {"postgres:*", "postgres", "postgres:15", "postgres:15.*", "library/postgres:*", "team/*",
                           "postgres@*", "postgres*", "my.image:1"}) {
    CAPTURE(glob);
    CHECK(said_of_image(glob).find("which names no registry; write it in full, as in 'docker.io/library/postgres:*'") !=
          std::string::npos);
  }
  for (const char* glob : {"*/cuda:*", "*cuda", "?vcr.io/nvidia/cuda:1"}) {
    CAPTURE(glob);
    CHECK(said_of_image(glob).find("which begins with a wildcard: any registry will do") != std::string::npos);
  }
  CHECK(
      said_of_image("nvcr.io*") ==
      "has the image 'nvcr.io*', whose wildcard reaches into the registry's name: 'nvcr.io.example.com/…' may match as "
      "well; write the registry out, with a '/' behind it");
  CHECK(said_of_image("registry.*.com/a:1").find("reaches into the registry's name") != std::string::npos);
  for (const char* glob : {"nvcr.io/nvidia/cuda:*", "localhost/x:1", "registry:5000/a:1", "quay.io/*", "quay.io/ceph/*",
                           "quay.io/ceph/ceph*", "quay.io/ceph:*", "quay.io/ceph@*", "docker.io/library/ros:jazzy*"}) {
    CAPTURE(glob);
    CHECK(said_of_image(glob).empty());
  }
}

TEST_CASE("a wildcard within the first folder of a registry matches those of others too") {
  CHECK(said_of_image("quay.io/ceph*") ==
        "has the image 'quay.io/ceph*', whose '*' stands for '/' as well: 'quay.io/ceph-of-others/…' matches too; put "
        "'/', ':' or '@' before the '*'");
  CHECK(config::glob_matches("quay.io/ceph*", "quay.io/ceph-of-others/x:1"));
  CHECK(said_of_image("quay.io/ceph?").empty());
}

TEST_CASE("an image by digest is that image, wherever it comes from") {
  CHECK(said_of_image("*@" + digest).empty());
  CHECK(said_of_image("postgres@" + digest).empty());
  CHECK_FALSE(said_of_image("postgres@sha256:" + std::string(63, 'a') + "*").empty());
  CHECK_FALSE(said_of_image("postgres@sha256:*").empty());
}

TEST_CASE("what whoever runs the container chooses is no limit by itself") {
  const std::string kubernetes = "is for kubernetes and has no namespace";
  CHECK(said(R"("engine":"kubernetes","pod":"mps-*")").find(kubernetes) == 0);
  CHECK(said(R"("engine":["containerd","kubernetes"],"id":"a")").find(kubernetes) == 0);
  const std::string named = "has nothing but names and labels, which whoever runs a container with docker chooses";
  CHECK(said(R"("engine":"docker","name":"db")").find(named) == 0);
  CHECK(said(R"("engine":"docker","labels":{"a":"b"})").find(named) == 0);
  CHECK(said(R"("engine":"docker","name":"db","labels":{"a":"b"})").find(named) == 0);
  CHECK(said(R"("engine":"docker","name":"db","id":"abc")").empty());
}

TEST_CASE("what has expired is told, and what will within 14 days") {
  const auto expiring = [](const std::string& day) {
    return said(R"("engine":"unknown","id":"a")", ",\"expires\":\"" + day + '"');
  };
  CHECK(expiring("2026-11-20") == "has expired on 2026-11-20 and grants nothing; delete it, or have it renewed");
  CHECK(expiring("2026-11-21") == "expires today, on 2026-11-21; replace what needs it by then, or have it renewed");
  CHECK(expiring("2026-12-05").find("expires in 14 days, on 2026-12-05; ") == 0);
  CHECK(expiring("2026-12-06").empty());
}

TEST_CASE("an exception that another one makes redundant is told, and never one that is not") {
  const auto is_redundant = [](const std::string& match, const std::string& more, const std::string& other_match,
                               const std::string& other_more) {
    for (const std::string& warning :
         warnings({exception("e", match, more), exception("other", other_match, other_more)}))
      if (warning ==
          "f:2:1: the exception 'e' is redundant: 'other' (f:3) grants all that it does; delete the one that "
          "is not meant")
        return true;
    return false;
  };
  const std::string image = R"("image":"docker.io/a/b:*")", docker = R"("engine":"docker",)" + image;
  CHECK(is_redundant(docker + R"(,"name":"x")", "", docker, ""));
  CHECK(is_redundant(R"("engine":"unknown","id":"mps-1")", "", R"("engine":["docker","unknown"],"id":["a","mps-*"])",
                     ""));
  CHECK(is_redundant(docker + R"(,"name":"m*")", "", docker + R"(,"name":"*")", ""));
  CHECK(is_redundant(docker + R"(,"labels":{"a":"b","c":"d"})", "", docker + R"(,"labels":{"a":["b","x"]})", ""));
  CHECK(is_redundant(docker + R"(,"name":"x")", R"(,"expires":"2027-01-01")", docker, R"(,"expires":"2027-01-01")"));
  // one that is broader in one respect only
  CHECK_FALSE(is_redundant(docker, "", docker + R"(,"name":"x")", ""));
  CHECK_FALSE(is_redundant(R"("engine":["docker","podman"],)" + image + R"(,"name":"x")", "", docker, ""));
  CHECK_FALSE(is_redundant(docker + R"(,"labels":{"a":"b"})", "", docker + R"(,"labels":{"b":"b"})", ""));
  CHECK_FALSE(is_redundant(docker + R"(,"labels":{"name":"x"})", "", docker + R"(,"name":"x")", ""));
  CHECK_FALSE(is_redundant(docker + R"(,"name":["x","y"])", "", docker + R"(,"name":"x")", ""));
  CHECK_FALSE(is_redundant(docker + R"(,"name":"x")", "", docker, R"(,"expires":"2027-01-01")"));
  CHECK_FALSE(
      is_redundant(docker + R"(,"name":"x")", R"(,"expires":"2027-01-02")", docker, R"(,"expires":"2027-01-01")"));
  CHECK_FALSE(
      is_redundant(docker + R"(,"name":"x")", R"(,"expires":"2026-01-01")", docker, ""));  // expired: another story
  // globs that may or may not cover one another
  CHECK_FALSE(is_redundant(R"("engine":"unknown","id":"a*")", "", R"("engine":"unknown","id":"a?")", ""));
  CHECK_FALSE(is_redundant(R"("engine":"unknown","id":"a?")", "", R"("engine":"unknown","id":"?a")", ""));
}

TEST_CASE("what an exception allows counts as it is granted") {
  const auto allowing = [](const std::string& name, const std::string& allow) {
    return "{\"name\":\"" + name + R"(","reason":"r","match":{"engine":"unknown","id":"a"},"allow":)" + allow + "}";
  };
  CHECK(warnings({allowing("a", R"(["host-shm","host-mqueue"])"), allowing("b", R"("host-ipc")")}).size() == 1);
  CHECK(warnings({allowing("a", R"(["host-shm","foreign-ipc"])"), allowing("b", R"("host-ipc")")}).empty());
}

TEST_CASE("of two exceptions that say the same the later is redundant") {
  const auto found =
      warnings({exception("a", R"("engine":"unknown","id":"x")"), exception("b", R"("engine":"unknown","id":"x")"),
                exception("c", R"("engine":"unknown","id":"y")")});
  REQUIRE(found.size() == 1);
  CHECK(found[0].find("f:3:1: the exception 'b' is redundant: 'a' (f:2)") == 0);
}

TEST_CASE("a name that another exception has is told, in the order of lines") {
  const auto found =
      warnings({exception("a", R"("engine":"unknown","id":"x")"), exception("b", R"("engine":"unknown","id":"*")"),
                exception("a", R"("engine":"unknown","id":"z")")});
  REQUIRE(found.size() == 4);
  CHECK(found[0].find("f:2:1: the exception 'a' is redundant: 'b' (f:3)") == 0);
  CHECK(found[1].find("f:3:1: the exception 'b' has '*' for id") == 0);
  CHECK(found[2].find("f:4:1: the exception 'a' is redundant: 'b' (f:3)") == 0);
  CHECK(found[3] ==
        "f:4:1: the exception 'a' has the name of another (f:2), and records and reports go by it; give it one of its "
        "own");
}

TEST_CASE("settings that refuse less than the defaults are told") {
  const auto told = [](const Settings& settings) {
    std::string all;
    for (const auto& warning : config::settings_warnings("f", settings)) all += warning.text() + "\n";
    return all;
  };
  Settings settings;
  CHECK(told(settings).empty());
  settings.actions.back() = config::Action::allow;  // host-proc, which is not refused by default
  CHECK(told(settings).empty());
  settings.mode = config::Mode::audit;
  settings.actions.front() = config::Action::warn;
  settings.actions[1] = config::Action::allow;
  CHECK(told(settings) ==
        "f: mode is audit: nothing is refused, only recorded; set it to enforce in the end\n"
        "f: host-ipc is set to warn, for every container; set it to refuse, and except those that need it\n"
        "f: foreign-ipc is set to allow, for every container; set it to refuse, and except those that need it\n");
}

TEST_CASE("one redundant exception is found among ten thousand, within ctest's time limit") {
  std::vector<std::string> many;
  for (int number = 0; number < 10000; ++number)
    many.push_back(
        exception(std::to_string(number), R"("engine":"unknown","bundle":"/srv/)" + std::to_string(number) + "/*\""));
  many.push_back(exception("last", R"("engine":"unknown","bundle":"/srv/77/*")"));
  CHECK(warnings(many).size() == 1);
}
