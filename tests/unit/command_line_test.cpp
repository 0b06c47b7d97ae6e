#include "shim/command_line.h"

#include <map>
#include <string>
#include <vector>

#include "host/text.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using shim::Call;
using Words = std::vector<std::string>;

namespace {

Call read(const Words& words, const std::map<std::string, bool>& declared = {}) {
  Words argv{"/usr/local/bin/ipcguard-runtime"};
  argv.insert(argv.end(), words.begin(), words.end());
  return shim::read_command_line(argv, declared);
}

std::string joined(const Words& words) {
  std::string out;
  for (const std::string& word : words) out += host::quoted(word) + " ";
  return out;
}

const std::string R = "/run/x", B = "/b";

}  // namespace

TEST_CASE("what runtimes would read differently is refused") {
  const Words refused[] = {
      {" --root", "/x", "create", "-b", B, "id"},
      {"\u00a0--debug", "create", "-b", B, "id"},
      {" --", "create", "-b", B, "id"},
      {" --version", "create", "-b", B, "id"},
      {"--version=false", "create", "-b", B, "id"},
      {"-v=false", "create", "-b", B, "id"},
      {"--help=false", "create", "-b", B, "id"},
      {"-h=0", "create", "-b", B, "id"},
      {"create", "--help=false", "-b", B, "id"},
      {"create", "-h=0", "-b", B, "id"},
      {"--rootl", "/x", "create", "-b", B, "id"},
      {"create", "--root", "/other", "-b", B, "id"},
      {"create", "--log", "/l", "-b", B, "id"},
      {"create", "-bundle", B, "id"},
      {"create", "-b=" + B, "id"},
      {"create", "-b" + B, "id"},
      {"create", "--bun", B, "id"},
      {"create", "--b", B, "id"},
      {"create", "--bundle=", "id"},
      {"create", "-b", "", "id"},
      {"create", "-b", B, "-b", "/c", "id"},
      {"create", "-b", B, "--bundle", B, "id"},
      {"create", "--bundle=" + B, "-b", B, "id"},
      {"--root", R, "--root", "/c", "create", "-b", B, "id"},
      {"--root=" + R, "--root", R, "create", "-b", B, "id"},
      {"create", "--pid-file", "--bundle=/evil", "--bundle", B, "id"},
      {"create", "--bundle", "--", "id"},
      {"create", "-f", "/evil.json", "-b", B, "id"},
      {"create", "--config=/evil.json", "-b", B, "id"},
      {"run", "-db", B, "id"},
      {"create", "--HANG=10", "-b", B, "id"},
      {"--HANG=10", "create", "-b", B, "id"},
      {"--program-name=x", "create", "-b", B, "id"},
      {"create", "-b", B, "id", "-b", "/c"},
      {"create", "id", "--bundle", B},
      {"create", "-b", B, "id", "--no-pivot"},
      {"create", "-", "-b", B},
      {"create", "-b", B, "-"},
      {"create", "-b", B, "id", "--"},
      {"create", " -b", "/c", "id"},
      {"create", "--bundle ", "/c", "id"},
      {"create", "--bundle", " /c", "id"},
      {"create", "-b", B, " id"},
      {"create", "-b", B, "id "},
      {"create", "-b", B, "help"},
      {"create", "-b", B, "h"},
      {"--root", "", "create", "-b", B, "id"},
      {"--root=", "create", "-b", B, "id"},
      {"create", "--no-pivot=false", "-b", B, "id"},
      {"create", "--no-pivot=", "-b", B, "id"},
      {"--systemd-cgroup=", "create", "-b", B, "id"},
      {"--debug=true", "create", "-b", B, "id"},
      {"--debug", "false", "create", "-b", B, "id"},
      {"--systemd-cgroup", "true", "run", "-b", B, "id"},
      {"create", "--preserve-fds", "010", "-b", B, "id"},
      {"create", "--preserve-fds", "0x10", "-b", B, "id"},
      {"create", "--preserve-fds", "1_0", "-b", B, "id"},
      {"create", "--preserve-fds", "-1", "-b", B, "id"},
      {"create", "--preserve-fds", "abc", "-b", B, "id"},
      {"create", "--preserve-fds", "", "-b", B, "id"},
      {"create", "--preserve-fds", "3 ", "-b", B, "id"},
      {"create", "--preserve-fds=+3", "-b", B, "id"},
      {"create", "--preserve-fds", "99999999999999999999", "-b", B, "id"},
      {"create", "-b", B, ""},
      {"create", "-b", B, "."},
      {"create", "-b", B, ".."},
      {"create", "-b", B, "../x"},
      {"create", "-b", B, "a,b"},
      {"create", "-b", B, "a/b"},
      {"create", "-b", B, "a\n"},
      {"create", "-b", B, "\u00e9"},
      {"", "create", "-b", B, "id"},
      {"--", "create", "-b", B, "id"},
      {"--", "--", "create", "-b", B, "id"},
      {"-", "create", "-b", B, "id"},
      {"restore", "--network-lock", "nft", "-b", B, "id"},
      {"restore", "-b", B, "id", "extra"},
      {"--criu", "/x", "restore", "-b", B, "id"},
      // no container, no value
      {"create"},
      {"create", "--"},
      {"create", "-b", B},
      {"create", "-b"},
      {"run", "--bundle"},
      {"create", "-b", B, "--", "--", "id"},
      {"create", "--", "-b", B, "id"},
      {"--version", "create", "-b", B, "id"},
      {"-h", "create", "-b", B, "id"},
      {"--log", "create", "-b", B, "id", "create"},
      {" create ", "-b", B, "id"},
      {"create ", "-b", B, "id"},
      {"CREATE", "create", "-b", B, "id"},
      // start
      {"start"},
      {"start", "id", "extra"},
      {"start", "--x", "id"},
      {"start", "-b", B, "id"},
      {"start", " id"},
      {"start", "../id"},
      {"start", ""},
      {" start", "id"},
      {"--weird", "start", "id"},
      {"--debug", "false", "start", "id"},
      // exec: which container it is for
      {"-root", R, "exec", "id", "sh"},
      {"--weird", "exec", "id", "sh"},
      {"--root=" + R + " ", "exec", "id", "sh"},
      {"--root", "/a", "--root", "/b", "exec", "id", "sh"},
      // and what is handed in
      {"exec", "-preserve-fds", "1", "id", "sh"},
      {"exec", "--pre=1", "id", "sh"},
      {"exec", " --preserve-fds=1", "id", "sh"},
      {"exec", "--preserve-fds", "010", "id", "sh"},
      {"exec", "--preserve-fds=1", "--preserve-fds=2", "id", "sh"},
      {"exec", "--weird", "x", "--preserve-fds", "1", "id", "sh"},
      {"exec", "--env", "--preserve-fds=1", "id", "sh"},
      {"exec", "--preserve-fds", "1"},
  };
  for (const Words& words : refused) {
    CAPTURE(joined(words));
    const Call call = read(words);
    CHECK(call.gated());
    CHECK_FALSE(call.ambiguity.empty());
    CHECK_FALSE(tests::has_forbidden_phrase(call.ambiguity));
    CHECK(call.ambiguity.find('\n') == std::string::npos);
  }
}

