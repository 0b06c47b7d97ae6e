#include "host/sandbox.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include "host/error.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using host::Error;
using host::ErrorKind;
using host::run_sandboxed;
using tests::failure;

namespace {

constexpr std::size_t plenty = 1 << 20;

// How the sandbox judges a child that does `work`.
std::string fate(const std::function<void()>& work) {
  return failure([&] {
    run_sandboxed(
        [&] {
          work();
          return std::string("survived");
        },
        plenty);
  });
}

bool died(const std::string& fate) { return fate.find("unverifiable: the sandboxed reader died") == 0; }

}  // namespace

// Must be the first of this file: what a program does once, when it first throws, then happens under the filter.
TEST_CASE("an error passes through although nothing was thrown in this program before") {
  CHECK(failure([] {
          run_sandboxed([]() -> std::string { throw Error(ErrorKind::invalid_config, "first"); }, plenty);
        }) == "invalid-config: first");
}

TEST_CASE("what the child returns is the answer") {
  for (const std::string& answer : {std::string(), std::string("text"), std::string("a\0b\xff\n", 5),
                                    std::string(70000, 'x')})  // more than a pipe holds
    CHECK(run_sandboxed([&] { return answer; }, plenty) == answer);
}

TEST_CASE("an answer may be as long as allowed, and no longer") {
  for (const std::size_t most : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{100000}}) {
    CAPTURE(most);
    CHECK(run_sandboxed([&] { return std::string(most, 'x'); }, most).size() == most);
    CHECK(failure([&] { run_sandboxed([&] { return std::string(most + 1, 'x'); }, most); }) ==
          "unverifiable: the sandboxed reader took too long or answered too much");
  }
  CHECK_FALSE(failure([] { run_sandboxed([] { return std::string(10 << 20, 'x'); }, 1000); }).empty());
}

TEST_CASE("the child works on its own copy of everything") {
  int number = 1;
  CHECK(run_sandboxed([&] { return std::to_string(++number); }, plenty) == "2");
  CHECK(number == 1);
}

TEST_CASE("an error that the child throws is thrown here, kind and message") {
  for (const ErrorKind kind : {ErrorKind::ambiguous_config, ErrorKind::invalid_config,
                               ErrorKind::ambiguous_command_line, ErrorKind::invalid_policy, ErrorKind::unverifiable})
    CHECK(failure([&] { run_sandboxed([&]() -> std::string { throw Error(kind, "why"); }, plenty); }) ==
          std::string(host::name_of(kind)) + ": why");
}

TEST_CASE("a message from the child is made fit for one line") {
  const auto message = [](const std::string& text) {
    return failure(
        [&] { run_sandboxed([&]() -> std::string { throw Error(ErrorKind::invalid_config, text); }, plenty); });
  };
  CHECK(message("a\nb\x1b") == "invalid-config: a\\x0ab\\x1b");
  CHECK(message(std::string(100000, 'x')).size() < 1100);
}

TEST_CASE("what else the child throws is unverifiable") {
  CHECK(fate([] { throw std::runtime_error("x"); }).find("unverifiable: ") == 0);
  CHECK(fate([] { throw std::length_error("x"); }).find("unverifiable: ") == 0);
}

TEST_CASE("a child that crashes or ends without an answer is unverifiable") {
  CHECK(died(fate([] { std::abort(); })));
  CHECK(died(fate([] { raise(SIGKILL); })));
  CHECK(died(fate([] { _exit(7); })));
  CHECK(fate([] { _exit(0); }) == "unverifiable: the sandboxed reader answered nonsense");
}

TEST_CASE("the child dies of what it may not do, before it is done", "[needs seccomp]") {
  const tests::TempFolder folder;
  const std::string file = folder / "file";
  const char* path = file.c_str();
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  char byte = 0;

  CHECK(died(fate([&] { open(path, O_WRONLY | O_CREAT, 0600); })));
  CHECK(died(fate([&] { syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600); })));
  CHECK(died(fate([&] { mkdir(path, 0700); })));
  CHECK(access(path, F_OK) != 0);
  CHECK(died(fate([] { open("/dev/null", O_RDONLY); })));
  CHECK(died(fate([] { socket(AF_INET, SOCK_STREAM, 0); })));
  CHECK(died(fate([] { socket(AF_UNIX, SOCK_DGRAM, 0); })));
  CHECK(died(fate([&] {
    char name[] = "/bin/true";
    char* words[] = {name, nullptr};
    execve(name, words, nullptr);
  })));
  CHECK(died(fate([] { fork(); })));
  CHECK(died(fate([] { kill(getppid(), SIGUSR1); })));
  CHECK(died(fate([] { ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); })));
  CHECK(died(fate([&] { syscall(SYS_read, ends[0], &byte, 1); })));
  CHECK(died(fate([&] { syscall(SYS_write, ends[1], "x", 1); })));
  CHECK(read(ends[0], &byte, 1) < 0);
  CHECK(died(fate([] { syscall(SYS_write, STDERR_FILENO, "must not be seen\n", 17); })));
  CHECK(died(fate([&] { syscall(SYS_dup3, ends[1], 0, 0); })));
  CHECK(died(fate([] { syscall(SYS_unshare, 0); })));
  CHECK(died(fate([] { syscall(SYS_setuid, 0); })));
  CHECK(died(fate([] { syscall(SYS_io_uring_setup, 1, nullptr); })));
  CHECK(died(fate([] {
    const rlimit none{};
    setrlimit(RLIMIT_CORE, &none);
  })));
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("memory may be had for the heap, but none that can be executed", "[needs seccomp]") {
  if (!tests::under_asan) {  // which needs mmap and mprotect itself
    for (const int protection : {PROT_READ, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC})
      CHECK(run_sandboxed(
                [&] {
                  const void* block = mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  return std::string(block == MAP_FAILED && errno == ENOMEM ? "none" : "some");
                },
                plenty) == "none");
    CHECK(died(fate([] { syscall(SYS_mprotect, nullptr, 4096, PROT_EXEC); })));
  }
  CHECK(run_sandboxed(
            [] {
              std::vector<std::string> blocks;
              for (std::size_t size = 1; size < (std::size_t{32} << 20U); size *= 2) blocks.emplace_back(size, 'x');
              return std::string(blocks.back().end() - 3, blocks.back().end());
            },
            plenty) == "xxx");
}

