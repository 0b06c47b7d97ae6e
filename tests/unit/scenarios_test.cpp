// Every scenario of tests/fixtures through the code, with the real kernel: a document as engines or attackers write it,
// and the decision that it must get. scenarios_check.sh puts the same through the operator's command.

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "host/error.h"
#include "oci/bundle.h"
#include "shim/create_gate.h"
#include "shim/record.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const fs::path fixtures = TESTS_FOLDER "/fixtures";

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fixtures))
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// A /dev that is the same on every machine, for this process alone; scenarios_check.sh makes the same.
bool make_dev(const tests::TempFolder& folder) {
  const std::string null = folder.write("null", "");
  const bool mounted = unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       mount("/dev/null", null.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                       mount("none", "/dev", "tmpfs", 0, "mode=0755") == 0;
  if (!mounted) return false;
  std::ofstream("/dev/null").close();
  for (const char* name : {"/dev/shm", "/dev/mqueue", "/dev/shmx"}) mkdir(name, 0755);
  const bool filled = mount(null.c_str(), "/dev/null", nullptr, MS_MOVE, nullptr) == 0 &&
                      mount("none", "/dev/shm", "tmpfs", 0, nullptr) == 0 &&
                      mount("none", "/dev/mqueue", "mqueue", 0, nullptr) == 0 && mkdir("/dev/shm/folder", 0755) == 0 &&
                      symlink("shm", "/dev/link-to-shm") == 0 && symlink("/proc/self/fd", "/dev/fd") == 0 &&
                      symlink("/proc/self/fd/0", "/dev/stdin") == 0;
  std::ofstream("/dev/shm/folder/file").close();
  return filled;
}

// Decision, kinds of exposures and error of a judgement, or of an expect.json.
Json summary(const std::string& decision, const std::set<std::string>& exposures, const Json& error) {
  return {{"decision", decision}, {"exposures", exposures}, {"error", error}};
}

Json judged(const shim::Judgement& judgement) {
  std::set<std::string> kinds;
  for (const auto& one : judgement.decision.exposures) kinds.emplace(config::name_of(one.exposure.kind));
  const Json error = judgement.error ? Json(host::name_of(judgement.error->kind())) : Json(nullptr);
  return summary(std::string(config::name_of(judgement.decision.outcome)), kinds, error);
}

Json expected(const std::string& name) {
  const Json file = Json::parse(tests::read_whole(fixtures / name / "expect.json"));
  return summary(file.at("decision"), file.at("exposures"), file.at("error"));
}

// Each scenario's judgement, its message if it is refused, and the kind of failure of reading the document alone.
Json judge_all() {
  const tests::TempFolder folder, none;
  if (!make_dev(folder)) throw std::runtime_error("no private /dev; the tests run as root");
  Json all;
  for (const std::string& name : scenarios()) {
    const std::string document = tests::read_whole(fixtures / name / "config.json");
    folder.write("bundle/config.json", document);
    shim::Policy policy(none / "config.json", none / "allowlist.d");
    const auto judgement = shim::judge_create({folder / "bundle", "scenario", folder / "root"}, policy, host::kernel());
    const bool refused = judgement.decision.outcome == config::Outcome::refuse;
    all[name] = {{"judged", judged(judgement)},
                 {"detail", judgement.error ? judgement.error->what() : ""},
                 {"message", refused ? shim::refusal_message(judgement) : ""},
                 {"unread", tests::kind_of_failure([&] { oci::read_bundle(document); })}};
  }
  return all;
}

const Json& results() {
  static const Json all = [] {
    const std::string text = tests::in_child([] { return judge_all().dump(); });
    INFO(text.substr(0, 200));
    Json parsed = Json::parse(text, nullptr, false);
    REQUIRE(parsed.is_object());
    return parsed;
  }();
  return all;
}

}  // namespace

TEST_CASE("each scenario is judged as it should be") {
  REQUIRE(results().size() == scenarios().size());
  for (const auto& [name, result] : results().items()) {
    INFO(name << ": " << result["detail"].get<std::string>());
    CHECK(result["judged"].dump() == expected(name).dump());
  }
}

TEST_CASE("a document that cannot be read is the reason why its scenario is refused") {
  for (const auto& [name, result] : results().items()) {
    INFO(name);
    const std::string unread = result["unread"];
    if (!unread.empty()) CHECK(result["judged"]["error"] == unread);
  }
}

TEST_CASE("each refused scenario gets one line without an engine's own phrases, and no other gets one") {
  for (const auto& [name, result] : results().items()) {
    const std::string message = result["message"];
    INFO(name << ": " << message);
    CHECK(message.empty() == (result["judged"]["decision"] != "refuse"));
    if (message.empty()) continue;
    CHECK(message.find("ipcguard: refused: container 'scenario': ") == 0);
    CHECK(message.find_first_of("\n\r\x1b") == std::string::npos);
    CHECK(message.size() < 4000);
    CHECK_FALSE(tests::has_forbidden_phrase(message));
  }
}

TEST_CASE("the scenarios are numbered, each once, and complete") {
  std::set<std::string> numbers;
  std::map<std::string, int> decisions;
  for (const std::string& name : scenarios()) {
    INFO(name);
    CHECK(name.find_first_not_of("0123456789") == 3);
    CHECK(name[3] == '-');
    CHECK(numbers.insert(name.substr(0, 3)).second);
    const Json file = Json::parse(tests::read_whole(fixtures / name / "expect.json"));
    CHECK_FALSE(file.at("about").get<std::string>().empty());
    CHECK(fs::exists(fixtures / name / "config.json"));
    ++decisions[file.at("decision")];
  }
  CHECK(decisions.size() == 3);
  CHECK(decisions["allow"] > 20);
  CHECK(decisions["refuse"] > 100);
}