TEST_CASE("what engines send is understood") {
  const struct {
    Words words;
    std::string root, log, bundle, id;
    bool json;
  } cases[] = {
      // Docker and containerd, by go-runc
      {{"--root", R, "--log", "/l", "--log-format", "json", "create", "--bundle", B, "--pid-file", "/p", "id"},
       R,
       "/l",
       B,
       "id",
       true},
      {{"--root", R, "--log", "/l", "--log-format", "json", "--systemd-cgroup", "create", "--bundle", B, "--pid-file",
        "/p", "--console-socket", "/s", "--no-pivot", "--no-new-keyring", "--preserve-fds", "3", "id"},
       R,
       "/l",
       B,
       "id",
       true},
      {{"--debug", "--root", R, "--log", "/l", "--log-format", "json", "--rootless=true", "create", "--bundle", B,
        "id"},
       R,
       "/l",
       B,
       "id",
       true},
      {{"--root", R, "--criu", "/usr/sbin/criu", "create", "--bundle", B, "id"}, R, "", B, "id", false},
      // BuildKit
      {{"--log", "/l", "--log-format", "json", "run", "--bundle", B, "--keep", "id"}, "", "/l", B, "id", true},
      {{"run", "--bundle", B, "--detach", "--pid-file", "/p", "id"}, "", "", B, "id", false},
      // conmon, for Podman and CRI-O
      {{"--root=" + R, "create", "--bundle", B, "--pid-file", "/p", "id"}, R, "", B, "id", false},
      {{"--cgroup-manager", "systemd", "--root", R, "--log-level", "debug", "create", "-b", B, "id"},
       R,
       "",
       B,
       "id",
       false},
      {{"--systemd-cgroup", "--root=" + R, "restore", "--bundle", B, "--pid-file", "/p", "--detach", "--image-path",
        "/i", "--work-path", "/w", "id"},
       R,
       "",
       B,
       "id",
       false},
      // by hand
      {{"create", "id"}, "", "", ".", "id", false},
      {{"run", "-d", "-b", B, "id"}, "", "", B, "id", false},
      {{"create", "--bundle=" + B, "id"}, "", "", B, "id", false},
      {{"create", "-b", B, "--", "id"}, "", "", B, "id", false},
      {{"create", "--bundle", "/b=c", "id"}, "", "", "/b=c", "id", false},
      {{"create", "--bundle=/b=c", "id"}, "", "", "/b=c", "id", false},
      {{"create", "-b", "bundle", "id"}, "", "", "bundle", "id", false},
      {{"create", "-b", "a b", "id"}, "", "", "a b", "id", false},
      {{"--log", "create", "create", "-b", B, "id"}, "", "create", B, "id", false},
      {{"--log", "/l", "--log-format", "text", "create", "-b", B, "id"}, "", "/l", B, "id", false},
      {{"--root", "create", "create", "-b", B, "create"}, "create", "", B, "create", false},
      {{"create", "--preserve-fds=0", "-b", B, "id"}, "", "", B, "id", false},
      {{"create", "-b", B, "a_b+c-d.e"}, "", "", B, "a_b+c-d.e", false},
  };
  for (const auto& one : cases) {
    CAPTURE(joined(one.words));
    const Call call = read(one.words);
    CHECK(call.ambiguity.empty());
    CHECK(call.creates);
    CHECK_FALSE(call.starts);
    CHECK(call.root.value_or("") == one.root);
    CHECK(call.log_file.value_or("") == one.log);
    CHECK(call.bundle == one.bundle);
    CHECK(call.id == one.id);
    CHECK(call.log_json == one.json);
  }
}

