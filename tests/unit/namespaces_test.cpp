#include "host/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::kernel;
using tests::as_text;
using tests::failure;
using tests::kind_of_failure;
using tests::Sleeper;
using tests::TempFolder;

namespace {

constexpr ino_t initial = 4026531839;

bool is_host(const host::NamespaceId& id) {
  const auto ids = kernel().host_ipc();
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// "DEVICE:INODE" of the namespace at `path`, or the kind of failure.
std::string ipc_at(const std::string& path) {
  std::string out;
  const std::string kind = kind_of_failure([&] { out = as_text(kernel().ipc_at(path)); });
  return kind.empty() ? out : kind;
}

}  // namespace

TEST_CASE("the host's IPC namespaces are ours and the initial one") {
  const auto own = tests::ipc_of_path("/proc/self/ns/ipc");
  CHECK(is_host(own));
  CHECK(is_host({own.device, initial}));
  CHECK_FALSE(is_host({own.device + 1, own.inode}));
  CHECK_FALSE(is_host({own.device, own.inode + 1000000}));
  const Sleeper foreign;
  CHECK(foreign.ipc().inode != own.inode);
  CHECK_FALSE(is_host(foreign.ipc()));
}

TEST_CASE("in a namespace of its own, that is the host's too, and still the initial one") {
  const std::string seen = tests::in_child([] {
    const auto before = tests::ipc_of_path("/proc/self/ns/ipc");
    if (unshare(CLONE_NEWIPC) != 0) return std::string("unshare failed");
    const auto own = tests::ipc_of_path("/proc/self/ns/ipc");
    return std::string(own == before ? "same " : "new ") + (is_host(own) ? "1" : "0") +
           (is_host({own.device, initial}) ? "1" : "0");
  });
  CHECK(seen == "new 11");
}

TEST_CASE("the namespace of another process is found by its path, however that is spelled") {
  const Sleeper foreign, shared(Sleeper::Ipc::shared);
  const TempFolder folder;
  REQUIRE(symlink(foreign.ipc_path().c_str(), (folder / "one").c_str()) == 0);
  REQUIRE(symlink("one", (folder / "two").c_str()) == 0);
  const std::string number = std::to_string(foreign.pid());
  for (const std::string& path :
       {foreign.ipc_path(), "//proc//" + number + "/./ns/ipc", "/proc/" + number + "/ns/../ns/ipc",
        foreign.proc("task/" + number + "/ns/ipc"), folder / "one", folder / "two"}) {
    CAPTURE(path);
    CHECK(ipc_at(path) == as_text(foreign.ipc()));
  }
  CHECK(ipc_at(shared.ipc_path()) == as_text(tests::ipc_of_path("/proc/self/ns/ipc")));
}

TEST_CASE("one's own namespace is the host's, since the runtime is what we become") {
  const std::string own = as_text(tests::ipc_of_path("/proc/self/ns/ipc"));
  CHECK(ipc_at("/proc/self/ns/ipc") == own);
  CHECK(ipc_at("/proc/thread-self/ns/ipc") == own);
  CHECK(ipc_at("/proc/" + std::to_string(getpid()) + "/ns/ipc") == own);
}

TEST_CASE("a path through a process's own files, which are others for the runtime, is ambiguous") {
  const Sleeper foreign;
  const host::NamespaceId id = foreign.ipc();
  const int fd = open(foreign.ipc_path().c_str(), O_RDONLY);
  REQUIRE(fd >= 0);
  const std::string number = std::to_string(fd), own = std::to_string(getpid());
  for (const std::string& path : std::vector<std::string>{
           "/proc/self/fd/" + number, "/dev/fd/" + number, "/proc/thread-self/fd/" + number,
           "/proc/" + own + "/fd/" + number, "/proc/self/task/" + own + "/ns/ipc", "/proc/self/ns/./ipc/../ipc",
           "/proc/self/root" + foreign.ipc_path(), foreign.proc("root") + foreign.ipc_path(), foreign.proc("cwd/x"),
           "/proc/self/cwd/x", "/proc/self/ns/net", "/proc/self", "/proc/self/ns", "/proc/self/ns/ipc_for_children"}) {
    CAPTURE(path);
    CHECK(ipc_at(path) == "ambiguous-config");
  }
  close(fd);
  CHECK(id == foreign.ipc());
}

TEST_CASE("a relative path and one with a comma are ambiguous") {
  for (const char* path : {"proc/self/ns/ipc", "ns/ipc", ".", "", "/proc/1/ns/ipc,", ",/proc/self/ns/ipc", "/a,b"}) {
    CAPTURE(path);
    CHECK(ipc_at(path) == "ambiguous-config");
  }
}

TEST_CASE("what is no IPC namespace is invalid") {
  const Sleeper other;
  const TempFolder folder;
  const std::string file = folder.write("file", "");
  for (const std::string& path :
       {other.proc("ns/net"), other.proc("ns/mnt"), other.proc("ns/pid"), other.proc("ns/user"), other.proc("ns/uts"),
        other.proc("ns"), other.proc("status"), std::string("/"), std::string("/dev/null"), file}) {
    CAPTURE(path);
    CHECK(ipc_at(path) == "invalid-config");
  }
}

TEST_CASE("what is not there is unverifiable, and the message names the path in one line") {
  CHECK(ipc_at("/none") == "unverifiable");
  CHECK(ipc_at("/proc/4194305/ns/ipc") == "unverifiable");
  CHECK(ipc_at("/" + std::string(5000, 'a')) == "unverifiable");
  const std::string text = failure([] { kernel().ipc_at("/none\nx\x1b[2J"); });
  CHECK(text == "unverifiable: the ipc namespace's path '/none\\x0ax\\x1b[2J': it cannot be opened: it does not exist");
}

TEST_CASE("the namespace of a process that has just ended is unverifiable") {
  std::string path;
  {
    const Sleeper process;
    path = process.ipc_path();
    CHECK(ipc_at(path) == as_text(process.ipc()));
  }
  CHECK(ipc_at(path) == "unverifiable");
}

TEST_CASE("a namespace that is bound to a file is found there, also behind links, and after its process has ended",
          "[needs NS_GET_NSTYPE]") {
  const TempFolder folder;
  const std::string file = folder.write("ipc", ""), net = folder.write("net", ""), host_file = folder.write("host", "");
  REQUIRE(symlink("ipc", (folder / "link").c_str()) == 0);
  const std::string seen = tests::in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return std::string("unshare failed");
    std::string id;
    {
      const Sleeper foreign;
      id = as_text(foreign.ipc());
      if (mount(foreign.ipc_path().c_str(), file.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
          mount(foreign.proc("ns/net").c_str(), net.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
          mount("/proc/self/ns/ipc", host_file.c_str(), nullptr, MS_BIND, nullptr) != 0)
        return std::string("mount failed");
    }
    return std::string(ipc_at(file) == id ? "1" : "0") + (ipc_at(folder / "link") == id ? "1" : "0") + " " +
           (is_host(kernel().ipc_at(file)) ? "1" : "0") + (is_host(kernel().ipc_at(host_file)) ? "1" : "0") + " " +
           ipc_at(net);
  });
  CHECK(seen == "11 01 invalid-config");
}

TEST_CASE("no descriptor is left open", "[needs pidfd_open]") {
  const Sleeper foreign;
  const auto lowest = [] {
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
  };
  const int before = lowest();
  for (const std::string& path : {foreign.ipc_path(), foreign.proc("ns/net"), std::string("/none"),
                                  std::string("/dev/fd/0"), std::string("/proc/self/ns/ipc")})
    ipc_at(path);
  kernel().host_ipc();
  kernel().ipc_of(foreign.pid(), foreign.start_time());
  CHECK(lowest() == before);
}

TEST_CASE("the namespace of a process is told if it is the one that was started then", "[needs pidfd_open]") {
  const Sleeper foreign;
  CHECK(kernel().ipc_of(foreign.pid(), foreign.start_time()) == foreign.ipc());
  CHECK(kind_of_failure([&] { kernel().ipc_of(foreign.pid(), foreign.start_time() + 1); }) == "unverifiable");
  CHECK(kind_of_failure([&] { kernel().ipc_of(foreign.pid(), foreign.start_time() - 1); }) == "unverifiable");
  CHECK(kind_of_failure([&] { kernel().ipc_of(foreign.pid(), 0); }) == "unverifiable");
  CHECK(kind_of_failure([&] { kernel().ipc_of(4194305, foreign.start_time()); }) == "unverifiable");
  CHECK(kind_of_failure([&] { kernel().ipc_of(0, 0); }) == "unverifiable");
  CHECK(kind_of_failure([&] { kernel().ipc_of(-1, 0); }) == "unverifiable");
}

TEST_CASE("a process may call itself what it likes: its start time is still found",
          "[needs /proc/self/stat][needs pidfd_open]") {
  for (const char* name : {"a) R 1 2 3", ") (", "(", "a b c d e f", ")"}) {
    CAPTURE(name);
    const std::string seen = tests::in_child([&] {
      const int comm = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
      if (write(comm, name, std::string(name).size()) < 0) return std::string("write failed");
      close(comm);
      const std::string stat = tests::read_whole("/proc/self/stat");
      std::size_t at = stat.rfind(')');
      for (int field = 2; field < 22; ++field) at = stat.find(' ', at + 1);
      return as_text(kernel().ipc_of(getpid(), std::stoull(stat.substr(at + 1))));
    });
    CHECK(seen == as_text(tests::ipc_of_path("/proc/self/ns/ipc")));
  }
}
