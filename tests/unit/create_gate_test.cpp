#include "shim/create_gate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "host/error.h"
#include "oci/bundle.h"
#include "shim/record.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::NamespaceId;
using shim::Judgement;

namespace {

constexpr NamespaceId hosts{1, 1}, foreign{1, 2}, pods{1, 3};

// Namespaces by path, without a kernel.
class FakeKernel final : public host::Kernel {
 public:
  std::vector<NamespaceId> host_ipc() const override { return {{1, 9}, hosts}; }
  NamespaceId ipc_at(const std::string& path) const override {
    if (path == "/host") return hosts;
    if (path == "/foreign") return foreign;
    if (path == "/pod") return pods;
    throw host::Error(host::ErrorKind::unverifiable, "nothing is there");
  }
  NamespaceId ipc_of(pid_t pid, std::uint64_t /*started*/) const override { return pid == 7 ? pods : hosts; }
  std::string cgroup_of(pid_t /*pid*/) const override { return {}; }
};

const std::string rest = R"({"type":"pid"},{"type":"mount"})";

std::string document(const std::string& ipc, const std::string& more = {}) {
  return "{\"linux\":{\"namespaces\":[" + rest + (ipc.empty() ? "" : "," + ipc) + "]}" + more + "}";
}
std::string joining(const std::string& path) { return document(R"({"type":"ipc","path":")" + path + "\"}"); }
const std::string own = document(R"({"type":"ipc"})");

struct World {
  std::string bundle(const std::string& text, mode_t mode = 0644) const {
    folder.write("bundle/config.json", text, mode);
    return folder / "bundle";
  }
  void settings(const std::string& text) const { folder.write("config.json", text); }
  void except(const std::string& match, const std::string& allow = R"(["host-ipc","foreign-ipc"])") const {
    folder.write("allowlist.d/a.json",
                 R"({"exceptions":[{"name":"e","reason":"r","match":)" + match + ",\"allow\":" + allow + "}]}");
  }
  Judgement judge_request(const shim::Request& request) const {
    shim::Policy policy(folder / "config.json", folder / "allowlist.d");
    return shim::judge_create(request, policy, FakeKernel());
  }
  Judgement judge(const std::string& text) const { return judge_request({bundle(text), "id", folder / "root"}); }
  std::string seen(const std::string& text) const { return as_text(judge(text)); }

  // "OUTCOME kind:action …" or "OUTCOME error".
  static std::string as_text(const Judgement& judgement) {
    std::string out(config::name_of(judgement.decision.outcome));
    for (const auto& judged : judgement.decision.exposures)
      out +=
          " " + std::string(config::name_of(judged.exposure.kind)) + ":" + std::string(config::name_of(judged.action));
    return judgement.error ? out + " " + std::string(host::name_of(judgement.error->kind())) : out;
  }

  tests::TempFolder folder;
};

}  // namespace

TEST_CASE("the ipc namespace is judged by what its path is, not by whether there is an entry") {
  const World world;
  CHECK(world.seen(own) == "allow");
  CHECK(world.seen(document("")) == "refuse host-ipc:refuse");
  CHECK(world.seen(joining("/host")) == "refuse host-ipc:refuse");
  CHECK(world.seen(joining("/foreign")) == "refuse foreign-ipc:refuse");
  CHECK(world.seen(joining("/none")) == "refuse unverifiable");
  CHECK(world.seen("{}") == "refuse host-ipc:refuse host-proc:warn host-shm-recursive:warn");
}

TEST_CASE("a member of a pod is judged by its sandbox's namespace") {
  const World world;
  world.folder.write("root/pod/state.json", R"({"init_process_pid":7,"init_process_start":1,"config":{"labels":
      ["io.kubernetes.cri.container-type=sandbox","io.kubernetes.cri.sandbox-id=pod"]}})");
  world.folder.write("root/hostpod/state.json", R"({"init_process_pid":8,"init_process_start":1,"config":{"labels":
      ["io.kubernetes.cri.container-type=sandbox","io.kubernetes.cri.sandbox-id=hostpod"]}})");
  const auto member = [](const std::string& path, const std::string& pod) {
    return document(
        R"({"type":"ipc","path":")" + path + "\"}",
        R"(,"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.sandbox-id":")" + pod +
            "\"}");
  };
  CHECK(world.seen(member("/pod", "pod")) == "allow");
  CHECK(world.seen(member("/foreign", "pod")) == "refuse foreign-ipc:refuse");
  CHECK(world.seen(member("/pod", "other")) == "refuse foreign-ipc:refuse");
  // In a pod with hostIPC the sandbox's namespace is the host's: the marks do not make it private.
  CHECK(world.seen(member("/host", "hostpod")) == "refuse host-ipc:refuse");
}

