#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "admin/doctor_checks.h"
#include "admin/doctor_runtime.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using admin::Diagnosis;
using admin::Severity;
using tests::TempFolder;

namespace {

// The ids of what was found, each with the first letter of its severity, sorted.
std::string ids(const Diagnosis& diagnosis) {
  std::set<std::string> found;
  for (const admin::Finding& finding : diagnosis.findings)
    found.insert(std::string(name_of(finding.severity).substr(0, 1)) + ":" + finding.id);
  std::string text;
  for (const std::string& id : found) text += (text.empty() ? "" : " ") + id;
  return text;
}

std::string policy(const std::string& settings, const std::string& exceptions = {}) {
  const TempFolder folder;
  const std::string path = folder.write("config.json", settings);
  folder.write("allowlist.d/a.json", R"({"exceptions":[)" + exceptions + "]}");
  shim::Policy read(path, folder / "allowlist.d");
  Diagnosis diagnosis;
  admin::check_settings(path, read, diagnosis);
  admin::check_runtimes(path, read, diagnosis);
  admin::check_allowlist(folder / "allowlist.d", read, "2026-06-01", diagnosis);
  return ids(diagnosis);
}

std::string exception(const std::string& match, const std::string& more = {}) {
  return R"({"name":"x","reason":"r","match":{"engine":"docker",)" + match + R"(},"allow":["host-ipc"])" + more + "}";
}

std::string with_runtime(const std::string& more = {}) { return R"({"runtimes":{"default":"/bin/sh"})" + more + "}"; }

}  // namespace

TEST_CASE("what is found twice is told once, with all that was seen") {
  Diagnosis one, other;
  one.add("b", Severity::info, "s", "seen", "mend");
  one.add("b", Severity::info, "s", "seen", "mend");
  one.add("b", Severity::info, "s", "seen too", "mend");
  CHECK_FALSE(one.bypassable());
  other.add("a", Severity::critical, "\x1b[31m'\n", std::string("\0\xff", 2), "mend");
  other.examined = {"x"};
  one.add(admin::unpacked(packed(other)));
  one.sort();
  REQUIRE(one.findings.size() == 2);
  CHECK(one.findings[0].id == "a");
  CHECK(one.findings[1].evidence.size() == 2);
  CHECK(one.bypassable());
  std::ostringstream text, json;
  write_text(text, one);
  write_json(json, one);
  CHECK(text.str().find('\x1b') == std::string::npos);
  const auto document = nlohmann::json::parse(json.str());
  CHECK(document["bypassable"] == true);
  CHECK(document["counts"]["critical"] == 1);
  CHECK(document["findings"][1]["evidence"].size() == 2);
  CHECK(tests::kind_of_failure([] { admin::unpacked("nonsense"); }) == "unverifiable");
}

TEST_CASE("a policy that does not enforce") {
  CHECK(policy(with_runtime()).empty());
  CHECK(policy(with_runtime(R"(,"mode":"audit")")) == "c:mode-audit");
  CHECK(policy(with_runtime(R"(,"exposures":{"host-ipc":"warn"})")) == "c:exposure-not-refused");
  CHECK(policy(with_runtime(R"(,"exposures":{"host-proc":"allow"})")) == "w:exposure-not-refused");
  CHECK(policy(with_runtime(R"(,"exposures":{"host-proc":"refuse"})")).empty());
  CHECK(policy(with_runtime(R"(,"nonsense":1)")) == "w:settings-broken");
  CHECK(policy(R"({"runtimes":{"default":"/none/at/all"}})") == "w:runtime-unusable");
}

TEST_CASE("exceptions that have ended, or that anything matches") {
  const std::string image = R"("image":"docker.io/library/db:1")";
  CHECK(policy(with_runtime(), exception(image)).empty());
  CHECK(policy(with_runtime(), exception(image, R"(,"expires":"2026-05-31")")) == "w:exception-expired");
  CHECK(policy(with_runtime(), exception(R"("image":"*:*")")).find("c:exception-matches-everything") == 0);
  CHECK(policy(with_runtime(), exception(R"("id":["x","*"])")).find("c:exception-matches-everything") == 0);
  CHECK(policy(with_runtime(), exception(R"("name":"mps-*")")) == "w:exception-doubtful");
  CHECK(policy(with_runtime(), "{") == "w:allowlist-broken");
}

TEST_CASE("a log that cannot be written") {
  const TempFolder folder;
  const auto log = [&](const std::string& name) {
    Diagnosis diagnosis;
    config::Settings::Log settings;
    settings.file = folder / name;
    admin::check_log(settings, diagnosis);
    return ids(diagnosis);
  };
  CHECK(log("decisions.jsonl").empty());
  CHECK(log("none/decisions.jsonl") == "w:log-unwritable");
  mkdir((folder / "folder").c_str(), 0755);
  CHECK(log("folder") == "w:log-unwritable");
  folder.write("open", "", 0666);
  CHECK(log("open") == "w:log-changeable");
}

TEST_CASE("programs that are called like runtimes, or are copies of one") {
  const TempFolder folder;
  const auto found = [&](const std::string& name) {
    const std::string path = folder.write("bin/" + name, "raw", 0755);
    Diagnosis diagnosis;
    admin::check_raw_runtimes({folder / "bin"}, Severity::critical, diagnosis);
    remove(path.c_str());
    return ids(diagnosis);
  };
  for (const char* name : {"runc", "docker-runc", "runc.real", "crun2", "youki", "runsc", "kata-runtime"})
    CHECK(found(name) == "c:raw-runtime-found");
  for (const char* name : {"runcon", "crunch", "runc.unguarded", "containerd-shim-runc-v2", "kata-agent", "sh"})
    CHECK(found(name).empty());
  CHECK(found("containerd-shim-kata-v2") == "c:containerd-shim-found");
  folder.write("bin/runc.unguarded", "raw", 0755);
  CHECK(found("innocent") == "c:raw-runtime-found");
}

TEST_CASE("a PATH, and a program on it") {
  CHECK(admin::folders_of("/a::b:/c:") == std::vector<std::string>{"/a", "/c"});
  CHECK(admin::folders_of("").front() == "/usr/local/sbin");
  const TempFolder folder;
  folder.write("one/x", "", 0644);
  folder.write("two/x", "", 0755);
  CHECK(admin::runtime_program("x", {folder / "one", folder / "two"}).path == folder / "two/x");
  CHECK_FALSE(admin::runtime_program("y", {folder / "one"}).found);
  CHECK_FALSE(admin::runtime_program(folder / "two/x", {}).guarded);
  CHECK(admin::remedy_for_program(folder / "two/x.unguarded").find("out of") != std::string::npos);
}
