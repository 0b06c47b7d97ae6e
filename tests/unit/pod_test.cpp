#include "shim/pod.h"

#include <map>
#include <string>
#include <vector>

#include "host/error.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Engine;
using host::NamespaceId;
using oci::Annotations;
using shim::joins_own_sandbox;
using tests::TempFolder;

namespace {

constexpr NamespaceId pods{1, 100}, others{1, 200};
constexpr pid_t pid = 4242;
constexpr std::uint64_t start_time = 777;

// A kernel in which one process runs, the sandbox's init, in `pods`.
class FakeKernel final : public host::Kernel {
 public:
  std::vector<NamespaceId> host_ipc() const override { return {{1, 1}}; }
  NamespaceId ipc_at(const std::string& /*path*/) const override { return others; }
  NamespaceId ipc_of(pid_t asked, std::uint64_t started) const override {
    if (asked == pid && started == start_time) return pods;
    throw host::Error(host::ErrorKind::unverifiable, "gone");
  }
};

// How a CRI writes its annotations.
struct Cri {
  std::string type, sandbox;
};
const Cri containerd{"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
    crio{"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"};

Annotations member_of(const std::string& sandbox, const Cri& cri = containerd) {
  return {{cri.type, "container"}, {cri.sandbox, sandbox}};
}

std::string runc_state(const std::string& labels, pid_t init = pid, std::uint64_t started = start_time) {
  return "{\"init_process_pid\":" + std::to_string(init) + ",\"init_process_start\":" + std::to_string(started) +
         ",\"config\":{\"labels\":[" + labels + "]}}";
}

std::string label(const std::string& key, const std::string& value) { return "\"" + key + "=" + value + "\""; }
std::string sandbox_labels(const std::string& id, const Cri& cri = containerd) {
  return label(cri.type, "sandbox") + "," + label(cri.sandbox, id);
}

// A runtime's --root in which "pod" is a sandbox that runc made.
struct Root {
  Root() { put("pod", runc_state(sandbox_labels("pod"))); }
  void put(const std::string& id, const std::string& state) const { folder.write(id + "/state.json", state); }
  bool joins(const Annotations& annotations, const NamespaceId& joined = pods, Engine engine = Engine::unknown) const {
    return joins_own_sandbox(annotations, joined, folder.path(), engine, FakeKernel());
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("a member joins its own sandbox where annotations, runtime state and kernel agree") {
  const Root root;
  CHECK(root.joins(member_of("pod")));
  CHECK(root.joins(member_of("pod"), pods, Engine::kubernetes));
}

TEST_CASE("under engines whose users write annotations as they like, nothing is believed") {
  const Root root;
  for (const Engine engine : {Engine::docker, Engine::podman, Engine::containerd})
    CHECK_FALSE(root.joins(member_of("pod"), pods, engine));
}

TEST_CASE("another namespace than the sandbox's is foreign") {
  const Root root;
  CHECK_FALSE(root.joins(member_of("pod"), others));
  CHECK_FALSE(root.joins(member_of("pod"), {pods.device + 1, pods.inode}));
}

TEST_CASE("annotations that do not say so make no member") {
  const Root root;
  CHECK_FALSE(root.joins({}));
  CHECK_FALSE(root.joins({{containerd.sandbox, "pod"}}));
  CHECK_FALSE(root.joins({{containerd.type, "container"}}));
  for (const char* type : {"", "sandbox", "Container", "container ", "containers"})
    CHECK_FALSE(root.joins({{containerd.type, type}, {containerd.sandbox, "pod"}}));
  for (const char* sandbox :
       {"", "other", "Pod", "pod ", " pod", "pod/", "pod/.", "./pod", "../pod", "..", ".", "/", "pod/../pod"})
    CHECK_FALSE(root.joins(member_of(sandbox)));
  // one CRI's type with another's sandbox
  CHECK_FALSE(root.joins({{containerd.type, "container"}, {crio.sandbox, "pod"}}));
}

TEST_CASE("a sandbox has to have been made as one, by the runtime's own state") {
  const Root root;
  const auto joins_with = [&](const std::string& labels) {
    root.put("pod", runc_state(labels));
    return root.joins(member_of("pod"));
  };
  REQUIRE(joins_with(sandbox_labels("pod")));
  CHECK_FALSE(joins_with(""));
  CHECK_FALSE(joins_with(label(containerd.type, "sandbox")));
  CHECK_FALSE(joins_with(label(containerd.sandbox, "pod")));
  CHECK_FALSE(joins_with(sandbox_labels("other")));
  CHECK_FALSE(joins_with(sandbox_labels("")));
  CHECK_FALSE(joins_with(label(containerd.type, "container") + "," + label(containerd.sandbox, "pod")));
  CHECK_FALSE(joins_with(sandbox_labels("pod", crio)));
  // claimed twice: an annotation "K=V" looks like the annotation "K"
  CHECK_FALSE(joins_with(label(containerd.type, "container") + "," + sandbox_labels("pod")));
  CHECK_FALSE(joins_with(sandbox_labels("pod") + "," + label(containerd.sandbox, "x")));
}

TEST_CASE("the sandbox's init has to run still, and be the one that was started") {
  const Root root;
  root.put("pod", runc_state(sandbox_labels("pod"), pid, start_time + 1));
  CHECK_FALSE(root.joins(member_of("pod")));
  root.put("pod", runc_state(sandbox_labels("pod"), pid + 1));
  CHECK_FALSE(root.joins(member_of("pod")));
  root.put("pod", runc_state(sandbox_labels("pod"), 0));
  CHECK_FALSE(root.joins(member_of("pod")));
  // youki does not note when it was started: nothing tells its init from a later process with that number
  root.put("pod", "{\"pid\":" + std::to_string(pid) + R"(,"status":"running","annotations":{")" + containerd.type +
                      R"(":"sandbox",")" + containerd.sandbox + R"(":"pod"}})");
  CHECK_FALSE(root.joins(member_of("pod")));
}

TEST_CASE("a state that is not there, broken, or anybody's proves nothing") {
  const Root root;
  CHECK_FALSE(root.joins(member_of("none")));
  for (const char* text : {"", "{", "[]", "{}", "null"}) {
    root.put("pod", text);
    CHECK_FALSE(root.joins(member_of("pod")));
  }
  root.folder.write("pod/state.json", runc_state(sandbox_labels("pod")), 0666);
  CHECK_FALSE(root.joins(member_of("pod")));
  CHECK_FALSE(joins_own_sandbox(member_of("pod"), pods, root.folder / "none", Engine::unknown, FakeKernel()));
}

TEST_CASE("CRI-O's marks, and crun's files") {
  const Root root;
  root.put("a", runc_state(sandbox_labels("a", crio)));
  CHECK(root.joins(member_of("a", crio)));
  CHECK_FALSE(root.joins(member_of("a", containerd)));

  root.folder.write("b/status",
                    "{\"pid\":" + std::to_string(pid) + ",\"process-start-time\":" + std::to_string(start_time) + "}");
  CHECK_FALSE(root.joins(member_of("b", crio)));  // no annotations yet
  root.folder.write("b/config.json",
                    "{\"annotations\":{\"" + crio.type + "\":\"sandbox\",\"" + crio.sandbox + "\":\"b\"}}");
  CHECK(root.joins(member_of("b", crio)));
  root.folder.write("b/config.json",
                    "{\"annotations\":{\"" + crio.type + "\":\"container\",\"" + crio.sandbox + "\":\"b\"}}");
  CHECK_FALSE(root.joins(member_of("b", crio)));
}

TEST_CASE("with the marks of two CRIs each has to stand by itself, and one that does is enough") {
  const Root root;
  Annotations both = member_of("pod");
  both.merge(member_of("none", crio));
  CHECK(root.joins(both));
  Annotations neither = member_of("none");
  neither.merge(member_of("pod", crio));
  CHECK_FALSE(root.joins(neither));
}

TEST_CASE("a state as containerd and runc really leave it") {
  const TempFolder folder;
  const std::string id = "78c16883d3fd42205b0848702d6a4ca41f27eb1bf29642da8631370df31b85a3";
  folder.write(id + "/state.json", tests::data("cri-sandbox.runc-state.json"));
  class Kernel final : public host::Kernel {
   public:
    std::vector<NamespaceId> host_ipc() const override { return {}; }
    NamespaceId ipc_at(const std::string& /*path*/) const override { return pods; }
    NamespaceId ipc_of(pid_t asked, std::uint64_t started) const override {
      return asked == 10133 && started == 283667 ? pods : others;
    }
  } kernel;
  CHECK(joins_own_sandbox(member_of(id), pods, folder.path(), Engine::kubernetes, kernel));
  CHECK_FALSE(joins_own_sandbox(member_of(id), others, folder.path(), Engine::kubernetes, kernel));
  // a member is no sandbox
  const std::string member = "3e1c193c447dc141453bdf621efa0ec6b857456d8fddba655a2b2839e1d2a561";
  folder.write(member + "/state.json", tests::data("cri-member.runc-state.json"));
  CHECK_FALSE(joins_own_sandbox(member_of(member), others, folder.path(), Engine::kubernetes, kernel));
}
