#include "admin/suggest.h"

#include <sstream>
#include <string>
#include <vector>

#include "config/allowlist.h"
#include "config/decision.h"
#include "config/settings.h"
#include "tests/unit/catch.h"

using admin::Record;
using admin::Suggestions;
using config::ExposureKind;

namespace {

Record refused(host::Engine engine, const std::map<std::string, std::string>& attributes,
               const std::vector<ExposureKind>& kinds = {ExposureKind::host_ipc}) {
  Record record;
  record.time = "2026-11-21T20:00:00.000Z";
  record.judgement.container.engine = engine;
  for (const auto& [name, value] : attributes) record.judgement.container.attributes[name] = value;
  record.judgement.decision.outcome = config::Outcome::refuse;
  for (const ExposureKind kind : kinds)
    record.judgement.decision.exposures.push_back({{kind, "seen"}, config::Action::refuse, {}, {}});
  return record;
}

std::string suggested(const std::vector<Record>& records) {
  Suggestions suggestions;
  for (const Record& record : records) CHECK(suggestions.add(record));
  std::ostringstream out;
  suggestions.write(out, "2027-02-19");
  return out.str();
}

// The file once somebody has filled in the reasons.
config::Allowlist filled_in(std::string text) {
  const std::string empty = R"("reason": "")";
  for (std::size_t at = text.find(empty); at != std::string::npos; at = text.find(empty, at))
    text.replace(at, empty.size(), R"("reason": "a test")");
  config::Allowlist allowlist;
  config::parse_allowlist("s.json", text, allowlist);
  for (const auto& problem : allowlist.problems) UNSCOPED_INFO(problem.text());
  CHECK(allowlist.problems.empty());
  return allowlist;
}

bool admits(const config::Allowlist& allowlist, const Record& record) {
  std::vector<config::Exposure> exposures;
  for (const auto& judged : record.judgement.decision.exposures) exposures.push_back(judged.exposure);
  return config::decide(exposures, record.judgement.container, {}, allowlist, "2026-11-21").outcome !=
         config::Outcome::refuse;
}

using Attributes = std::map<std::string, std::string>;
const Attributes db{{"id", "1"}, {"bundle", "/b"}, {"name", "db"}, {"image", "postgres:15"}, {"image_id", "sha256:1"}};

}  // namespace

TEST_CASE("what is suggested admits what was refused, and nothing beside it") {
  using host::Engine;
  const Attributes pod{{"id", "1"}, {"bundle", "/b"}, {"namespace", "ns"}, {"pod", "p"}};
  const std::vector<std::pair<Engine, Attributes>> all{
      {Engine::docker, db},
      {Engine::podman, db},
      {Engine::kubernetes, pod},
      {Engine::containerd, {{"id", "1"}, {"bundle", "/b"}, {"namespace", "ns"}}},
      {Engine::unknown, {{"id", "1"}, {"bundle", "/b"}}}};
  for (const auto& [engine, attributes] : all) {
    const Record record = refused(engine, attributes, {ExposureKind::host_ipc, ExposureKind::foreign_ipc});
    const config::Allowlist allowlist = filled_in(suggested({record}));
    REQUIRE(allowlist.exceptions.size() == 1);
    CHECK(admits(allowlist, record));
    CHECK(allowlist.exceptions[0].expires == "2027-02-19");
    for (const auto& [name, globs] : allowlist.exceptions[0].conditions) {
      Attributes other = attributes;
      other[name] += "x";
      CHECK_FALSE(admits(allowlist, refused(engine, other)));
    }
    CHECK_FALSE(admits(allowlist, refused(engine == Engine::docker ? Engine::podman : Engine::docker, attributes)));
  }
}

TEST_CASE("a suggestion is no policy before somebody gives a reason") {
  config::Allowlist allowlist;
  config::parse_allowlist("s.json", suggested({refused(host::Engine::docker, db)}), allowlist);
  CHECK(allowlist.exceptions.empty());
  REQUIRE(allowlist.problems.size() == 1);
  CHECK(allowlist.problems[0].message.find("reason") != std::string::npos);
}

