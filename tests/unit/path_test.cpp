#include "host/path.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::follow;
using host::Links;
using tests::kind_of_failure;
using tests::TempFolder;

namespace {

// Where a path leads: "/path", "own REST", "nothing", or the kind of failure.
std::string lead(const std::string& path, Links links = Links::namespaces) {
  std::string out;
  const std::string kind = kind_of_failure([&] {
    const auto place = follow(path, links);
    out = !place ? "nothing" : place->own ? "own " + place->own_rest : place->path();
    if (place && place->own == static_cast<bool>(place->fd)) out += " with an odd descriptor";
  });
  return kind.empty() ? out : kind;
}

void link(const std::string& target, const std::string& path) { REQUIRE(symlink(target.c_str(), path.c_str()) == 0); }

ino_t inode_of(const std::string& path) {
  struct stat stat {};
  REQUIRE(::stat(path.c_str(), &stat) == 0);
  return stat.st_ino;
}

ino_t inode_at_the_end(const std::string& path) {
  const auto place = follow(path, Links::namespaces);
  struct stat stat {};
  REQUIRE(place);
  REQUIRE(fstat(place->fd.get(), &stat) == 0);
  return stat.st_ino;
}

}  // namespace

TEST_CASE("a path without links leads to what it names") {
  const TempFolder folder;
  folder.write("a/b/file", "");
  const std::string file = folder / "a/b/file";
  for (const std::string& path : {file, "//" + file, folder / "a//b/./file", folder / "a/../a/b/../b/file",
                                  "/../../" + file, folder / "./././a/b/file"}) {
    CAPTURE(path);
    CHECK(lead(path) == file);
    CHECK(inode_at_the_end(path) == inode_of(file));
  }
  CHECK(lead("/") == "/");
  CHECK(lead("/..") == "/");
  CHECK(lead("/proc") == "/proc");
}

TEST_CASE("a relative path is ambiguous, also one that is empty or begins with a blank") {
  for (const char* path : {"", ".", "a", "proc/self/ns/ipc", "./x", "../x", " /proc", "\n/proc"}) {
    CAPTURE(path);
    CHECK(lead(path) == "ambiguous-config");
  }
}

TEST_CASE("what is not there leads to nothing, and what cannot be gone through is unverifiable") {
  const TempFolder folder;
  folder.write("file", "");
  for (const std::string& path : {folder / "none", folder / "none/x", folder / "none/../file"}) {
    CAPTURE(path);
    CHECK(lead(path) == "nothing");
  }
  for (const std::string& path : {folder / "file/x", folder / "file/..", folder / "file/../file"}) {
    CAPTURE(path);
    CHECK(lead(path) == "unverifiable");
  }
  CHECK(lead(folder / std::string(NAME_MAX + 1, 'a')) == "unverifiable");
}

TEST_CASE("a path may be as long as the kernel takes it, and no longer") {
  std::string path = "/tmp";
  while (path.size() + 2 <= PATH_MAX - 1) path += "/.";
  if (path.size() < PATH_MAX - 1) path += "/";
  REQUIRE(path.size() == PATH_MAX - 1);
  REQUIRE(access(path.c_str(), F_OK) == 0);
  CHECK(lead(path) == "/tmp");
  CHECK(lead(path + "/") == "unverifiable");
}

TEST_CASE("symbolic links are followed, relative and absolute ones, in the middle and at the end") {
  const TempFolder folder;
  folder.write("a/b/file", "");
  folder.write("c/other", "");
  link("b", folder / "a/relative");
  link(folder / "a", folder / "absolute");
  link("../../a/b/file", folder / "a/b/up");
  link("a/../absolute/./relative//file", folder / "mixed");
  link("absolute/", folder / "slash");
  const std::string file = folder / "a/b/file";
  for (const char* name : {"a/relative/file", "absolute/b/file", "absolute/relative/file", "a/b/up", "mixed",
                           "slash/relative/file", "absolute/../a/b/file"}) {
    CAPTURE(name);
    CHECK(lead(folder / name) == file);
  }
  // ".." of where a link leads, not of the link
  link(folder / "a/b", folder / "c/deep");
  CHECK(lead(folder / "c/deep/../b/file") == file);
  CHECK(lead(folder / "c/deep/../other") == "nothing");
  link("none", folder / "dangling");
  CHECK(lead(folder / "dangling") == "nothing");
  link("/", folder / "root");
  CHECK(lead(folder / "root/..") == "/");
  CHECK(lead((folder / "root") + file) == file);
}

