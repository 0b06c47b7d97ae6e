#include "shim/record.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/text.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using config::Action;
using config::ExposureKind;
using config::Outcome;
using shim::Circumstances;
using shim::decision_record;
using shim::Judgement;
using shim::refusal_message;

namespace {

using Time = std::chrono::system_clock::time_point;

Time at(long long seconds, int milliseconds) {
  return Time(std::chrono::seconds(seconds) + std::chrono::milliseconds(milliseconds));
}

constexpr long long design_day = 1795291200;  // 2026-11-21T20:00:00Z

Circumstances circumstances() {
  return {"create", config::Mode::enforce, "/usr/bin/runc", "sha256:00", at(design_day, 0)};
}

config::Exception granted(const std::string& name, const std::string& reason, const std::string& owner,
                          const std::string& expires) {
  config::Exception exception;
  exception.name = name;
  exception.reason = reason;
  exception.owner = owner;
  exception.expires = expires;
  return exception;
}

Judgement refused(ExposureKind kind, const std::string& detail) {
  Judgement judgement;
  judgement.decision = {Outcome::refuse, {{{kind, detail}, Action::refuse, {}, {}}}};
  judgement.container.attributes["id"] = "id";
  return judgement;
}

// All there can be in a judgement, with `text` wherever somebody else's words go.
Judgement full(const std::string& text, std::optional<host::Error> error) {
  Judgement judgement = refused(ExposureKind::host_ipc, "the path " + host::quoted(text));
  judgement.decision.exposures[0].expired = {text};
  judgement.error = std::move(error);
  for (const char* name : {"id", "name", "image", "namespace", "pod"}) judgement.container.attributes[name] = text;
  judgement.container.unestablished = text;
  judgement.allowlist_problems = {text};
  judgement.subject.bundle = text;
  return judgement;
}

bool is_one_line(const std::string& text) { return text.find_first_of("\n\r\x1b\f\v") == std::string::npos; }

bool is_utf8(std::string_view text) {
  while (!text.empty() && host::utf8_length(text) > 0) text.remove_prefix(host::utf8_length(text));
  return text.empty();
}

const std::vector<std::string> hostile{"a\nb",
                                       "a\r\nb",
                                       "\x1b[2J",
                                       std::string("a\0b", 3),
                                       "\xff\xfe",
                                       "\xc3",
                                       "\xe2\x80\xa8",
                                       "\xc2\x85",
                                       "\"}\n{\"",
                                       "\\",
                                       "'",
                                       "a' is allowed '",
                                       "%s%n",
                                       "{}",
                                       std::string(100000, 'x'),
                                       std::string(5000, '\n'),
                                       "\xed\xa0\x80"};

}  // namespace

TEST_CASE("a refusal is recorded as the design says, field by field") {
  Judgement judgement = refused(ExposureKind::host_ipc, "linux.namespaces has no ipc entry");
  judgement.container.engine = host::Engine::docker;
  judgement.container.attributes = {{"id", "abc"}, {"name", "db"}, {"image", "postgres:15"}, {"bundle", "/b"}};
  judgement.subject.bundle = "/run/b";
  CHECK(decision_record(judgement, circumstances()) ==
        R"({"time":"2026-11-21T20:00:00.000Z","decision":"refuse","gate":"create","mode":"enforce",)"
        R"("exposures":[{"kind":"host-ipc","detail":"linux.namespaces has no ipc entry","action":"refuse",)"
        R"("exception":null}],"error":null,)"
        R"("container":{"engine":"docker","id":"abc","name":"db","image":"postgres:15","namespace":null,"pod":null},)"
        R"("bundle":"/run/b","runtime":"/usr/bin/runc","policy":"sha256:00","version":")" IPCGUARD_VERSION R"("})");
}

TEST_CASE("what was excepted, and by what, is recorded; what is not known is null") {
  Judgement judgement;
  judgement.decision = {
      Outcome::warn,
      {{{ExposureKind::foreign_ipc, "x"}, Action::excepted, granted("gpu", "MPS", "ml", "2026-12-01"), {}},
       {{ExposureKind::host_proc, "y"}, Action::warn, {}, {"old"}}}};
  judgement.warnings = {"soon"};
  judgement.container.attributes = {{"container", "c"}, {"image_id", "sha256:1"}};
  judgement.container.labels = {{"k", "v"}};
  judgement.container.unestablished = "why";
  Circumstances how = circumstances();
  how.gate = "start";
  how.mode = config::Mode::audit;
  how.runtime.clear();
  CHECK(decision_record(judgement, how) ==
        R"({"time":"2026-11-21T20:00:00.000Z","decision":"warn","gate":"start","mode":"audit",)"
        R"("exposures":[{"kind":"foreign-ipc","detail":"x","action":"excepted","exception":"gpu"},)"
        R"({"kind":"host-proc","detail":"y","action":"warn","exception":null}],"error":null,)"
        R"("container":{"engine":"unknown","id":null,"name":null,"image":null,"namespace":null,"pod":null},)"
        R"("bundle":null,"runtime":null,"policy":"sha256:00","version":")" IPCGUARD_VERSION
        R"(","identity":{"container":"c","image_id":"sha256:1","labels":{"k":"v"},"unestablished":"why"},)"
        R"("exceptions":[{"name":"gpu","reason":"MPS","owner":"ml","expires":"2026-12-01"}],"warnings":["soon"]})");
}