TEST_CASE("start is gated by its own gate") {
  const Words starts[] = {{"start", "id"}, {"start", "--", "id"}, {"--root", R, "--systemd-cgroup", "start", "id"}};
  for (const Words& words : starts) {
    CAPTURE(joined(words));
    const Call call = read(words);
    CHECK(call.starts);
    CHECK_FALSE(call.creates);
    CHECK(call.ambiguity.empty());
    CHECK(call.id == "id");
    CHECK(call.globals == Words(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(words.size()) -
                                                   (words[words.size() - 2] == "--" ? 3 : 2)));
  }
}

TEST_CASE("what is asked of the runtime meanwhile does not go to the caller's log") {
  CHECK(read({"--root", R, "--log", "/l", "--rootless=false", "--log-format=json", "--debug", "--log-level", "debug",
              "--systemd-cgroup", "start", "id"})
            .globals == Words{"--root", R, "--rootless=false", "--systemd-cgroup"});
}

TEST_CASE("what creates and starts nothing is not gated, however odd it is") {
  const Words passed[] = {
      {},
      {"state", "id"},
      {"--root", R, "state", "id"},
      {"--root", R, "--log", "/l", "--log-format", "json", "delete", "--force", "id"},
      {"--root", R, "state", "create"},
      {"--root", R, "kill", "start", "KILL"},
      {"kill", "id", "KILL"},
      {"kill", "--all", "id", "9"},
      {"exec", "--process", "/p", "id"},
      {"exec", "id", "create"},
      {"exec", "-t", "id", "sh", "-c", "run"},
      {"exec", "--weird", "id", "sh"},
      {"exec", "-e", "A=1", "-e", "B= 2 ", "id", "cp", "--preserve=all", "a", "b"},
      {"exec", "--preserve-fds", "1", "--", "id", "cp", "-preserve-fds"},
      {"features"},
      {"list", "-q"},
      {"ps", "id"},
      {"events", "--stats", "id"},
      {"update", "--resources", "-", "id"},
      {"checkpoint", "--image-path", "/i", "id"},
      {"spec"},
      {"--version"},
      {"-v"},
      {"--help"},
      {"-h"},
      {"help"},
      {"help", "create"},
      {"--weird-option", "list"},
      {"--weird-option=x", "delete", "id"},
      {"-x"},
      {"--"},
      {""},
      {"--root"},
      {"--root", "", "state", "id"},
      {"--root", "/a", "--root", "/b", "state", "id"},
      {"no-such-command"},
  };
  for (const Words& words : passed) {
    CAPTURE(joined(words));
    const Call call = read(words);
    CHECK_FALSE(call.gated());
  }
}

