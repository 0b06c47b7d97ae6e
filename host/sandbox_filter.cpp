// Built and run while building: writes the sandbox's seccomp filter, which libseccomp makes, as numbers for
// sandbox.cpp. Made anew by each process it would cost a fifth of the create gate's time.

#include "host/sandbox_filter.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>

namespace {

// The system calls that the child makes, each with who makes it and when; everything not listed kills it
// (tests/unit/sandbox_filter_test.cpp tries all). Few, since the kernel tries each of its own against the filter when
// that is installed (seccomp_cache_prepare, kernel/seccomp.c).
bool add_rules(scmp_filter_ctx filter) {
  const auto allow = [&](int call) { return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0; };
  // Not by libseccomp's macros, which are no C++ to Clang.
  const auto allow_where = [&](int call, unsigned argument, scmp_datum_t value) {
    const scmp_arg_cmp equal{argument, SCMP_CMP_EQ, value, 0};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &equal) == 0;
  };
  bool ok = true;
  // be_the_child, once the work is done: the answer, to the pipe alone.
  ok = ok && allow_where(SCMP_SYS(write), 0, host::answer_fd);
  // be_the_child, at its end: _exit.
  ok = ok && allow(SCMP_SYS(exit_group));
  // The unwinder, at the first throw of the program: it ends a pthread_once, which wakes whoever waits for it (nobody).
  ok = ok && allow_where(SCMP_SYS(futex), 1, FUTEX_WAKE_PRIVATE);
  // malloc and free, while the document is read: the heap grows and shrinks.
  ok = ok && allow(SCMP_SYS(brk));
#ifndef IPCGUARD_ASAN
  // malloc, where the heap may not grow (RLIMIT_AS): it tries mmap, and is told that there is no memory, so that
  // bad_alloc says so.
  ok = ok && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOMEM), SCMP_SYS(mmap), 0) == 0;
#else
  // What AddressSanitizer itself does, in test builds only.
  for (const int call :
       {SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mprotect), SCMP_SYS(futex),
        SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigprocmask)})
    ok = ok && allow(call);
#endif
  return ok;
}

}  // namespace

int main() {
  // What the kernel of the building machine knows does not matter. Level 3 has SCMP_ACT_KILL_PROCESS (Linux 4.14).
  static_cast<void>(seccomp_api_set(3));
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  std::FILE* bpf = std::tmpfile();
  if (filter == nullptr || bpf == nullptr || !add_rules(filter) || seccomp_export_bpf(filter, fileno(bpf)) != 0) {
    static_cast<void>(std::fputs("sandbox_filter: libseccomp does not make the filter\n", stderr));
    return 1;
  }
  std::rewind(bpf);
  sock_filter step{};
  while (std::fread(&step, sizeof step, 1, bpf) == 1)
    std::printf("{%u, %u, %u, %uU},\n", unsigned{step.code}, unsigned{step.jt}, unsigned{step.jf}, step.k);
  static_cast<void>(std::fclose(bpf));
  seccomp_release(filter);
  return 0;
}
