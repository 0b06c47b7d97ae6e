#include "host/mounts.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "host/fd.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::FileSystemPart;
using host::lies_in;
using host::Mount;
using host::parse_mounts;

namespace {

std::string as_text(const std::vector<Mount>& mounts) {
  std::string out;
  for (const Mount& mount : mounts)
    out += std::to_string(mount.id) + "<" + std::to_string(mount.parent) + " " + std::to_string(major(mount.device)) +
           ":" + std::to_string(minor(mount.device)) + " " + mount.root + " " + mount.point + " " + mount.type + "\n";
  return out;
}

std::string as_text(const FileSystemPart& part) { return std::to_string(minor(part.device)) + " " + part.root; }

}  // namespace

TEST_CASE("a list of mounts is read") {
  CHECK(as_text(parse_mounts("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n")) ==
        "36<35 98:0 /mnt1 /mnt2 ext3\n");
  CHECK(as_text(parse_mounts("1 0 0:1 / / rw - tmpfs none rw\n2 1 0:2 / /a rw shared:1 master:2 - proc proc rw")) ==
        "1<0 0:1 / / tmpfs\n2<1 0:2 / /a proc\n");
  CHECK(as_text(parse_mounts("1 0 259:4294967295 / / rw shared:1 master:2 propagate_from:3 unbindable - x y z\n")) ==
        "1<0 259:" + std::to_string(minor(makedev(259, 4294967295U))) + " / / x\n");
  CHECK(parse_mounts("").empty());
}

TEST_CASE("blanks, tabs, line ends and backslashes in paths are read as they were written") {
  CHECK(as_text(parse_mounts("1 0 0:1 /a\\040b /c\\011d\\012e\\134f rw - tmpfs none rw\n")) ==
        "1<0 0:1 /a b /c\td\ne\\f tmpfs\n");
  CHECK(as_text(parse_mounts("1 0 0:1 /\\04 /\\ rw - tmpfs none rw\n")) == "1<0 0:1 /\\04 /\\ tmpfs\n");
  CHECK(as_text(parse_mounts("1 0 0:1 / /-\\040-\\040x rw - tmpfs none rw\n")) == "1<0 0:1 / /- - x tmpfs\n");
}

TEST_CASE("a list with a line that cannot be understood is none") {
  for (const char* line : {"x", "1", "1 0", "a 0 0:1 / / rw - t n rw", "1 0 01 / / rw - t n rw",
                           "1 0 0:x / / rw - t n rw", "1 0 0:1 / / rw shared:1", "1 0 :1 / / rw - t n rw", "", " "}) {
    CAPTURE(line);
    const std::string text = std::string(line) + "\n2 1 0:2 / /a rw - proc proc rw\n";
    CHECK(tests::kind_of_failure([&] { parse_mounts(text); }) == "unverifiable");
  }
}

