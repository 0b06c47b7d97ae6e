#include "shim/pod.h"

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "host/error.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Engine;
using host::NamespaceId;
using oci::Annotations;
using shim::joins_own_pod;
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
  std::string cgroup_of(pid_t /*asked*/) const override { return {}; }
};

// How containerd writes its annotations.
const struct {
  std::string type, sandbox;
} containerd{"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"};

Annotations member_of(const std::string& sandbox) {
  return {{containerd.type, "container"}, {containerd.sandbox, sandbox}};
}

std::string runc_state(const std::string& labels, pid_t init = pid, std::uint64_t started = start_time) {
  return "{\"init_process_pid\":" + std::to_string(init) + ",\"init_process_start\":" + std::to_string(started) +
         ",\"config\":{\"labels\":[" + labels + "]}}";
}

std::string label(const std::string& key, const std::string& value) { return "\"" + key + "=" + value + "\""; }
std::string sandbox_labels(const std::string& id) {
  return label(containerd.type, "sandbox") + "," + label(containerd.sandbox, id);
}

bool joins_in(const std::string& root, const Annotations& annotations, const NamespaceId& joined, Engine engine,
              const host::Kernel& kernel = FakeKernel()) {
  return joins_own_pod({annotations, "/bundle", "/proc/4242/ns/ipc", {}, root, engine}, joined, kernel);
}

// A runtime's --root in which "pod" is a sandbox that runc made.
struct Root {
  Root() { put("pod", runc_state(sandbox_labels("pod"))); }
  void put(const std::string& id, const std::string& state) const { folder.write(id + "/state.json", state); }
  bool joins(const Annotations& annotations, const NamespaceId& joined = pods, Engine engine = Engine::unknown) const {
    return joins_in(folder.path(), annotations, joined, engine);
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
  // CRI-O's, which has no sandbox there
  CHECK_FALSE(
      root.joins({{"io.kubernetes.cri-o.ContainerType", "container"}, {"io.kubernetes.cri-o.SandboxID", "pod"}}));
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
  CHECK_FALSE(joins_in(root.folder / "none", member_of("pod"), pods, Engine::unknown));
}

TEST_CASE("crun's files") {
  const Root root;
  root.folder.write("b/status",
                    "{\"pid\":" + std::to_string(pid) + ",\"process-start-time\":" + std::to_string(start_time) + "}");
  CHECK_FALSE(root.joins(member_of("b")));  // no annotations yet
  const auto config = [](const std::string& type) {
    return "{\"annotations\":{\"" + containerd.type + "\":\"" + type + "\",\"" + containerd.sandbox + "\":\"b\"}}";
  };
  root.folder.write("b/config.json", config("sandbox"));
  CHECK(root.joins(member_of("b")));
  root.folder.write("b/config.json", config("container"));
  CHECK_FALSE(root.joins(member_of("b")));
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
    std::string cgroup_of(pid_t /*asked*/) const override { return {}; }
  } kernel;
  CHECK(joins_in(folder.path(), member_of(id), pods, Engine::kubernetes, kernel));
  CHECK_FALSE(joins_in(folder.path(), member_of(id), others, Engine::kubernetes, kernel));
  // a member is no sandbox
  const std::string member = "3e1c193c447dc141453bdf621efa0ec6b857456d8fddba655a2b2839e1d2a561";
  folder.write(member + "/state.json", tests::data("cri-member.runc-state.json"));
  CHECK_FALSE(joins_in(folder.path(), member_of(member), others, Engine::kubernetes, kernel));
}