TEST_CASE("asking for help is no creation") {
  for (const char* command : {"create", "run", "restore", "start"}) {
    for (const char* help : {"--help", "-h"}) {
      CAPTURE(command, help);
      CHECK_FALSE(read({command, help}).gated());
      CHECK_FALSE(read({"--root", R, command, help}).gated());
      CHECK(read({command, help, "id"}).gated());
      CHECK(read({command, "id", help}).gated());
    }
  }
}

TEST_CASE("no arguments at all, not even a name, are no call") {
  // execve(2) lets an empty argv through before Linux 5.18.
  CHECK(tests::in_child([] { return std::string(shim::read_command_line({}, {}).gated() ? "gated" : "not"); }) ==
        "not");
}

TEST_CASE("the runtime is chosen by the name that the shim is called by") {
  const auto name = [](const std::string& argv0) { return shim::read_command_line({argv0, "list"}, {}).runtime_name; };
  CHECK(name("/usr/local/bin/ipcguard-runtime.crun") == "crun");
  CHECK(name("ipcguard-runtime.nvidia-container-runtime") == "nvidia-container-runtime");
  CHECK(name("./ipcguard-runtime.a.b") == "a.b");
  CHECK(name("ipcguard-runtime") == "default");
  CHECK(name("/x/ipcguard-runtime.") == "default");
  CHECK(name("/ipcguard-runtime.crun/runc") == "default");
  CHECK(name("") == "default");
}

TEST_CASE("options that the settings declare are taken, as what they are declared") {
  const std::map<std::string, bool> declared{{"--criu", true}, {"--quiet", false}};
  CHECK(read({"--criu", "/x", "create", "-b", B, "--quiet", "id"}, declared).ambiguity.empty());
  CHECK(read({"--criu=/x", "--quiet", "create", "-b", B, "id"}, declared).id == "id");
  CHECK_FALSE(read({"--criu", "create", "state", "id"}, declared).gated());  // its value
  CHECK_FALSE(read({"--quiet=1", "create", "-b", B, "id"}, declared).ambiguity.empty());
  CHECK_FALSE(read({"--criu", "/x", "--criu", "/x", "create", "-b", B, "id"}, declared).ambiguity.empty());
  CHECK_FALSE(read({"--other", "create", "-b", B, "id"}, declared).ambiguity.empty());
  // What is known is known: a declaration does not change it.
  CHECK(read({"create", "--bundle", B, "id"}, {{"--bundle", false}}).bundle == B);
}

TEST_CASE("the descriptors that a container inherits are those of its options and of systemd's") {
  const auto count = [](const Words& words, const char* listen_fds) {
    return shim::inherited_descriptors(read(words), listen_fds);
  };
  CHECK(count({"run", "id"}, nullptr) == 0);
  CHECK(count({"run", "--preserve-fds", "3", "id"}, nullptr) == 3);
  CHECK(count({"run", "--preserve-fds=9999", "id"}, "2") == 10001);
  CHECK(count({"run", "id"}, "4") == 4);
  CHECK(count({"exec", "-e", "A=1", "-e", "B=2", "-t", "--preserve-fds=2", "id", "sh", "--preserve-fds", "5"}, "1") ==
        3);
  CHECK(read({"exec", "--user", "0", "--preserve-fds", "2", "id", "sh"}).id == "id");
  for (const char* odd : {"", "x", "-1", "-99999999999999999999"}) CHECK(count({"run", "id"}, odd) == 0);
  for (const char* many : {"2147483647", "99999999999999999999"}) CHECK(count({"run", "id"}, many) == 1 << 20);
}

TEST_CASE("an environment that would make a runtime do something else is told") {
  const auto ambiguous = [](const std::vector<const char*>& entries, const char* command) {
    std::vector<const char*> environment = entries;
    environment.push_back(nullptr);
    Call call;
    call.command = command;
    return !shim::environment_ambiguity(environment.data(), call).empty();
  };
  CHECK_FALSE(ambiguous({}, "create"));
  CHECK_FALSE(ambiguous({"PATH=/bin", "LISTEN_FDS=1", "x", "", "=", "LIBCONTAINER_INITPIPE=3"}, "create"));
  CHECK(ambiguous({"_LIBCONTAINER_INITPIPE=3"}, "create"));
  CHECK(ambiguous({"PATH=/bin", "_LIBCONTAINER_INITTYPE=standard"}, "run"));
  CHECK(ambiguous({"_LIBCONTAINER_"}, "restore"));
  CHECK(ambiguous({"CRIU_CONFIG_FILE=/x"}, "restore"));
  CHECK_FALSE(ambiguous({"CRIU_CONFIG_FILE=/x"}, "create"));
}