TEST_CASE("our own mounts have the root, and proc on /proc; another process's list is found by its folder") {
  const auto own = host::mounts_of(AT_FDCWD);
  const auto on = [&](const std::string& point) {
    return std::find_if(own.begin(), own.end(), [&](const Mount& one) { return one.point == point; });
  };
  REQUIRE(on("/proc") != own.end());
  CHECK(on("/proc")->type == "proc");
  struct stat stat {};
  REQUIRE(::stat("/proc", &stat) == 0);
  CHECK(on("/proc")->device == stat.st_dev);

  const tests::Sleeper process;
  const host::Fd folder(open(process.proc("").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  CHECK(as_text(host::mounts_of(folder.get())) == as_text(own));
  CHECK(tests::kind_of_failure([] { host::mounts_of(9999); }) == "unverifiable");
}

TEST_CASE("whether a path lies in a folder") {
  CHECK(lies_in("/a", "/a"));
  CHECK(lies_in("/a/b", "/a"));
  CHECK(lies_in("/a/b", "/"));
  CHECK(lies_in("/", "/"));
  CHECK_FALSE(lies_in("/ab", "/a"));
  CHECK_FALSE(lies_in("/a", "/a/b"));
  CHECK_FALSE(lies_in("/", "/a"));
  CHECK_FALSE(lies_in("/b", "/a"));
}

TEST_CASE("whether a part of a file system lies in another") {
  const auto lies = [](const FileSystemPart& a, const FileSystemPart& b) { return a.lies_in(b); };
  CHECK(lies({1, "/"}, {1, "/"}));
  CHECK(lies({1, "/a"}, {1, "/"}));
  CHECK_FALSE(lies({1, "/"}, {1, "/a"}));
  CHECK(lies({1, "/a/b"}, {1, "/a"}));
  CHECK_FALSE(lies({1, "/ab"}, {1, "/a"}));
  CHECK_FALSE(lies({1, "/"}, {2, "/"}));
}

TEST_CASE("the part of a file system that a file is, by the mount it lies on") {
  const auto own = parse_mounts(
      "1 0 0:1 / / rw - ext4 x rw\n"
      "2 1 0:2 / /dev rw - devtmpfs x rw\n"
      "3 2 0:3 / /dev/shm rw - tmpfs x rw\n"
      "4 1 0:3 /sub /mnt rw - tmpfs x rw\n"
      "5 1 0:1 /data/x /srv rw - ext4 x rw\n"
      "6 1 0:6 / /hidden/below rw - tmpfs x rw\n"
      "7 1 0:7 / /hidden rw - tmpfs x rw\n");
  const auto at = [&](unsigned device, std::optional<int> mount, const std::string& path) {
    return as_text(host::part_of({makedev(0, device), 1, false, mount}, path, own));
  };
  CHECK(at(1, 1, "/") == "1 /");
  CHECK(at(1, 1, "/etc/x") == "1 /etc/x");
  CHECK(at(2, 2, "/dev/null") == "2 /null");
  CHECK(at(3, 3, "/dev/shm/a/b") == "3 /a/b");
  CHECK(at(2, 2, "/dev/shmx") == "2 /shmx");
  CHECK(at(3, 4, "/mnt") == "3 /sub");
  CHECK(at(3, 4, "/mnt/a") == "3 /sub/a");
  CHECK(at(1, 5, "/srv/y") == "1 /data/x/y");
  // Hidden by a later mount above it: the mount's number tells, the path does not.
  CHECK(at(7, 7, "/hidden/below/a") == "7 /below/a");
  // Before Linux 5.8 there is no number: the device and the longest path.
  CHECK(at(3, std::nullopt, "/mnt/a") == "3 /sub/a");
  CHECK(at(1, std::nullopt, "/etc/x") == "1 /etc/x");
  // On none of them: it may be anything of its file system.
  CHECK(at(9, 99, "/a") == "9 /");
}

TEST_CASE("whether a mount came with the folder above it") {
  const auto own = parse_mounts(
      "1 0 0:1 / / rw - ext4 x rw\n"
      "2 1 0:2 / /dev rw - devtmpfs x rw\n"
      "3 2 0:3 / /dev/shm rw - tmpfs x rw\n"
      "4 2 0:4 / /dev/mqueue rw - mqueue x rw\n");
  const auto came = [&](const std::string& text) {
    const auto mounts = parse_mounts("10 9 0:10 / / rw - overlay x rw\n" + text);
    return host::came_with_parent(mounts.back(), mounts, own);
  };
  CHECK(came("11 10 0:2 / /host/dev rw - devtmpfs x rw\n12 11 0:3 / /host/dev/shm rw - tmpfs x rw\n"));
  CHECK(came("11 10 0:2 / /host/dev rw - devtmpfs x rw\n12 11 0:4 / /host/dev/mqueue rw - mqueue x rw\n"));
  CHECK_FALSE(came("11 10 0:2 / /host/dev rw - devtmpfs x rw\n12 11 0:3 / /host/dev/x rw - tmpfs x rw\n"));
  CHECK_FALSE(came("11 10 0:11 / /dev rw - tmpfs x rw\n12 11 0:3 / /dev/shm rw - tmpfs x rw\n"));
  CHECK_FALSE(came("11 10 0:3 / /dev/shm rw - tmpfs x rw\n"));
  CHECK_FALSE(came("11 10 0:2 / /host/dev rw - devtmpfs x rw\n12 11 0:3 /sub /host/dev/shm rw - tmpfs x rw\n"));
}

TEST_CASE("the folders that an overlay shows") {
  using Folders = std::vector<std::string>;
  CHECK(host::overlay_folders("rw,lowerdir=/a:/b,upperdir=/c,workdir=/d") == Folders{"/a", "/b", "/c", "/d"});
  CHECK(host::overlay_folders("xino=off,lowerdir=/a\\:b::/c") == Folders{"/a:b", "/c"});
  CHECK(host::overlay_folders("lowerdir=/a,lowerdir=/b") == Folders{"/a", "/b"});
  CHECK(host::overlay_folders("lowerdir+=/a,datadir+=/b") == Folders{"/a", "/b"});
  CHECK(host::overlay_folders("lowerdir=/a\\,b") == Folders{"/a,b"});
  CHECK(host::overlay_folders("upperdir=/a:b,workdir=/c:d,lowerdir+=/e:f") == Folders{"/a:b", "/c:d", "/e:f"});
  CHECK(host::overlay_folders("upperdir=/a\\:b") == Folders{"/a\\:b", "/a:b"});
  CHECK(host::overlay_folders("ro,bind,nosuid").empty());
  const auto mounts = parse_mounts(
      "1 0 0:1 / / rw - overlay overlay rw,lowerdir=/a\\040b:/c\\054d,upperdir=/e\n2 1 0:2 / /x rw - ext4 x "
      "rw,lowerdir=/y\n");
  CHECK(host::overlay_folders(mounts[0]) == Folders{"/a b", "/c,d", "/e"});
  CHECK(host::overlay_folders(mounts[1]).empty());
}

TEST_CASE("what is at a path, or nothing, or that it cannot be told") {
  const tests::TempFolder folder;
  const std::string file = folder.write("file", "");
  REQUIRE(symlink("loop", (folder / "loop").c_str()) == 0);
  CHECK(host::find_file(file));
  CHECK_FALSE(host::find_file(folder / "nothing"));
  CHECK_FALSE(host::find_file(file + "/below"));
  CHECK(tests::kind_of_failure([&] { host::find_file(folder / "loop"); }) == "unverifiable");
  CHECK(tests::kind_of_failure([&] { host::part_of(*host::find_file(file), "", {}); }) == "unverifiable");
}

TEST_CASE("which parts of a proc file system lead to processes") {
  for (const char* root : {"/", "/1", "/123/root", "/9"}) CHECK(host::leads_to_processes(root));
  for (const char* root : {"/sys", "/bus", "/irq/1", "/asound", ""}) CHECK_FALSE(host::leads_to_processes(root));
}

TEST_CASE("the host's shared file systems are those that are mounted") {
  const std::string seen = tests::in_child([] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, nullptr) != 0)
      return std::string("mount failed");
    struct stat shm {
    }, proc{};
    stat("/dev/shm", &shm);
    stat("/proc", &proc);
    const auto shared = host::shared_file_systems(host::mounts_of(AT_FDCWD), false);
    const bool has_proc = std::find(shared.procs.begin(), shared.procs.end(), proc.st_dev) != shared.procs.end();
    return std::string(shared.shm_is_mount && shared.shm.device == shm.st_dev && shared.shm.root == "/" ? "shm "
                                                                                                        : "none ") +
           shared.shm_point + (has_proc ? " proc" : " no proc");
  });
  CHECK(seen == "shm /dev/shm proc");
}