TEST_CASE("exceptions and settings are asked") {
  const World world;
  world.except(R"({"engine":"unknown","id":"i?"})");
  CHECK(world.seen(joining("/foreign")) == "allow foreign-ipc:excepted");
  CHECK(world.seen(document("")) == "allow host-ipc:excepted");
  world.except(R"({"engine":"unknown","bundle":")" + world.folder.path() + "/*\"}");
  CHECK(world.seen(document("")) == "allow host-ipc:excepted");
  world.except(R"({"engine":"unknown","id":"other"})");
  CHECK(world.seen(document("")) == "refuse host-ipc:refuse");
  world.except(R"({"engine":"docker","id":"*"})");
  CHECK(world.seen(document("")) == "refuse host-ipc:refuse");
  world.settings(R"({"exposures":{"host-ipc":"warn"}})");
  CHECK(world.seen(document("")) == "warn host-ipc:warn");
}

TEST_CASE("in mode audit everything runs, and is judged as ever") {
  const World world;
  world.settings(R"({"mode":"audit"})");
  const Judgement judgement = world.judge(document(""));
  CHECK(World::as_text(judgement) == "refuse host-ipc:refuse");
  CHECK(judgement.runs(config::Mode::audit));
  CHECK_FALSE(judgement.runs(config::Mode::enforce));
}

TEST_CASE("broken settings refuse every container, an exception or not") {
  const World world;
  world.settings("{");
  world.except(R"({"engine":"unknown","id":"*"})");
  CHECK(world.seen(own) == "refuse invalid-policy");
  CHECK(world.seen(document("")) == "refuse invalid-policy");
  const std::string message = shim::refusal_message(world.judge(own));
  CHECK(message.find(world.folder / "config.json:1:") != std::string::npos);
}

TEST_CASE("a broken allowlist grants nothing and is named where it may be missed, and stops nothing else") {
  const World world;
  world.except(R"({"engine":"unknown","id":"*"})");
  world.folder.write("allowlist.d/b.json", "{");
  CHECK(world.seen(document("")) == "allow host-ipc:excepted");
  CHECK(world.seen(own) == "allow");
  world.folder.write("allowlist.d/a.json", "{");
  const Judgement judgement = world.judge(document(""));
  CHECK(World::as_text(judgement) == "refuse host-ipc:refuse");
  REQUIRE(judgement.allowlist_problems.size() == 2);
  CHECK(shim::refusal_message(judgement).find("allowlist.d/a.json:1:") != std::string::npos);
  CHECK(world.seen(own) == "allow");
}

TEST_CASE("config.json is a plain file of root's or the caller's, of a sane size") {
  const World world;
  const std::string path = world.folder / "bundle/config.json";
  const auto judged = [&] { return World::as_text(world.judge_request({world.folder / "bundle", "id", {}})); };
  const std::string refused = "refuse invalid-config";
  world.bundle(own, 0666);
  CHECK(judged() == refused);
  world.bundle(own, 0622);
  CHECK(judged() == refused);
  world.bundle(own);
  CHECK(judged() == "allow");
  REQUIRE(chown(path.c_str(), tests::nobody, 0) == 0);
  CHECK(judged() == refused);
  world.bundle(std::string(oci::max_document + 1, ' '));
  REQUIRE(chown(path.c_str(), 0, 0) == 0);
  CHECK(judged() == refused);
  REQUIRE(unlink(path.c_str()) == 0);
  CHECK(judged() == refused);
  REQUIRE(mkfifo(path.c_str(), 0644) == 0);
  CHECK(judged() == refused);
  for (const char* target : {"/dev/zero", "/dev/null", ".", "nowhere", "config.json", "/proc/self/environ"}) {
    REQUIRE(unlink(path.c_str()) == 0);
    REQUIRE(symlink(target, path.c_str()) == 0);
    CHECK(judged() == refused);
  }
  CHECK(World::as_text(world.judge_request({world.folder / "none", "id", {}})) == refused);
  CHECK(World::as_text(world.judge_request({std::string(), "id", {}})) == refused);
  CHECK(World::as_text(world.judge_request({path, "id", {}})) == refused);
}

TEST_CASE("what could not be judged still says of which container, in one line without an engine's own phrases") {
  const World world;
  for (const std::string& text :
       std::vector<std::string>{"", "{", "{\"linux\":null}", joining("/none"), joining("x")}) {
    const Judgement judgement = world.judge(text);
    REQUIRE(judgement.error);
    CHECK(judgement.decision.outcome == config::Outcome::refuse);
    CHECK(judgement.container.attribute("id") == "id");
    CHECK(judgement.subject.bundle == world.folder / "bundle");
    const std::string message = shim::refusal_message(judgement);
    CHECK(message.find("ipcguard: refused: container 'id': ") == 0);
    CHECK(message.find('\n') == std::string::npos);
    CHECK_FALSE(tests::has_forbidden_phrase(message));
  }
}

TEST_CASE("where everything is recorded, a container without exposures is recorded by its identity too") {
  const World world;
  world.settings(R"({"log":{"record":"all"}})");
  const Judgement judgement = world.judge(own);
  CHECK(judgement.container.attribute("id") == "id");
  CHECK(judgement.container.attribute("bundle") == world.folder / "bundle");
  CHECK(judgement.subject.bundle == world.folder / "bundle");
}

TEST_CASE("what is restored has an IPC namespace of its own only if it was dumped with one") {
  const World world;
  const auto restored = [&](const std::string& text, const std::string& image) {
    return World::as_text(world.judge_request({world.bundle(text), "id", {}, false, {}, image}));
  };
  world.folder.write("private/inventory.img", "");
  world.folder.write("private/ipcns-var-9.img", "");
  world.folder.write("shared/inventory.img", "");
  world.folder.write("bundle/checkpoint/inventory.img", "");
  CHECK(restored(own, world.folder / "private") == "allow");
  CHECK(restored(own, world.folder / "shared") == "refuse host-ipc:refuse");
  CHECK(restored(own, "checkpoint") == "refuse host-ipc:refuse");
  CHECK(restored(own, world.folder / "none") == "refuse unverifiable");
  CHECK(restored(document(R"({"type":"ipc"})", R"(,"annotations":{"org.criu.config":"/x"})"),
                 world.folder / "private") == "refuse ambiguous-config");
}