TEST_CASE("a child that needs too much memory is unverifiable", "[needs RLIMIT_AS]") {
  if (tests::under_asan) return;  // there is no limit then
  CHECK(fate([] {
          volatile std::size_t size = std::size_t{300} << 20U;
          const std::string block(size, 'x');
        }) == "unverifiable: memory ran out while a document was read");
  CHECK_FALSE(fate([] {
                std::vector<std::string> blocks;
                for (;;) blocks.emplace_back(std::size_t{1} << 20U, 'x');
              }).empty());
}

TEST_CASE("a child that does not end is ended after 2 seconds of processor time", "[takes 2 s]") {
  const std::string end = fate([] {
    for (volatile unsigned count = 0;;) count = count + 1;
  });
  INFO(end);
  // On a machine so busy that 2 s of processor take more than 10 s, the other limit comes first.
  CHECK((died(end) || end == "unverifiable: the sandboxed reader took too long or answered too much"));
}

TEST_CASE("it works where the caller has SIGCHLD ignored, blocked or handled, and leaves no signal behind",
          "[needs clone without SIGCHLD]") {
  const auto with = [](void (*prepare)()) {
    return tests::in_child([&] {
      prepare();
      std::string out = run_sandboxed([] { return std::string("answer"); }, plenty);
      out += " " + failure([] { run_sandboxed([]() -> std::string { _exit(3); }, plenty); }).substr(0, 12);
      sigset_t pending;
      sigpending(&pending);
      return out + (sigismember(&pending, SIGCHLD) != 0 ? " pending" : " none");
    });
  };
  const std::string wanted = "answer unverifiable none";
  CHECK(with([] {}) == wanted);
  CHECK(with([] { signal(SIGCHLD, SIG_IGN); }) == wanted);
  CHECK(with([] {
          sigset_t set;
          sigemptyset(&set);
          sigaddset(&set, SIGCHLD);
          sigprocmask(SIG_BLOCK, &set, nullptr);
        }) == wanted);
  CHECK(with([] { signal(SIGCHLD, [](int) { _exit(9); }); }) == wanted);
  CHECK(with([] {
          struct sigaction action {};
          action.sa_handler = SIG_DFL;
          action.sa_flags = SA_NOCLDWAIT;
          sigaction(SIGCHLD, &action, nullptr);
        }) == wanted);
}

TEST_CASE("no zombie is left, and children of the caller's own are let be") {
  const std::string seen = tests::in_child([] {
    const pid_t own = fork();
    if (own == 0) _exit(5);
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(own), &info, WEXITED | WNOWAIT);  // it has ended, and waits to be asked
    run_sandboxed([] { return std::string(); }, plenty);
    fate([] { _exit(1); });
    fate([] { open("/", O_RDONLY); });
    failure([] { run_sandboxed([] { return std::string(100000, 'x'); }, 10); });
    host::reap_sandboxed();
    int status = 0;
    const bool kept = waitpid(own, &status, 0) == own && WEXITSTATUS(status) == 5;
    const bool none = waitpid(-1, &status, static_cast<int>(WNOHANG | __WALL)) == -1 && errno == ECHILD;
    return std::string(kept ? "kept" : "lost") + (none ? " no zombie" : " zombie");
  });
  CHECK(seen == "kept no zombie");
}

TEST_CASE("the caller keeps its own limits, system calls and descriptors") {
  const auto limits = [] {
    std::string out;
    for (const auto what : {RLIMIT_CPU, RLIMIT_AS, RLIMIT_CORE}) {
      rlimit now{};
      getrlimit(what, &now);
      out += std::to_string(now.rlim_cur) + "/" + std::to_string(now.rlim_max) + " ";
    }
    return out;
  };
  const auto lowest = [] {
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
  };
  const std::string before = limits();
  const int fd = lowest();
  run_sandboxed([] { return std::string(); }, plenty);
  fate([] { fork(); });
  CHECK(limits() == before);
  CHECK(lowest() == fd);
  CHECK(tests::read_whole("/proc/self/status").find("Seccomp:\t2") == std::string::npos);
}

TEST_CASE("limits of the caller's that are lower hold, and where no child can be had that is said") {
  const std::string seen = tests::in_child([] {
    const rlimit low{1, 1}, none{0, 0};
    setrlimit(RLIMIT_CPU, &low);
    std::string out = run_sandboxed([] { return std::string("answer"); }, plenty);
    if (setrlimit(RLIMIT_NPROC, &none) != 0 || setuid(tests::nobody) != 0) return std::string("setuid failed");
    return out + " " + failure([] { run_sandboxed([] { return std::string(); }, plenty); });
  });
  CHECK(seen.find("answer unverifiable: the sandboxed reader cannot be started: ") == 0);
}