TEST_CASE("an error is recorded with its kind") {
  using host::ErrorKind;
  const std::pair<ErrorKind, const char*> kinds[] = {{ErrorKind::ambiguous_config, "ambiguous-config"},
                                                     {ErrorKind::invalid_config, "invalid-config"},
                                                     {ErrorKind::ambiguous_command_line, "ambiguous-command-line"},
                                                     {ErrorKind::invalid_policy, "invalid-policy"},
                                                     {ErrorKind::unverifiable, "unverifiable"}};
  for (const auto& [kind, name] : kinds) {
    Judgement judgement;
    judgement.decision.outcome = Outcome::refuse;
    judgement.error = host::Error(kind, "why");
    const auto record = nlohmann::json::parse(decision_record(judgement, circumstances()));
    CHECK(record["error"] == nlohmann::json{{"kind", name}, {"detail", "why"}});
    CHECK(record["decision"] == "refuse");
    CHECK(record["exposures"].empty());
  }
}

TEST_CASE("a record is one line of JSON in UTF-8, whatever is in it") {
  for (const std::string& text : hostile) {
    for (const auto& error :
         {std::optional<host::Error>(), std::optional(host::Error(host::ErrorKind::unverifiable, text))}) {
      const std::string record = decision_record(full(text, error), circumstances());
      CHECK(is_one_line(record));
      CHECK(is_utf8(record));
      const auto parsed = nlohmann::json::parse(record, nullptr, false);
      REQUIRE(parsed.is_object());
      CHECK(parsed.size() == 12);  // with identity
      CHECK(parsed["decision"] == "refuse");
    }
  }
}

TEST_CASE("times are UTC, to the millisecond where wanted") {
  CHECK(shim::utc(at(0, 0), true) == "1970-01-01T00:00:00.000Z");
  CHECK(shim::utc(at(0, 0), false) == "1970-01-01T00:00:00Z");
  CHECK(shim::utc(at(design_day, 7), true) == "2026-11-21T20:00:00.007Z");
  CHECK(shim::utc(at(design_day, 70), true) == "2026-11-21T20:00:00.070Z");
  CHECK(shim::utc(at(design_day, 999), true) == "2026-11-21T20:00:00.999Z");
  CHECK(shim::utc(at(design_day, 999), false) == "2026-11-21T20:00:00Z");
  CHECK(shim::utc(at(951782400, 0), false) == "2000-02-29T00:00:00Z");
}

TEST_CASE("what is recorded: all but plain private containers, or all") {
  config::Settings notable, all;
  all.log.everything = true;
  Judgement plain, exposed = refused(ExposureKind::host_proc, "x"), failed;
  failed.error = host::Error(host::ErrorKind::unverifiable, "x");
  for (const Judgement* one : {&plain, &exposed, &failed}) CHECK(shim::is_recorded(*one, all));
  CHECK_FALSE(shim::is_recorded(plain, notable));
  CHECK(shim::is_recorded(exposed, notable));
  CHECK(shim::is_recorded(failed, notable));
  exposed.decision = {Outcome::allow,
                      {{{ExposureKind::host_ipc, "x"}, Action::excepted, granted("e", "", "", ""), {}}}};
  CHECK(shim::is_recorded(exposed, notable));
}

