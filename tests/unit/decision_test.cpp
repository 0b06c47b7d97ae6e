#include "config/decision.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using config::Action;
using config::Allowlist;
using config::Container;
using config::decide;
using config::Decision;
using config::Exception;
using config::Exposure;
using config::ExposureKind;
using config::Outcome;
using config::Settings;

namespace {

constexpr const char* today = "2026-11-21";

Container docker(const std::string& name) {
  Container container;
  container.engine = host::Engine::docker;
  container.attributes["name"] = name;
  return container;
}

Exception grant(const std::string& name, const std::string& to, std::vector<ExposureKind> allow,
                const std::string& expires = {}) {
  Exception exception;
  exception.name = name;
  exception.engines = {host::Engine::docker};
  exception.conditions["name"] = {to};
  exception.allow = std::move(allow);
  exception.expires = expires;
  return exception;
}

std::vector<Exposure> exposures(const std::vector<ExposureKind>& kinds) {
  std::vector<Exposure> out;
  for (const ExposureKind kind : kinds) out.push_back({kind, "seen"});
  return out;
}

// "OUTCOME kind:action(exception) …".
std::string as_text(const Decision& decision) {
  std::string out(config::name_of(decision.outcome));
  for (const auto& judged : decision.exposures) {
    out += " " + std::string(config::name_of(judged.exposure.kind)) + ":" + std::string(config::name_of(judged.action));
    if (judged.exception) out += "(" + judged.exception->name + ")";
    for (const std::string& expired : judged.expired) out += "[" + expired + "]";
  }
  return out;
}

std::string decided(const std::vector<ExposureKind>& kinds, const std::vector<Exception>& exceptions,
                    const Settings& settings = {}) {
  return as_text(decide(exposures(kinds), docker("a"), settings, {exceptions, {}}, today));
}

Settings with(ExposureKind kind, Action action) {
  Settings settings;
  settings.actions[static_cast<std::size_t>(kind)] = action;
  return settings;
}

constexpr auto ipc = ExposureKind::host_ipc, foreign = ExposureKind::foreign_ipc, shm = ExposureKind::host_shm,
               mqueue = ExposureKind::host_mqueue, recursive = ExposureKind::host_shm_recursive,
               proc = ExposureKind::host_proc;

}  // namespace

TEST_CASE("without exposures there is nothing to refuse") {
  CHECK(decided({}, {}) == "allow");
  CHECK(decided({}, {grant("g", "*", {ipc})}) == "allow");
}

TEST_CASE("each exposure is treated as the settings say, and the worst is the outcome") {
  CHECK(decided({ipc}, {}) == "refuse host-ipc:refuse");
  CHECK(decided({foreign}, {}) == "refuse foreign-ipc:refuse");
  CHECK(decided({shm}, {}) == "refuse host-shm:refuse");
  CHECK(decided({mqueue}, {}) == "refuse host-mqueue:refuse");
  CHECK(decided({recursive}, {}) == "warn host-shm-recursive:warn");
  CHECK(decided({proc}, {}) == "warn host-proc:warn");
  CHECK(decided({proc, ipc, recursive}, {}) == "refuse host-proc:warn host-ipc:refuse host-shm-recursive:warn");
  CHECK(decided({ipc}, {}, with(ipc, Action::warn)) == "warn host-ipc:warn");
  CHECK(decided({ipc}, {}, with(ipc, Action::allow)) == "allow host-ipc:allow");
  CHECK(decided({ipc, proc}, {}, with(ipc, Action::allow)) == "warn host-ipc:allow host-proc:warn");
  CHECK(decided({recursive}, {}, with(recursive, Action::refuse)) == "refuse host-shm-recursive:refuse");
  CHECK(decided({ipc, shm}, {}, with(ipc, Action::warn)) == "refuse host-ipc:warn host-shm:refuse");
}

TEST_CASE("the details are those that were handed in") {
  const Decision decision = decide({{ipc, "here"}, {ipc, "there"}}, docker("a"), {}, {}, today);
  REQUIRE(decision.exposures.size() == 2);
  CHECK(decision.exposures[0].exposure.detail == "here");
  CHECK(decision.exposures[1].exposure.detail == "there");
}

