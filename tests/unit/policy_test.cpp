#include "shim/policy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using tests::TempFolder;

namespace {

const std::string good =
    R"({"exceptions":[{"name":"@","reason":"r","match":{"engine":"unknown","id":"x"},"allow":["host-ipc"]}]})";

std::string named(const std::string& name) { return std::string(good).replace(good.find('@'), 1, name); }

// A policy's files in a folder to be thrown away.
struct Files {
  Files() { mkdir(allowlist().c_str(), 0755); }
  std::string settings() const { return folder / "config.json"; }
  std::string allowlist() const { return folder / "allowlist.d"; }
  std::string put(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    return folder.write("allowlist.d/" + name, text, mode);
  }
  shim::Policy read() const { return shim::Policy(settings(), allowlist()); }
  std::string hash() const { return read().hash(); }

  // The names of the exceptions that hold, and the problems, file names without the folder.
  std::string held() const {
    shim::Policy policy = read();
    std::string out;
    for (const auto& exception : policy.allowlist().exceptions) out += exception.name + " ";
    for (const auto& problem : policy.allowlist().problems) out += "[" + shortened(problem.text()) + "]";
    return out;
  }
  std::string settings_problems() const {
    std::string out;
    const shim::Policy policy = read();
    for (const auto& problem : policy.settings_problems()) out += "[" + shortened(problem.text()) + "]";
    return out;
  }
  std::string shortened(const std::string& text) const {
    return text.find(folder.path()) == 0 ? text.substr(folder.path().size() + 1) : text;
  }

  TempFolder folder;
};

}  // namespace

TEST_CASE("without files the defaults hold, and nothing is excepted") {
  const TempFolder folder;
  shim::Policy policy(folder / "none.json", folder / "none");
  CHECK(policy.settings_problems().empty());
  CHECK(policy.settings().runtimes.at("default") == "/usr/bin/runc");
  CHECK(policy.allowlist().exceptions.empty());
  CHECK(policy.allowlist().problems.empty());
}

TEST_CASE("the settings are read") {
  const Files files;
  files.folder.write("config.json", R"({"mode":"audit"})");
  CHECK(files.settings_problems().empty());
  CHECK(files.read().settings().mode == config::Mode::audit);
}

TEST_CASE("settings that are faulty, or could be anybody's, are a problem, and the defaults hold") {
  const Files files;
  const auto problem = [&] {
    CHECK(files.read().settings().mode == config::Mode::enforce);
    return files.settings_problems();
  };
  const std::string path = files.folder.write("config.json", R"({"mode":"audit","x":1})");
  CHECK(problem().find("[config.json:1:17: unknown key 'x'") == 0);
  files.folder.write("config.json", R"({"mode":"audit"})", 0664);
  CHECK(problem() == "[config.json: others may write to it: chmod go-w it]");
  files.folder.write("config.json", R"({"mode":"audit"})", 0646);
  CHECK(problem() == "[config.json: others may write to it: chmod go-w it]");
  files.folder.write("config.json", R"({"mode":"audit"})");
  REQUIRE(chown(path.c_str(), tests::nobody, 0) == 0);
  CHECK(problem() == "[config.json: it belongs to user 65534; it must belong to root: chown root it]");
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(mkfifo(path.c_str(), 0644) == 0);
  CHECK(problem() == "[config.json: it is not a regular file]");
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(mkdir(path.c_str(), 0755) == 0);
  CHECK(problem() == "[config.json: it is not a regular file]");
}

TEST_CASE("all files of the allowlist are read, in the order of their names") {
  const Files files;
  CHECK(files.held().empty());
  files.put("20.json", named("b"));
  files.put("10.json", named("a"));
  files.put("3.json", R"({"exceptions":[]})");
  CHECK(files.held() == "a b ");
}

TEST_CASE("a file that is replaced while policies are read is the old or the new one, and always there") {
  const Files files;
  const auto replace = [&](const std::string& text) {
    files.put(".new", text);
    REQUIRE(rename((files.allowlist() + "/.new").c_str(), (files.allowlist() + "/a.json").c_str()) == 0);
  };
  // Text and decision come of the same bytes: each name goes with its own hash.
  std::map<std::string, std::string> hashes;
  for (const char* name : {"x", "y"}) {
    replace(named(name));
    hashes[std::string(name) + " "] = files.hash();
  }
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int times = 0; !done; ++times) {
      files.put(".new", named(times % 2 == 0 ? "x" : "y"));
      rename((files.allowlist() + "/.new").c_str(), (files.allowlist() + "/a.json").c_str());
    }
  });
  std::set<std::string> seen;
  for (int times = 0; times < 2000 || seen.size() < 2; ++times) {
    shim::Policy policy = files.read();
    std::string held;
    for (const auto& exception : policy.allowlist().exceptions) held += exception.name + " ";
    for (const auto& problem : policy.allowlist().problems) held += problem.text();
    seen.insert(held);
    if (hashes.count(held) == 0 || policy.hash() != hashes[held]) FAIL_CHECK(held);
  }
  done = true;
  writer.join();
  CHECK(seen.size() == 2);
}

TEST_CASE("files whose names are not *.json, or begin with a dot, are none of it") {
  const Files files;
  for (const char* name : {".json", ".hidden.json", ".a.json.swp", "a.json~", "a.json.bak", "a.JSON", "README", "json"})
    files.put(name, "not even JSON", 0666);
  CHECK(files.held().empty());
  files.put("a.json", named("a"));
  CHECK(files.held() == "a ");
}

