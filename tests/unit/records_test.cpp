#include "admin/records.h"

#include <sstream>
#include <string>
#include <vector>

#include "shim/record.h"
#include "tests/unit/catch.h"

using admin::parse_record;
using admin::Record;

namespace {

shim::Judgement judgement() {
  config::Exception exception;
  exception.name = "gpu";
  exception.reason = "why";
  exception.owner = "ml";
  exception.expires = "2027-03-31";
  shim::Judgement judgement;
  judgement.decision = {
      config::Outcome::refuse,
      {{{config::ExposureKind::host_ipc, "here"}, config::Action::refuse, {}, {"old (on 2026-01-01)"}},
       {{config::ExposureKind::host_shm, "there"}, config::Action::excepted, exception, {}}}};
  judgement.container.engine = host::Engine::docker;
  judgement.container.attributes = {{"id", "4f5c0000"}, {"name", "db"}, {"image_id", "sha256:1"}, {"bundle", "/b"}};
  judgement.container.labels = {{"team", "ml"}};
  judgement.container.unestablished = "it is gone";
  judgement.subject.bundle = "/b";
  judgement.warnings = {"soon"};
  return judgement;
}

std::string line(const shim::Judgement& of) {
  return shim::decision_record(of, {"create", config::Mode::audit, "/usr/bin/runc", "sha256:00", {}});
}

std::vector<std::string> ids_in(const std::string& log, std::size_t skipped) {
  std::istringstream stream(log);
  std::vector<std::string> ids;
  const auto take = [&](const Record& record) {
    ids.push_back(record.judgement.container.attribute("id").value_or(""));
  };
  CHECK(admin::read_records(stream, take) == skipped);
  return ids;
}

}  // namespace

TEST_CASE("a record is read back as it was written") {
  const auto record = parse_record(line(judgement()));
  REQUIRE(record);
  CHECK(record->time == "1970-01-01T00:00:00.000Z");
  CHECK(record->day() == "1970-01-01");
  CHECK(record->mode == config::Mode::audit);
  CHECK(record->policy == "sha256:00");
  CHECK(record->judgement.container.attributes == judgement().container.attributes);
  REQUIRE(record->judgement.decision.exposures.size() == 2);
  CHECK(record->judgement.decision.exposures[1].exception->owner == "ml");
  // All of it: written again it is the same.
  CHECK(line(record->judgement) == line(judgement()));
  shim::Judgement unjudged = judgement();
  unjudged.decision.exposures.clear();
  unjudged.error = host::Error(host::ErrorKind::ambiguous_command_line, "twice");
  REQUIRE(parse_record(line(unjudged)));
  CHECK(line(parse_record(line(unjudged))->judgement) == line(unjudged));
}

TEST_CASE("keys of another version are passed over; what is no record stops nothing") {
  std::string other = line(judgement());
  other.insert(1, R"("more":[{}],)");
  const std::string good = line(judgement());
  CHECK(ids_in(good + "\n" + other + "\n" + good, 0).size() == 3);
  CHECK(ids_in("", 0).empty());
  const std::string torn = good.substr(0, good.size() / 2);
  CHECK(
      ids_in(torn + "\n" + good + "\n\n[]\n\"x\"\n1\nnull\n{}\n" + std::string(20, '\0') + "\n" + good + "\n" + torn, 9)
          .size() == 2);
  CHECK(ids_in(torn + good + "\n" + std::string(std::size_t{5} << 20U, '[') + "\n" + good + "\n", 2).size() == 1);
}

TEST_CASE("a record with a part that is not what it should be is none") {
  const std::string good = line(judgement());
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string changed = good;
    REQUIRE(changed.find(what) != std::string::npos);
    return parse_record(changed.replace(changed.find(what), what.size(), instead));
  };
  CHECK(with("\"db\"", "\"da\""));
  CHECK_FALSE(with("\"refuse\"", "\"maybe\""));
  CHECK_FALSE(with("\"host-ipc\"", "\"host-pid\""));
  CHECK_FALSE(with("\"docker\"", "7"));
  CHECK_FALSE(with("\"db\"", "{}"));
  CHECK_FALSE(with("\"1970-01-01T00:00:00.000Z\"", "\"now\""));
  CHECK_FALSE(with("\"exposures\":[", "\"exposures\":[1,"));
  CHECK_FALSE(with("\"error\":null", "\"error\":{\"kind\":\"x\"}"));
}

TEST_CASE("a container goes by its id, four characters of it, or its name") {
  const config::Container container = judgement().container;
  for (const char* name : {"4f5c0000", "4f5c000", "4f5c", "db"}) CHECK(admin::is_called(container, name));
  for (const char* name : {"4f5", "", "d", "f5c0", "4f5c00001", "db2"}) CHECK_FALSE(admin::is_called(container, name));
}