TEST_CASE("an exception lifts what it grants, and nothing else") {
  CHECK(decided({ipc}, {grant("g", "a", {ipc})}) == "allow host-ipc:excepted(g)");
  CHECK(decided({ipc}, {grant("g", "a", {foreign})}) == "refuse host-ipc:refuse");
  CHECK(decided({ipc}, {grant("g", "b", {ipc})}) == "refuse host-ipc:refuse");
  CHECK(decided({ipc, foreign}, {grant("g", "a", {ipc})}) == "refuse host-ipc:excepted(g) foreign-ipc:refuse");
  CHECK(decided({ipc, foreign}, {grant("g", "a", {ipc}), grant("h", "*", {foreign})}) ==
        "allow host-ipc:excepted(g) foreign-ipc:excepted(h)");
  CHECK(decided({ipc, proc}, {grant("g", "a", {ipc})}) == "warn host-ipc:excepted(g) host-proc:warn");
  CHECK(decided({proc}, {grant("g", "a", {proc})}) == "allow host-proc:excepted(g)");
}

TEST_CASE("host-ipc covers the shared memory and message queues that come with it, not the reverse") {
  CHECK(decided({ipc, shm, mqueue}, {grant("g", "a", {ipc})}) ==
        "allow host-ipc:excepted(g) host-shm:excepted(g) host-mqueue:excepted(g)");
  CHECK(decided({shm}, {grant("g", "a", {ipc})}) == "allow host-shm:excepted(g)");
  CHECK(decided({ipc, shm}, {grant("g", "a", {shm, mqueue})}) == "refuse host-ipc:refuse host-shm:excepted(g)");
  CHECK(decided({recursive, foreign, proc}, {grant("g", "a", {ipc})}) ==
        "refuse host-shm-recursive:warn foreign-ipc:refuse host-proc:warn");
}

TEST_CASE("what the settings allow needs no exception, and is told as allowed") {
  CHECK(decided({ipc}, {grant("g", "a", {ipc})}, with(ipc, Action::allow)) == "allow host-ipc:allow");
}

TEST_CASE("of several exceptions the first by name is told, whatever their order") {
  const Exception a = grant("a", "a", {ipc}), b = grant("b", "*", {ipc}), c = grant("c", "a", {foreign});
  for (const auto& list : std::vector<std::vector<Exception>>{{a, b, c}, {b, a, c}, {c, b, a}, {b, c, a}})
    CHECK(decided({ipc}, list) == "allow host-ipc:excepted(a)");
}

TEST_CASE("an exception that has expired is absent, and its name and day are told") {
  CHECK(decided({ipc}, {grant("g", "a", {ipc}, "2026-11-20")}) == "refuse host-ipc:refuse[g (on 2026-11-20)]");
  CHECK(decided({ipc}, {grant("g", "a", {ipc}, "2026-11-21")}) == "allow host-ipc:excepted(g)");
  CHECK(decided({ipc}, {grant("g", "a", {ipc}, "2026-11-22")}) == "allow host-ipc:excepted(g)");
  // one that would not have granted it is nobody's business
  CHECK(decided({ipc}, {grant("g", "b", {ipc}, "2026-11-20"), grant("h", "a", {foreign}, "2026-11-20")}) ==
        "refuse host-ipc:refuse");
  CHECK(decided({ipc}, {grant("g", "a", {ipc}, "2026-11-20"), grant("h", "a", {ipc})}).substr(0, 27) ==
        "allow host-ipc:excepted(h)[");
}

TEST_CASE("an exception warns in the last 14 days that it holds, and at no other time") {
  const auto warning = [](const std::string& expires, const char* day) {
    return config::expiry_warning(grant("g", "a", {ipc}, expires), day);
  };
  CHECK(warning("2026-12-05", today) == "the exception 'g' expires in 14 days, on 2026-12-05");
  CHECK(warning("2026-11-22", today) == "the exception 'g' expires in 1 day, on 2026-11-22");
  CHECK(warning("2026-11-21", today) == "the exception 'g' expires today, on 2026-11-21");
  CHECK(warning("2024-03-01", "2024-02-28") == "the exception 'g' expires in 2 days, on 2024-03-01");
  CHECK(warning("2026-12-06", today).empty());
  CHECK(warning("2026-11-20", today).empty());
  CHECK(warning("", today).empty());
}

TEST_CASE("who is not established matches nothing") {
  const Allowlist everything{{grant("g", "*", {ipc, foreign, shm, mqueue, recursive, proc})}, {}};
  for (const host::Engine engine : {host::Engine::docker, host::Engine::unknown}) {
    Container container;
    container.engine = engine;
    CHECK(decide(exposures({ipc}), container, {}, everything, today).outcome == Outcome::refuse);
  }
}