TEST_CASE("a file that is broken grants nothing; the others hold") {
  const Files files;
  files.put("a.json", named("a"));
  files.put("b.json", named("b") + "x");
  files.put("c.json", named("c"), 0664);
  files.put("d.json", named("d"));
  REQUIRE(chown(files.put("e.json", named("e")).c_str(), tests::nobody, 0) == 0);
  REQUIRE(mkfifo((files.allowlist() + "/f.json").c_str(), 0644) == 0);
  REQUIRE(mkdir((files.allowlist() + "/g.json").c_str(), 0755) == 0);
  const std::string held = files.held();
  CAPTURE(held);
  CHECK(held.find("a d [") == 0);
  CHECK(held.find("[allowlist.d/b.json:1:") != std::string::npos);
  CHECK(held.find("[allowlist.d/c.json: others may write to it: chmod go-w it]") != std::string::npos);
  CHECK(held.find("[allowlist.d/e.json: it belongs to user 65534") != std::string::npos);
  CHECK(held.find("[allowlist.d/f.json: it is not a regular file]") != std::string::npos);
  CHECK(held.find("[allowlist.d/g.json: it is not a regular file]") != std::string::npos);
}

TEST_CASE("links are followed to what they name, whose owner counts") {
  const Files files;
  const std::string real = files.folder.write("real", named("a"));
  REQUIRE(symlink("../real", (files.allowlist() + "/a.json").c_str()) == 0);
  CHECK(files.held() == "a ");
  REQUIRE(chown(real.c_str(), tests::nobody, 0) == 0);
  CHECK(files.held().find("[allowlist.d/a.json: it belongs to user") == 0);
  REQUIRE(symlink("nowhere", (files.allowlist() + "/b.json").c_str()) == 0);
  CHECK(files.held().find("b.json: it is a link that leads nowhere") != std::string::npos);
}

TEST_CASE("a folder that others may write to grants nothing, whatever is in it") {
  const Files files;
  files.put("a.json", named("a"));
  const std::string folder = files.allowlist();
  for (const mode_t mode : {mode_t{0775}, mode_t{0757}, mode_t{01777}}) {
    REQUIRE(chmod(folder.c_str(), mode) == 0);
    CHECK(files.held() == "[allowlist.d: others may write to it: chmod go-w it]");
  }
  REQUIRE(chmod(folder.c_str(), 0700) == 0);
  CHECK(files.held() == "a ");
  REQUIRE(chown(folder.c_str(), tests::nobody, 0) == 0);
  CHECK(files.held() == "[allowlist.d: it must belong to root: chown root it]");
}

TEST_CASE("an allowlist that is no folder is a problem") {
  const TempFolder folder;
  folder.write("allowlist.d", "");
  shim::Policy policy(folder / "config.json", folder / "allowlist.d");
  CHECK(policy.allowlist().exceptions.empty());
  REQUIRE(policy.allowlist().problems.size() == 1);
  CHECK_FALSE(tests::has_forbidden_phrase(policy.allowlist().problems[0].text()));
}

TEST_CASE("a folder that is a link which leads nowhere is a problem, not absent") {
  const TempFolder folder;
  REQUIRE(symlink("nowhere", (folder / "link").c_str()) == 0);
  const shim::Policy settings(folder / "link/config.json", folder / "none");
  REQUIRE(settings.settings_problems().size() == 1);
  CHECK(settings.settings_problems().front().text().find("leads nowhere") != std::string::npos);
  shim::Policy allowlist(folder / "none.json", folder / "link");
  REQUIRE(allowlist.allowlist().problems.size() == 1);
  CHECK(allowlist.allowlist().problems.front().text().find("leads nowhere") != std::string::npos);
}

TEST_CASE("the hash has the form that the record wants, and is the same for the same files") {
  const Files files;
  files.folder.write("config.json", "{}");
  files.put("a.json", named("a"));
  const std::string hash = files.hash();
  CHECK(hash.size() == 7 + 64);
  CHECK(hash.find("sha256:") == 0);
  CHECK(hash.find_first_not_of("0123456789abcdef", 7) == std::string::npos);
  CHECK(files.hash() == hash);
  shim::Policy policy = files.read();
  policy.allowlist();
  CHECK(policy.hash() == hash);
  CHECK(policy.hash() == hash);
}

TEST_CASE("the hash changes with names and contents, and with nothing else") {
  const Files files;
  std::set<std::string> seen{files.hash()};
  const auto is_new = [&] { return seen.insert(files.hash()).second; };
  files.folder.write("config.json", "{}");
  CHECK(is_new());
  files.folder.write("config.json", "{} ");
  CHECK(is_new());
  files.put("a.json", named("a"));
  CHECK(is_new());
  files.put("b.json", named("b"));
  CHECK(is_new());
  files.put("a.json", named("A"));
  CHECK(is_new());
  files.put("a.json", named("b"));
  files.put("b.json", named("A"));
  CHECK(is_new());
  files.put("c.json", "");
  CHECK(is_new());
  files.put("c.json", "broken");
  CHECK(is_new());
  REQUIRE(rename((files.allowlist() + "/c.json").c_str(), (files.allowlist() + "/d.json").c_str()) == 0);
  CHECK(is_new());

  const std::string before = files.hash();
  files.put(".hidden.json", "x");
  files.put("README", "x");
  REQUIRE(chmod((files.allowlist() + "/a.json").c_str(), 0600) == 0);
  files.put("a.json", named("b"), 0600);
  CHECK(files.hash() == before);
  // What is moved from one file to the next is a change, also where all the text together is the same.
  files.put("d.json", "bro");
  files.put("e.json", "ken");
  CHECK(is_new());
  files.put("d.json", "brok");
  files.put("e.json", "en");
  CHECK(is_new());
}
