#include "shim/exec.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

namespace {

const std::string self = "/proc/self/exe";

struct Setup {
  explicit Setup(const std::string& settings) { folder.write("config.json", settings); }
  shim::Policy policy() const { return shim::Policy(folder / "config.json", folder / "allowlist.d"); }
  std::string named(const std::string& name) const { return shim::choose_runtime(policy(), name).path; }
  std::string found(const std::string& name, shim::Copies copies = shim::Copies::of_own_size) const {
    const shim::Runtime runtime = shim::choose_runtime(policy(), name, copies);
    return runtime.fault.empty() ? runtime.path : runtime.fault;
  }
  tests::TempFolder folder;
};

std::string runtime(const std::string& path) { return R"({"runtimes":{"default":")" + path + "\"}}"; }

// What is left of a child that becomes `path`.
std::string became(const std::string& path, const std::vector<std::string>& argv) {
  return tests::in_child([&]() -> std::string { shim::become_runtime({path, {}}, argv); });
}

}  // namespace

TEST_CASE("a runtime is the one that the settings name so") {
  const Setup setup(R"({"runtimes":{"default":"/a","crun":"/c"}})");
  CHECK(setup.named("default") == "/a");
  CHECK(setup.named("crun") == "/c");
  CHECK(setup.named("other").empty());
  CHECK(setup.found("other").find("there is no runtime 'other'") == 0);
  CHECK(Setup("{}").named("default") == "/usr/bin/runc");
}

TEST_CASE("of broken settings the runtimes count that could be read, and the built-in path otherwise") {
  const Setup setup(R"({"runtimes":{"default":"/a","crun":"/c"},"mode":)");
  CHECK(setup.named("default") == "/a");
  CHECK(setup.named("crun") == "/c");
  CHECK(setup.named("other") == "/usr/bin/runc");
  CHECK(Setup("").named("crun") == "/usr/bin/runc");
}

TEST_CASE("the program itself is no runtime, by whatever name, link or path it is called", "[needs /proc/self/exe]") {
  char path[4096] = {};
  REQUIRE(readlink(self.c_str(), path, sizeof path - 1) > 0);
  const tests::TempFolder folder;
  REQUIRE(symlink(path, (folder / "soft").c_str()) == 0);
  const bool hard = link(path, (folder / "hard").c_str()) == 0;  // not across file systems
  std::vector<std::string> names{path, self, folder / "soft"};
  if (hard) names.push_back(folder / "hard");
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(Setup(runtime(name)).found("default").find("it is ipcguard-runtime itself") != std::string::npos);
  }
  CHECK(Setup(runtime("/bin/true")).found("default") == "/bin/true");
}

TEST_CASE("what cannot be run is told with the settings to mend") {
  const tests::TempFolder folder;
  const std::string text = folder.write("text", "x", 0755), plain = folder.write("plain", "x", 0644);
  for (const std::string& path : {folder / "none", folder.path(), text, plain}) {
    CAPTURE(path);
    const std::string error = became(path, {"a", "state"});
    CHECK(error.find("invalid-policy: the runtime '" + path + "' cannot be run: ") == 0);
    CHECK(error.find("/etc/ipcguard/config.json") != std::string::npos);
    CHECK_FALSE(tests::has_forbidden_phrase(error));
  }
}

TEST_CASE("the runtime gets the arguments after the first as they are, and its own path as the first") {
  const tests::TempFolder folder;
  const std::string out = folder / "out";
  const std::string program =
      folder.write("runtime", "#!/bin/sh\n{ printf '<%s>' \"$@\"; echo; } >" + out + "\n", 0755);
  became(program, {"ipcguard-runtime", "--root", "", "a b", "\xff\n", "create"});
  CHECK(tests::read_whole(out) == "<--root><><a b><\xff\n><create>\n");
  became(program, {"ipcguard-runtime"});
  CHECK(tests::read_whole(out) == "<>\n");
  became(program, {});
  CHECK(tests::read_whole(out) == "<>\n");
}