namespace {

// CRI-O's run root with a sandbox "pod" of the pod "uid", whose config.json names the pinned namespace.
struct CriO {
  CriO() { put("pod", "uid", "/pinned"); }
  void put(const std::string& id, const std::string& uid, const std::string& ipc) const {
    folder.write(id + "/userdata/config.json", R"({"annotations":{"io.kubernetes.pod.uid":")" + uid +
                                                   R"(","io.kubernetes.cri-o.ContainerType":"container"},)" +
                                                   R"("linux":{"namespaces":[{"type":"ipc","path":")" + ipc + "\"}]}}");
  }
  bool joins(const std::string& sandbox, const std::string& uid, const NamespaceId& joined = pods,
             const std::string& container = "container") const {
    class Kernel final : public host::Kernel {
     public:
      std::vector<NamespaceId> host_ipc() const override { return {}; }
      NamespaceId ipc_at(const std::string& path) const override { return path == "/pinned" ? pods : others; }
      NamespaceId ipc_of(pid_t /*asked*/, std::uint64_t /*started*/) const override { return others; }
      std::string cgroup_of(pid_t /*asked*/) const override { return {}; }
    };
    const Annotations annotations{{"io.kubernetes.cri-o.SandboxID", sandbox}, {"io.kubernetes.pod.uid", uid}};
    return joins_own_pod({annotations, folder / container + "/userdata", "/x", {}, {}, Engine::kubernetes}, joined,
                         Kernel());
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("under CRI-O a member joins what the sandbox's config.json beside its own names, for the same pod") {
  const CriO crio;
  CHECK(crio.joins("pod", "uid"));
  CHECK_FALSE(crio.joins("pod", "uid", others));
  CHECK_FALSE(crio.joins("pod", "other"));
  CHECK_FALSE(crio.joins("pod", ""));
  crio.put("pod2", "", "/pinned");
  CHECK_FALSE(crio.joins("pod2", ""));
  crio.put("pod3", "uid", "/other");
  CHECK_FALSE(crio.joins("pod3", "uid"));
  for (const char* sandbox : {"", "none", "../x", "pod/", "."}) CHECK_FALSE(crio.joins(sandbox, "uid"));
  CHECK_FALSE(crio.joins("pod", "uid", pods, "pod"));  // itself
  REQUIRE(chmod((crio.folder / "pod").c_str(), 0777) == 0);
  CHECK_FALSE(crio.joins("pod", "uid"));
}

TEST_CASE("a sandbox of CRI-O's with a process joins what was pinned for it, where only root can pin") {
  const TempFolder folder;
  folder.write("ipcns/1", "");
  folder.write("other/1", "");
  const Annotations sandbox{{"io.kubernetes.container.name", "POD"}}, member{{"io.kubernetes.container.name", "POd"}};
  const auto joins = [&](const Annotations& annotations, const std::string& path) {
    return joins_own_pod({annotations, folder / "c/userdata", folder / path, {}, {}, Engine::kubernetes}, pods,
                         FakeKernel());
  };
  CHECK(joins(sandbox, "ipcns/1"));
  CHECK_FALSE(joins(member, "ipcns/1"));
  CHECK_FALSE(joins(sandbox, "other/1"));
  CHECK_FALSE(joins(sandbox, "ipcns/none"));
  REQUIRE(chmod((folder / "ipcns").c_str(), 0777) == 0);
  CHECK_FALSE(joins(sandbox, "ipcns/1"));
}

namespace {

const std::string pod_id(64, 'a'), infra_id(64, 'b'), member_id(64, 'c'), other_id(64, 'd');

// Podman's storage, with the infra container of a pod running in the cgroup `infra_cgroup`.
struct Podman {
  explicit Podman(std::string infra_cgroup = "1:name=x:/libpod_parent/" + pod_id + "/libpod-" + infra_id + "\n")
      : cgroup(std::move(infra_cgroup)) {
    for (const std::string& id : {infra_id, member_id}) folder.write(id + "/userdata/config.json", "{}");
    put_state(folder / infra_id + "/userdata");
  }
  void put_state(const std::string& bundle, pid_t init = pid) const {
    folder.write("run/" + infra_id + "/state.json", runc_state(label("bundle", bundle), init));
  }
  bool joins(const std::string& member_cgroup, const std::string& path = "/proc/4242/ns/ipc",
             const NamespaceId& joined = pods) const {
    class Kernel final : public host::Kernel {
     public:
      explicit Kernel(const std::string& cgroup) : cgroup_(cgroup) {}
      std::vector<NamespaceId> host_ipc() const override { return {}; }
      NamespaceId ipc_at(const std::string& /*path*/) const override { return others; }
      NamespaceId ipc_of(pid_t asked, std::uint64_t started) const override {
        return FakeKernel().ipc_of(asked, started);
      }
      std::string cgroup_of(pid_t asked) const override { return asked == pid ? cgroup_ : std::string(); }

     private:
      const std::string& cgroup_;
    };
    return joins_own_pod({{}, folder / member_id + "/userdata", path, member_cgroup, folder / "run", Engine::podman},
                         joined, Kernel(cgroup));
  }
  TempFolder folder;
  std::string cgroup;
};

std::string in_pod(const std::string& pod) { return "/libpod_parent/" + pod + "/libpod-" + member_id; }

}  // namespace

TEST_CASE("under Podman a member joins the infra container of the pod in whose cgroup it is") {
  const Podman podman;
  CHECK(podman.joins(in_pod(pod_id)));
  CHECK(podman.joins("machine-libpod_pod_" + pod_id + ".slice:libpod:" + member_id));
  CHECK_FALSE(podman.joins(in_pod(other_id)));
  CHECK_FALSE(podman.joins(in_pod(pod_id.substr(1))));
  CHECK_FALSE(podman.joins("/machine/libpod-" + member_id));
  CHECK_FALSE(podman.joins(""));
  CHECK_FALSE(podman.joins(in_pod(pod_id), "/proc/4242/ns/ipc", others));
  for (const char* path : {"/proc/4241/ns/ipc", "/proc/self/ns/ipc", "/proc/4242/ns/net", "/proc//ns/ipc", "/ipc",
                           "/proc/4242/task/4242/ns/ipc", "/proc/99999999999/ns/ipc"})
    CHECK_FALSE(podman.joins(in_pod(pod_id), path));
}

TEST_CASE("the cgroups that systemd makes are known as well") {
  const Podman podman("0::/machine.slice/machine-libpod_pod_" + pod_id + ".slice/libpod-" + infra_id +
                      ".scope/container\n");
  CHECK(podman.joins("machine-libpod_pod_" + pod_id + ".slice:libpod:" + member_id));
  const Podman alone("0::/machine.slice/libpod-" + infra_id + ".scope\n");  // in no pod
  CHECK_FALSE(alone.joins("machine-libpod_pod_" + pod_id + ".slice:libpod:" + member_id));
}

TEST_CASE("an infra container's state has to name that process, and a bundle in the same storage") {
  const Podman podman;
  podman.put_state("/elsewhere/" + infra_id + "/userdata");
  CHECK_FALSE(podman.joins(in_pod(pod_id)));
  podman.put_state(podman.folder / infra_id + "/userdata", pid + 1);
  CHECK_FALSE(podman.joins(in_pod(pod_id)));
  podman.put_state(podman.folder / infra_id + "/userdata");
  CHECK(podman.joins(in_pod(pod_id)));
}