TEST_CASE("a refusal names the container, the exposure, where it was seen, and what to do instead") {
  const struct {
    ExposureKind kind;
    std::vector<const char*> advice;
  } cases[] = {
      {ExposureKind::host_ipc, {"--shm-size", "emptyDir", "medium: Memory", "--ipc=host", "hostIPC"}},
      {ExposureKind::foreign_ipc, {"--ipc=shareable", "--ipc=private"}},
      {ExposureKind::host_shm, {"--shm-size", "medium: Memory"}},
      {ExposureKind::host_mqueue, {"mount"}},
      {ExposureKind::host_shm_recursive, {"mount"}},
      {ExposureKind::host_proc, {"/proc"}},
  };
  for (const auto& one : cases) {
    const std::string message = refusal_message(refused(one.kind, "seen there"));
    CAPTURE(message);
    CHECK(message.find("ipcguard: refused: container 'id': " + std::string(config::name_of(one.kind)) +
                       ": seen there") == 0);
    for (const char* advice : one.advice) CHECK(message.find(advice) != std::string::npos);
    CHECK(message.find("/etc/ipcguard/allowlist.d") != std::string::npos);
    CHECK(message.find(";;") == std::string::npos);
    CHECK(message.find("; ;") == std::string::npos);
    CHECK_FALSE(tests::has_forbidden_phrase(message));
  }
}

TEST_CASE("a refusal calls the container by its name and image where they are known") {
  Judgement judgement = refused(ExposureKind::host_ipc, "x");
  judgement.container.attributes["name"] = "db";
  judgement.container.attributes["image"] = "postgres:15";
  CHECK(refusal_message(judgement).find("ipcguard: refused: container 'db' (image 'postgres:15'): host-ipc: x; ") == 0);
}

TEST_CASE("a refusal says in which pod the container is") {
  Judgement judgement = refused(ExposureKind::host_ipc, "x");
  judgement.container.attributes["namespace"] = "ns";
  judgement.container.attributes["pod"] = "web-1";
  CHECK(refusal_message(judgement).find("ipcguard: refused: container 'id' (pod 'ns/web-1'): ") == 0);
  judgement.container.attributes["container"] = "app";
  judgement.container.attributes["image"] = "img";
  CHECK(refusal_message(judgement).find("container 'id' (pod 'ns/web-1', container 'app', image 'img'): ") !=
        std::string::npos);
}

TEST_CASE("a refusal names each exposure that is refused, and none that is not") {
  Judgement judgement = refused(ExposureKind::host_ipc, "one");
  auto& exposures = judgement.decision.exposures;
  exposures.push_back({{ExposureKind::host_shm, "two"}, Action::refuse, {}, {}});
  exposures.push_back({{ExposureKind::host_proc, "three"}, Action::warn, {}, {}});
  exposures.push_back({{ExposureKind::foreign_ipc, "four"}, Action::excepted, granted("e", "", "", ""), {}});
  const std::string message = refusal_message(judgement);
  CHECK(message.find("host-ipc: one; host-shm: two; ") != std::string::npos);
  CHECK(message.find("three") == std::string::npos);
  CHECK(message.find("four") == std::string::npos);
}

TEST_CASE("a refusal tells of exceptions that expired, files that grant nothing, and whom it could not establish") {
  Judgement judgement = refused(ExposureKind::host_ipc, "x");
  judgement.decision.exposures[0].expired = {"gpu (on 2026-01-01)"};
  judgement.allowlist_problems = {"/etc/ipcguard/allowlist.d/a.json:1:2: odd"};
  judgement.container.unestablished = "no record";
  const std::string message = refusal_message(judgement);
  CHECK(message.find("the exception 'gpu (on 2026-01-01)' has expired") != std::string::npos);
  CHECK(message.find("an allowlist file grants nothing: /etc/ipcguard/allowlist.d/a.json:1:2: odd") !=
        std::string::npos);
  CHECK(message.find("no record") != std::string::npos);
}

TEST_CASE("where it could not be judged the message says so") {
  Judgement judgement;
  judgement.container.attributes["id"] = "id";
  judgement.decision.outcome = Outcome::refuse;
  judgement.error = host::Error(host::ErrorKind::ambiguous_config, "'/b/config.json': linux is null");
  CHECK(refusal_message(judgement) ==
        "ipcguard: refused: container 'id': ambiguous-config: '/b/config.json': linux is null");
}

TEST_CASE("a message is one line that begins with its prefix, whatever is in it") {
  for (const std::string& text : hostile) {
    for (const auto& error :
         {std::optional<host::Error>(), std::optional(host::Error(host::ErrorKind::unverifiable, text))}) {
      const std::string message = refusal_message(full(text, error));
      CHECK(message.find("ipcguard: refused: container '") == 0);
      CHECK(is_one_line(message));
      CHECK(message == host::printable(message, message.size()));
      CHECK(message.size() < 8000);
    }
  }
}

TEST_CASE("a message stays one that people can read, however many exposures there are") {
  // A config.json of a few megabytes can have this many mounts.
  Judgement judgement = refused(ExposureKind::host_shm, "mounts[0] on '/x': the source '/dev/shm' is in the host's");
  judgement.decision.exposures.resize(50000, judgement.decision.exposures[0]);
  CHECK(refusal_message(judgement).size() < 8000);
}
