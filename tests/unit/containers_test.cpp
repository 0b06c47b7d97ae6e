#include "engines/containers.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::Found;
using engines::id_in_cgroup;
using engines::Snapshot;

namespace {

const std::string hex_id(64, 'a');

// A folder like /proc. Namespaces are files, which are the same where they are hard links of one another.
class FakeProc {
 public:
  FakeProc() {
    add(1, {});
    std::filesystem::create_symlink("1", proc_ / "self");
  }

  struct Told {
    std::string ns = "host", root = "/", cgroup = "0::/", name = "program";
    int parent = 1;
    unsigned started = 100;
    std::string command_line = {};
  };
  void add(int pid, const Told& told) const {
    const std::string folder = std::to_string(pid) + "/";
    if (!std::filesystem::exists(proc_ / ("ns-" + told.ns))) static_cast<void>(proc_.write("ns-" + told.ns, ""));
    std::filesystem::create_directories(proc_ / (folder + "ns"));
    std::filesystem::create_hard_link(proc_ / ("ns-" + told.ns), proc_ / (folder + "ns/mnt"));
    static_cast<void>(proc_.write(
        folder + "stat", std::to_string(pid) + " (" + told.name + ") S " + std::to_string(told.parent) +
                             " 1 1 0 -1 4194560 1 1 0 0 0 0 0 0 20 0 1 0 " + std::to_string(told.started) + " 1 1\n"));
    static_cast<void>(proc_.write(folder + "cgroup", told.cgroup + "\n"));
    static_cast<void>(proc_.write(folder + "cmdline", told.command_line));
    static_cast<void>(proc_.write(folder + "mountinfo", "1 0 8:1 " + told.root +
                                                            " / rw - ext4 /dev/sda1 rw\n"
                                                            "2 1 0:5 / /proc rw - proc proc rw\n"));
  }

  std::string path() const { return proc_.path(); }