TEST_CASE("as many links are followed as the kernel follows") {
  const TempFolder folder;
  folder.write("0", "");
  for (int at = 1; at <= 41; ++at) link(std::to_string(at - 1), folder / std::to_string(at));
  REQUIRE(access((folder / "40").c_str(), F_OK) == 0);
  REQUIRE(access((folder / "41").c_str(), F_OK) != 0);
  CHECK(lead(folder / "40") == folder / "0");
  CHECK(lead(folder / "41") == "unverifiable");
}

TEST_CASE("loops end") {
  const TempFolder folder;
  link("self", folder / "self");
  link("pong", folder / "ping");
  link("ping/x", folder / "pong");
  link("grow/../grow/../grow", folder / "grow");
  for (const char* name : {"self", "self/x", "ping", "pong", "grow"}) CHECK(lead(folder / name) == "unverifiable");
}

TEST_CASE("a process's own files are told, with the rest of the path") {
  const TempFolder folder;
  link("/proc/self", folder / "link");
  link("link/ns", folder / "ns");
  CHECK(lead("/proc/self") == "own ");
  CHECK(lead("/proc/self/ns/ipc") == "own ns/ipc");
  CHECK(lead("/proc/thread-self/ns/ipc") == "own ns/ipc");
  CHECK(lead("//proc/./self//ns/ipc") == "own ns/ipc");
  CHECK(lead("/proc/../proc/self/ns/ipc") == "own ns/ipc");
  CHECK(lead(folder / "link/ns/ipc") == "own ns/ipc");
  CHECK(lead(folder / "ns/ipc") == "own ns/ipc");
  CHECK(lead("/dev/fd/3") == "own fd/3");
  CHECK(lead("/proc/self/fd/3") == "own fd/3");
  CHECK(lead("/proc/mounts") == "own mounts");
  CHECK(lead("/proc/net/unix") == "own net/unix");
  // whatever follows is not looked at: it must not pass for another place
  CHECK(lead("/proc/self/../1/ns/ipc") == "own ../1/ns/ipc");
  CHECK(lead("/proc/self/no such thing") == "own no such thing");
}

TEST_CASE("a file that is called self elsewhere is just a file") {
  const TempFolder folder;
  folder.write("self/ns/ipc", "");
  CHECK(lead(folder / "self/ns/ipc") == folder / "self/ns/ipc");
  link("self", folder / "thread-self");
  CHECK(lead(folder / "thread-self/ns/ipc") == folder / "self/ns/ipc");
}

TEST_CASE("another process's namespaces are reached, its other links are not") {
  const tests::Sleeper process;
  CHECK(lead(process.proc("ns/ipc")) == process.proc("ns/ipc"));
  CHECK(inode_at_the_end(process.proc("ns/ipc")) == process.ipc().inode);
  const std::string task = process.proc("task/" + std::to_string(process.pid()) + "/ns/ipc");
  CHECK(lead(task) == task);
  CHECK(inode_at_the_end(task) == process.ipc().inode);
  CHECK(lead(process.proc("../" + std::to_string(process.pid()) + "/ns/ipc")) == process.proc("ns/ipc"));
  CHECK(lead(process.proc("ns")) == process.proc("ns"));
  CHECK(lead(process.proc("ns/none")) == "nothing");
  for (const char* file : {"root", "root/", "root/proc", "cwd", "cwd/x", "exe", "fd/0", "fd/1", "task/../cwd"}) {
    CAPTURE(file);
    CHECK(lead(process.proc(file)) == "ambiguous-config");
  }
  CHECK(lead(process.proc("fd/999")) == "nothing");
  CHECK(lead(process.proc("status")) == process.proc("status"));
}

TEST_CASE("a link to another process's namespace is followed") {
  const tests::Sleeper process;
  const TempFolder folder;
  link(process.ipc_path(), folder / "ipc");
  link(process.proc("ns"), folder / "ns");
  CHECK(inode_at_the_end(folder / "ipc") == process.ipc().inode);
  CHECK(inode_at_the_end(folder / "ns/ipc") == process.ipc().inode);
  link(process.proc("root"), folder / "root");
  CHECK(lead(folder / "root/proc") == "ambiguous-config");
}