TEST_CASE("where /dev/shm is no mount of its own it is a folder like any other") {
  const std::string seen = tests::in_child([] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return std::string("unshare failed");
    while (umount2("/dev/shm", MNT_DETACH) == 0) continue;
    struct stat dev {};
    stat("/dev", &dev);
    const auto shared = host::shared_file_systems(host::mounts_of(AT_FDCWD), false);
    return std::string(shared.shm_is_mount ? "mount" : "folder") +
           (shared.shm.device == dev.st_dev ? shared.shm.root : "");
  });
  CHECK(seen == "folder/shm");
}

// Whether the message queues of the caller's are those that mount(2) would show, by what `hidden` has found.
std::string same_as_mounted(const std::vector<dev_t>& hidden) {
  tests::TempFolder folder;
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", folder.path().c_str(), "mqueue", 0, nullptr) != 0)
    return "mount failed";
  struct stat stat {};
  ::stat(folder.path().c_str(), &stat);
  umount(folder.path().c_str());
  return hidden.size() == 1 && hidden[0] == stat.st_dev ? "same" : "other";
}

TEST_CASE("the host's message queues are known though nobody mounted them") {
  CHECK(tests::in_child([] { return same_as_mounted(host::shared_file_systems({}, true).mqueues); }) == "same");
}

TEST_CASE("the host's message queues are known though no more of them can be made", "[needs fsopen]") {
  // Any container with the same uid can use up that limit.
  const std::string seen = tests::in_child([] {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_MSGQUEUE, &none) != 0 || mq_open("/ipcguard-none", O_RDWR | O_CREAT, 0600, nullptr) != -1)
      return std::string("it can");
    return same_as_mounted(host::shared_file_systems({}, true).mqueues);
  });
  CHECK(seen == "same");
}

TEST_CASE("where message queues can neither be made nor mounted that is an error") {
  const std::string seen = tests::in_child([] {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_MSGQUEUE, &none) != 0 || setuid(65534) != 0) return std::string("it can");
    return tests::kind_of_failure([] { host::shared_file_systems({}, true); });
  });
  CHECK(seen == "unverifiable");
}

TEST_CASE("the host's message queues are known though somebody took the name that ours would get") {
  // Any user of the host may make a queue.
  const std::string seen = tests::in_child([] {
    if (unshare(CLONE_NEWIPC) != 0) return std::string("unshare failed");
    const std::string name = "/ipcguard-" + std::to_string(getpid());
    const host::Fd taken(mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, nullptr));
    return std::string(taken ? "taken, " : "not taken, ") +
           std::to_string(host::shared_file_systems({}, true).mqueues.size());
  });
  CHECK(seen == "taken, 1");
}