 private:
  tests::TempFolder proc_;
};

// "PID ID" of each that is found, without looking where this host's runtimes keep theirs.
std::vector<std::string> found_in(const FakeProc& proc) {
  const Found found = engines::running_containers(engines::read_processes(proc.path()), {{}, {}, {}, {}}, proc.path());
  std::vector<std::string> containers;
  for (const engines::Running& running : found.containers)
    containers.push_back(std::to_string(running.init.pid) + " " + running.id);
  return containers;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a cgroup's container") {
  CHECK(id_in_cgroup("0::/\n").empty());
  CHECK(id_in_cgroup("").empty());
  CHECK(id_in_cgroup("nonsense").empty());
  CHECK(id_in_cgroup("0::/db\n") == "db");
  CHECK(id_in_cgroup("0::/docker/" + hex_id) == hex_id);
  CHECK(id_in_cgroup("9:name=systemd:/a\n8:memory:/docker/" + hex_id + "\n0::/\n") == hex_id);
  CHECK(id_in_cgroup("0::/system.slice/docker-" + hex_id + ".scope") == hex_id);
  CHECK(id_in_cgroup("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + hex_id + ".scope") == hex_id);
  CHECK(id_in_cgroup("0::/machine.slice/libpod-" + hex_id + ".scope/container") == hex_id);
  // One in another, and systemd in one.
  CHECK(id_in_cgroup("0::/docker/" + hex_id + "/docker/" + std::string(64, 'b')) == std::string(64, 'b'));
  CHECK(id_in_cgroup("0::/docker/" + hex_id + "/init.scope") == hex_id);
  CHECK(id_in_cgroup("0::/docker/" + hex_id + "/system.slice/sshd.service").empty());
  // 63 and 65 digits are no id, but a name.
  CHECK(id_in_cgroup("0::/" + hex_id + "b") == hex_id + "b");
  CHECK(id_in_cgroup("0::/system.slice/runc-my.box.scope") == "my.box");
  CHECK(id_in_cgroup("0::/system.slice/crun-x.scope") == "x");
  for (const char* unit :
       {"system.slice/cups.service", "user.slice", "user.slice/user-0.slice/session-1.scope", "init.scope",
        "user.slice/app-flatpak-org.gimp.GIMP-123.scope", "user.slice/snap.firefox.firefox-1.scope"})
    CHECK(id_in_cgroup(std::string("0::/") + unit).empty());
}

TEST_CASE("a container is the first process of a mount namespace with another root, in a cgroup of its own") {
  const FakeProc proc;
  proc.add(10, {.ns = "a", .root = "/rootfs", .cgroup = "0::/db", .started = 200});
  proc.add(11, {.ns = "a", .root = "/rootfs", .cgroup = "0::/db", .parent = 10, .started = 201});
  // Its number is lower, but it came later: somebody went in.
  proc.add(5, {.ns = "a", .root = "/rootfs", .cgroup = "0::/", .started = 202});
  CHECK(found_in(proc) == Names{"10 db"});
  proc.add(20, {.ns = "b", .root = "/rootfs", .cgroup = "0::/docker/" + hex_id, .started = 300});
  CHECK(found_in(proc) == Names{"10 db", "20 " + hex_id});
}

TEST_CASE("what is no container") {
  const FakeProc proc;
  // A service with a view of its own, and one with a root of its own; a shell after unshare -m.
  proc.add(10, {.ns = "a", .cgroup = "0::/system.slice/a.service"});
  proc.add(11, {.ns = "b", .root = "/image", .cgroup = "0::/system.slice/b.service"});
  proc.add(12, {.ns = "c", .cgroup = "0::/tests/x"});
  // A sandbox with a root of its own, in the cgroup of whoever started it.
  proc.add(13, {.cgroup = "0::/work", .started = 100});
  proc.add(14, {.ns = "d", .root = "/newroot", .cgroup = "0::/work", .parent = 13, .started = 101});
  proc.add(15, {.ns = "e", .root = "/newroot", .cgroup = "0::/"});
  proc.add(16, {.ns = "f", .root = "/newroot", .cgroup = "0::/user.slice/app-flatpak-org.gimp.GIMP-1.scope"});
  CHECK(found_in(proc).empty());
  // A sandbox in a container is the container's business.
  proc.add(20, {.ns = "g", .root = "/rootfs", .cgroup = "0::/" + hex_id, .started = 200});
  proc.add(21, {.ns = "h", .root = "/rootfs/sandbox", .cgroup = "0::/" + hex_id, .started = 201});
  proc.add(22, {.ns = "i", .root = "/rootfs", .cgroup = "0::/" + hex_id + "/system.slice/a.service", .started = 202});
  CHECK(found_in(proc) == Names{"20 " + hex_id});
}

TEST_CASE("without a cgroup of its own, what a monitor, a shim or a runtime started is a container") {
  const FakeProc proc;
  int pid = 20;
  for (const char* name : {"conmon", "containerd-shim", "runc", "bash"}) {
    proc.add(pid, {.name = name});
    proc.add(pid + 1, {.ns = name, .root = "/rootfs", .parent = pid, .started = 101});
    pid += 2;
  }
  CHECK(found_in(proc) == Names{"21 ", "23 ", "25 "});
}

TEST_CASE("what ends while it is looked at, and what is no process, is passed over") {
  const FakeProc proc;
  proc.add(10, {.ns = "a", .root = "/rootfs", .cgroup = "0::/db"});
  proc.add(11, {.ns = "b", .root = "/rootfs", .cgroup = "0::/web"});
  std::filesystem::create_directory(proc.path() + "/12");
  std::filesystem::remove(proc.path() + "/10/mountinfo");  // between the two looks
  CHECK(found_in(proc) == Names{"11 web"});
  std::filesystem::remove(proc.path() + "/11/ns/mnt");
  const Snapshot processes = engines::read_processes(proc.path());
  CHECK(processes.all.size() == 2);
  CHECK(processes.unreadable.empty());
  CHECK(processes.host.size() == 1);
}

TEST_CASE("a container by its runtime's state, where a monitor was told that it is") {
  const tests::TempFolder state;
  const FakeProc proc;
  const auto state_of = [&](const std::string& id, int pid, int started) {
    static_cast<void>(state.write(id + "/state.json", R"({"init_process_pid":)" + std::to_string(pid) +
                                                          R"(,"init_process_start":)" + std::to_string(started) +
                                                          R"(,"config":{"labels":["bundle=/b/)" + id + R"("]}})"));
  };
  using namespace std::string_literals;
  proc.add(9, {.name = "conmon", .command_line = "conmon\0--runtime-arg\0--root="s + state.path() + "\0-c\0one\0"s});
  // One in the host's mount namespace is found only so.
  proc.add(10, {.started = 500});
  state_of("one", 10, 500);
  state_of("gone", 11, 500);
  state_of("reused", 9, 99);
  proc.add(12, {.ns = "b", .root = "/rootfs", .cgroup = "0::/wrong-name", .started = 501});
  state_of("two", 12, 501);
  // It waits to be started.
  proc.add(13, {.ns = "c", .root = "/rootfs", .cgroup = "0::/three", .started = 502});
  state_of("three", 13, 502);
  static_cast<void>(state.write("three/exec.fifo", ""));
  Names found = found_in(proc);
  std::sort(found.begin(), found.end());
  CHECK(found == Names{"10 one", "12 two"});
  static_cast<void>(state.write("broken/state.json", "{"));
  const Found all = engines::running_containers(engines::read_processes(proc.path()), {{}, {}, {}, {}}, proc.path());
  REQUIRE(all.problems.size() == 1);
  CHECK(std::string(all.problems[0].what()).find("broken/state.json") != std::string::npos);
  const auto one = std::find_if(all.containers.begin(), all.containers.end(),
                                [](const engines::Running& running) { return running.id == "one"; });
  REQUIRE(one != all.containers.end());
  CHECK(one->state.bundle == "/b/one");
  CHECK(one->root == state.path());
}

TEST_CASE("where runtimes may keep their state") {
  const tests::TempFolder folder;
  for (const char* one : {"exec/runtime-runc/moby", "exec/runtime-crun/moby", "shim/root/k8s.io", "by-hand", "open"})
    std::filesystem::create_directories(folder / one);
  REQUIRE(chmod((folder / "open").c_str(), 0777) == 0);
  static_cast<void>(
      folder.write("bundle/options.json", R"({"binary_name":"runc","root":")" + (folder / "shim/root") + R"("})"));
  const FakeProc proc;
  using namespace std::string_literals;
  proc.add(10, {.name = "containerd-shim",
                .command_line = "/usr/bin/containerd-shim-runc-v2\0-namespace\0k8s.io\0-id\0x\0"s});
  std::filesystem::create_symlink(folder / "bundle", proc.path() + "/10/cwd");
  proc.add(11, {.name = "runc", .command_line = "runc\0--root\0"s + (folder / "by-hand") + "\0run\0x\0"s});
  proc.add(12, {.name = "crun", .command_line = "crun\0--root="s + (folder / "open") + "\0run\0x\0"s});
  proc.add(13, {.name = "runc", .command_line = "runc\0--root\0relative\0--root"s});
  host::EngineFolders folders{{}, {folder / "exec"}, {}, {}};
  const auto roots = engines::state_roots(engines::read_processes(proc.path()), folders, proc.path());
  Names ours;
  for (const std::string& root : roots)
    if (root.starts_with(folder.path())) ours.push_back(root.substr(folder.path().size()));
  // What others can write to is not among them.
  CHECK(ours == Names{"/by-hand", "/exec/runtime-crun/moby", "/exec/runtime-runc/moby", "/shim/root/k8s.io"});
}

TEST_CASE("a test process, and what it starts in namespaces of its own, is no container") {
  const tests::Sleeper sleeper;
  const Found found = engines::running_containers(engines::read_processes(), {});
  for (const engines::Running& running : found.containers) {
    CHECK(running.init.pid != getpid());
    CHECK(running.init.pid != sleeper.pid());
  }
}
