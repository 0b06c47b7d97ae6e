// Every system call there is, against the sandbox's filter (host/sandbox_filter.cpp).

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "host/sandbox.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

namespace {

// "killed" by the filter, "returned" to a child that was let make the call; what else there is to say otherwise.
std::string fate_of(const std::function<void()>& call) {
  const std::string end = tests::failure([&] {
    host::run_sandboxed(
        [&]() -> std::string {
          call();
          return "returned";
        },
        100);
  });
  if (end.empty()) return "returned";
  return end == "unverifiable: the sandboxed reader died (wait status " + std::to_string(SIGSYS) + ")" ? "killed" : end;
}

// With arguments that no call can do anything with, should it be made after all: reboot(-1), kill(-1, -1), …
std::string fate_of(long number) {
  return fate_of([=] { syscall(number, -1L, -1L, -1L, -1L, -1L, -1L); });
}

// On x86-64, uretprobe and uprobe: kernels that have them ask no filter (seccomp_uprobe_exception, kernel/seccomp.c).
// Out of a probe's own code they do nothing but fail, or kill.
bool is_unfiltered(long number) { return number == 335 || number == 336; }

// Beyond the last one of the kernels to come, too: 6.13 has 466.
constexpr long end_of_calls = 512;

}  // namespace

TEST_CASE("any system call but the listed ones kills the child") {
  std::set<long> let;
  for (long number = 0; number < end_of_calls; ++number) {
    if (is_unfiltered(number)) continue;
    const std::string fate = fate_of(number);
    if (fate != "killed") let.insert(number);
    if (number == SYS_exit_group)
      CHECK(fate == "unverifiable: the sandboxed reader died (wait status 65280)");
    else if (fate != "killed")
      CHECK(fate == "returned");
  }
  // write and futex are not among them: -1 is neither the pipe nor FUTEX_WAKE_PRIVATE.
  std::set<long> listed{SYS_brk, SYS_exit_group, SYS_mmap};
  if (tests::under_asan)
    listed.insert({SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_futex, SYS_getpid, SYS_gettid,
                   SYS_sigaltstack, SYS_rt_sigprocmask});
  CHECK(let == listed);
  CHECK(fate_of(-1) == "killed");
}

TEST_CASE("what is listed kills the child with other arguments") {
  // The kernel takes the lower half of a descriptor only; a filter that did so too would be one to be fooled.
  for (const long fd : {0L, 2L, 3L, -1L, 1L | (1L << 32U)}) {
    CAPTURE(fd);
    CHECK(fate_of([=] { syscall(SYS_write, fd, "must not be seen\n", 0); }) == "killed");
  }
  CHECK(fate_of([] { syscall(SYS_write, 1, "", 0); }) == "returned");

  if (tests::under_asan) return;  // which makes any of futex's calls itself
  int word = 0;
  for (long operation = 0; operation < 1024; ++operation) {
    CAPTURE(operation);
    CHECK(fate_of([&] { syscall(SYS_futex, &word, operation, 1, nullptr, nullptr, 0); }) ==
          (operation == FUTEX_WAKE_PRIVATE ? "returned" : "killed"));
  }
}

#ifdef __x86_64__
TEST_CASE("the other ways into an x86-64 kernel kill the child") {
  constexpr long x32 = 0x40000000;
  for (long number = 0; number < 548; ++number) {
    CAPTURE(number);
    CHECK(fate_of(x32 + number) == "killed");
  }
  // Of 32 bits, where write is 4, brk 45 and exit_group 252. A kernel without it answers with SIGSEGV.
  const auto old_way = [](long number) {
    return fate_of([=] {
      long result = number;
      __asm__ volatile("int $0x80" : "+a"(result) : "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L) : "memory");
    });
  };
  const std::string no_such_way =
      "unverifiable: the sandboxed reader died (wait status " + std::to_string(SIGSEGV) + ")";
  for (const long number : {1L, 4L, 5L, 11L, 45L, 90L, 192L, 240L, 252L, 295L, 358L}) {
    CAPTURE(number);
    const std::string fate = old_way(number);
    CHECK((fate == "killed" || fate == no_such_way));
  }
}
#endif