TEST_CASE("containers are named by what tells who they are on their engine") {
  CHECK(
      suggested({refused(host::Engine::docker, db)})
          .find(
              R"("match": { "engine": "docker", "name": "db", "image": "docker.io/library/postgres:15", "image_id": "sha256:1" })") !=
      std::string::npos);
  const Attributes member{{"id", "1"}, {"namespace", "ns"}, {"pod", "p"}, {"container", "c"}, {"image", "i"}};
  CHECK(suggested({refused(host::Engine::kubernetes, member)})
            .find(R"("pod": "p", "namespace": "ns", "container": "c", "image": "docker.io/library/i:latest" })") !=
        std::string::npos);
  // The beginning of an image's id is no name that a condition could match.
  Attributes by_id = db;
  by_id["image"] = "1234";
  by_id["image_id"] = "sha256:1234567890";
  CHECK(suggested({refused(host::Engine::docker, by_id)}).find(R"("name": "db", "image_id": "sha256:1234567890" })") !=
        std::string::npos);
  // Docker's record could not be read: its image alone would be anybody's.
  const Attributes unestablished{{"id", "1"}, {"bundle", "/b"}, {"image", "i"}};
  CHECK(suggested({refused(host::Engine::docker, unestablished)})
            .find(R"("engine": "docker", "id": "1", "bundle": "/b" })") != std::string::npos);
}

TEST_CASE("host-ipc covers what came with it") {
  const auto allow = [](const std::vector<ExposureKind>& kinds) {
    return filled_in(suggested({refused(host::Engine::docker, db, kinds)})).exceptions.at(0).allow;
  };
  using enum ExposureKind;
  CHECK(allow({host_shm, host_ipc, host_mqueue}) == std::vector{host_ipc});
  const Record more = refused(host::Engine::docker, db, {host_ipc, foreign_ipc});
  CHECK_FALSE(admits(filled_in(suggested({refused(host::Engine::docker, db)})), more));
  CHECK(allow({host_shm, host_mqueue}) == std::vector{host_shm, host_mqueue});
  CHECK(allow({host_ipc, host_proc}) == std::vector{host_ipc, host_proc});
}

TEST_CASE("records of one container make one exception, and no two have one name") {
  Attributes newer = db;
  newer["image"] = "postgres:16";
  newer["id"] = "2";
  Attributes again = db;
  again["id"] = "3";
  const config::Allowlist allowlist = filled_in(suggested(
      {refused(host::Engine::docker, db), refused(host::Engine::docker, newer), refused(host::Engine::docker, again)}));
  REQUIRE(allowlist.exceptions.size() == 2);
  CHECK(allowlist.exceptions[0].name == "docker-db");
  CHECK(allowlist.exceptions[1].name == "docker-db-2");
}

TEST_CASE("values are taken literally as far as globs can, and cannot leave their place") {
  Attributes odd = db;
  odd["name"] = "a*b?c\"}\n// \x1b";
  const Record record = refused(host::Engine::docker, odd);
  const std::string text = suggested({record});
  CHECK(text.find("globs have no escape") != std::string::npos);
  const config::Allowlist allowlist = filled_in(text);
  CHECK(admits(allowlist, record));
  odd["name"] = "a**b?c\"}\n// \x1b";
  CHECK_FALSE(admits(allowlist, refused(host::Engine::docker, odd)));
  Record hostile = refused(host::Engine::docker, db);
  hostile.judgement.decision.exposures[0].exposure.detail = "x\n\"name\": \"evil\", \r{";
  CHECK(filled_in(suggested({hostile})).exceptions.size() == 1);
}

TEST_CASE("what could not be judged, or is nobody, has no exception") {
  Suggestions suggestions;
  Record error = refused(host::Engine::docker, db, {});
  error.judgement.error = host::Error(host::ErrorKind::invalid_config, "x");
  CHECK_FALSE(suggestions.add(error));
  CHECK_FALSE(suggestions.add(refused(host::Engine::docker, {})));
  CHECK(suggestions.empty());
}
