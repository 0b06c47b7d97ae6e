#include "host/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Process;
using tests::Sleeper;

TEST_CASE("a process is found by its number, and by the time it was started if that is known", "[needs pidfd_open]") {
  const Sleeper sleeper;
  const auto found = Process::find(sleeper.pid(), sleeper.start_time());
  REQUIRE(found);
  CHECK(found->pid() == sleeper.pid());
  CHECK(Process::find(sleeper.pid(), std::nullopt));
  CHECK_FALSE(Process::find(sleeper.pid(), sleeper.start_time() + 1));
  CHECK_FALSE(Process::find(sleeper.pid(), 0));
  CHECK_FALSE(Process::find(4194305, std::nullopt));
  CHECK_FALSE(Process::find(0, std::nullopt));
  CHECK_FALSE(Process::find(-1, std::nullopt));
}

TEST_CASE("what a process's stat file says") {
  const auto stat = host::parse_stat("12 (a) b (c) S 7 1 1 0 -1 4194560 1 1 0 0 0 0 0 0 20 0 1 0 345 1 1\n");
  REQUIRE(stat);
  CHECK(stat->name == "a) b (c");
  CHECK(stat->parent == 7);
  CHECK(stat->started == 345);
  CHECK_FALSE(stat->ended);
  CHECK(host::parse_stat("12 (a) Z 7 1 1 0 -1 4194560 1 1 0 0 0 0 0 0 20 0 1 0 345 1 1\n")->ended);
  for (const char* none : {"", "12", "12 (a", "12 a)", ")(", "12 (a)", "12 (a) S", "12 (a) S 7 1"})
    CHECK_FALSE(host::parse_stat(none));
}

TEST_CASE("the namespaces it is in", "[needs pidfd_open]") {
  const Sleeper own, shared(Sleeper::Ipc::shared);
  const auto self = Process::find(getpid(), std::nullopt);
  const auto other = Process::find(own.pid(), std::nullopt), same = Process::find(shared.pid(), std::nullopt);
  REQUIRE((self && other && same));
  CHECK(self->namespace_id("ipc") == tests::ipc_of_path("/proc/self/ns/ipc"));
  CHECK(same->namespace_id("ipc") == self->namespace_id("ipc"));
  CHECK_FALSE(other->namespace_id("ipc") == self->namespace_id("ipc"));
  CHECK(other->namespace_id("ipc") == own.ipc());
  CHECK(other->namespace_id("pid") == self->namespace_id("pid"));
  CHECK(tests::kind_of_failure([&] { self->namespace_id("none"); }) == "unverifiable");
}

TEST_CASE("a process that has ended answers no question, whoever has its number now", "[needs pidfd_open]") {
  std::optional<Process> process;
  {
    const Sleeper sleeper;
    process = Process::find(sleeper.pid(), sleeper.start_time());
    REQUIRE(process);
  }
  CHECK(tests::kind_of_failure([&] { process->namespace_id("ipc"); }) == "unverifiable");
  CHECK(tests::kind_of_failure([&] { process->mounts(); }) == "unverifiable");
  CHECK(tests::kind_of_failure([&] { process->open_files(); }) == "unverifiable");
  CHECK_NOTHROW(process->kill());
}

TEST_CASE("it is killed, and nobody else", "[needs pidfd_open]") {
  const pid_t child = fork();
  if (child == 0)
    for (;;) pause();
  const Sleeper bystander;
  const auto process = Process::find(child, std::nullopt);
  REQUIRE(process);
  process->kill();
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
  CHECK(kill(bystander.pid(), 0) == 0);
}

TEST_CASE("what it holds open is told, each with what it is", "[needs pidfd_open]") {
  const tests::TempFolder folder;
  const std::string path = folder.write("file", "");
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const int file = open(path.c_str(), O_RDONLY), fifo = open((folder / "fifo").c_str(), O_RDONLY | O_NONBLOCK),
            ipc = open("/proc/self/ns/ipc", O_RDONLY), place = open(folder.path().c_str(), O_PATH),
            memory = memfd_create("m", 0), closing = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const Sleeper sleeper(Sleeper::Ipc::shared);  // inherits them
  for (const int fd : {file, fifo, ipc, place, memory, closing}) close(fd);

  const auto process = Process::find(sleeper.pid(), std::nullopt);
  REQUIRE(process);
  const auto files = process->open_files();
  const auto named = [&](const std::string& name) {
    const auto found = std::find_if(files.begin(), files.end(), [&](const auto& one) { return one.name == name; });
    REQUIRE(found != files.end());
    return *found;
  };
  const auto descriptor = [&](int fd) { return named("fd/" + std::to_string(fd)); };
  struct stat stat {};
  REQUIRE(::stat(path.c_str(), &stat) == 0);
  CHECK(process->place_of(descriptor(file)) == path);
  CHECK(descriptor(file).id.device == stat.st_dev);
  CHECK(descriptor(file).id.inode == stat.st_ino);
  CHECK_FALSE(descriptor(file).id.folder);
  CHECK(process->place_of(descriptor(fifo)) == folder / "fifo");
  CHECK(descriptor(ipc).id.device == tests::ipc_of_path("/proc/self/ns/ipc").device);
  CHECK(descriptor(ipc).id.inode == tests::ipc_of_path("/proc/self/ns/ipc").inode);
  CHECK(descriptor(place).id.folder);
  CHECK(process->place_of(descriptor(memory)).find("/memfd:m") == 0);
  CHECK(process->place_of(named("cwd")) == std::filesystem::current_path().string());
  CHECK(process->place_of(named("root")) == "/");
  CHECK(process->place_of({"fd/9999", {}}).empty());
  CHECK(process->closes_on_exec(descriptor(closing)));
  for (const auto& one : {descriptor(file), named("cwd"), Process::Open{"fd/9999", {}}})
    CHECK_FALSE(process->closes_on_exec(one));
}