TEST_CASE("another mount of proc is known for what it is") {
  const TempFolder folder;
  const tests::Sleeper process;
  const std::string mounted = folder / "proc", number = std::to_string(process.pid()), ns = folder / "7/ns";
  mkdir(mounted.c_str(), 0755);
  folder.write("7/ns/x", "");
  const std::string seen = tests::in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("proc", mounted.c_str(), "proc", 0, nullptr) != 0 ||
        mount(process.proc("fd").c_str(), ns.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return std::string("mount failed");
    return lead(mounted + "/self/ns/ipc") + "; " + lead(mounted + "/" + number + "/root") + "; " +
           (lead(mounted + "/" + number + "/ns/ipc") == mounted + "/" + number + "/ns/ipc" ? "same" : "other") + "; " +
           lead(ns + "/none");
  });
  CHECK(seen == "own ns/ipc; ambiguous-config; same; nothing");
}

TEST_CASE("where all links are followed, a process's own files are gone through as the runtime will") {
  const TempFolder folder;
  const std::string file = folder.write("a/file", "");
  link("/proc/self/root", folder / "root");
  const auto all = [](const std::string& path) { return lead(path, Links::all); };
  const std::string own = "/proc/" + std::to_string(getpid());
  CHECK(all(file) == file);
  CHECK(all("/proc/self/root") == "/");
  CHECK(all("/proc/self/root" + file) == file);
  CHECK(all("/proc/thread-self/root" + file) == file);
  CHECK(all("/proc/self/root/proc/self/root/../" + file) == file);
  CHECK(all((folder / "root") + file) == file);
  CHECK(all("/proc/self") == own);
  CHECK(all("/proc/self/status") == own + "/status");
  CHECK(all("/proc/self/../self/status") == own + "/status");
  CHECK(all("/proc/mounts") == own + "/mounts");
}

TEST_CASE("where all links are followed, what another process has open is reached by its place") {
  const TempFolder folder;
  const tests::Sleeper process;
  const std::string file = folder.write("a/file", "");
  const auto all = [](const std::string& path) { return lead(path, Links::all); };
  CHECK(all(process.proc("root") + file) == file);
  CHECK(all(process.proc("root/..") + file) == file);
  CHECK(all(process.proc("cwd")) == std::filesystem::current_path().string());
  CHECK(all(process.proc("cwd/none")) == "nothing");
  CHECK(all(process.proc("fd/999")) == "nothing");
  CHECK(all("file") == "ambiguous-config");
  CHECK(all(folder / "none") == "nothing");
}

TEST_CASE("where all links are followed, what is the follower's own and will be another's is ambiguous still") {
  const TempFolder folder;
  folder.write("x", "");
  link("/proc/self", folder / "self");
  link("self/fd", folder / "fd");
  for (const std::string& path : std::vector<std::string>{
           "/proc/self/fd/0", "/proc/self/fd", "/proc/thread-self/fd/0", "/dev/fd/0", "/dev/stdin", "/proc/self/cwd",
           "/proc/self/cwd/x", "/proc/self/map_files", "/proc/self/task/" + std::to_string(getpid()) + "/fd/0",
           folder / "self/fd/0", folder / "fd/0", "/proc/self/root/proc/self/fd/0", "/proc/self//fd/0"}) {
    CAPTURE(path);
    CHECK(lead(path, Links::all) == "ambiguous-config");
  }
}

TEST_CASE("where all links are followed, no other spelling of the follower's own files gets through") {
  for (const std::string& path :
       std::vector<std::string>{"/proc/self/./fd/0", "/proc/self/../self/fd/0", "/proc/self/ns/../fd/0",
                                "/proc/self/./cwd", "/proc/thread-self/../../fd/0", "/proc/thread-self/fd/../cwd"}) {
    CAPTURE(path);
    CHECK(lead(path, Links::all) == "ambiguous-config");
  }
}

TEST_CASE("a path that is longer than the kernel tells cannot be told", "[needs openat2]") {
  const TempFolder folder;
  std::string at = folder.path();
  for (int level = 0; level < 20; ++level) {  // a folder in it is reached by a link to it, since no path does
    const std::string deep = std::string(250, 'd');
    REQUIRE(mkdir((at + "/" + deep).c_str(), 0755) == 0);
    const std::string next = folder / ("at" + std::to_string(level));
    link((level == 0 ? "" : "at" + std::to_string(level - 1) + "/") + deep, next);
    at = next;
  }
  CHECK(lead(folder / "at10", Links::all).size() > 2500);
  CHECK(lead(folder / "at19", Links::all) == "unverifiable");
}
