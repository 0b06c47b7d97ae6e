// Linked into copies of our programs with --wrap=syscall,--wrap=setrlimit: there the sandbox has no filter, since
// valgrind knows no seccomp, and gcov writes files. What the filter does is tested in unit/sandbox*_test.cpp, without
// these.

#include <sys/resource.h>
#include <sys/syscall.h>

#include <cstdarg>

// The linker's --wrap names them.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" long __real_syscall(long number, ...);

// Like glibc's own it takes six words, however few were given, which AddressSanitizer would complain of.
extern "C" [[gnu::no_sanitize_address]] long __wrap_syscall(long number, ...) {
  long words[6];
  std::va_list arguments;
  va_start(arguments, number);
  for (long& word : words) word = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_seccomp) return 0;
  return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

// What limits memory and time would limit valgrind.
extern "C" int __real_setrlimit(int what, const rlimit* limit);
extern "C" int __wrap_setrlimit(int what, const rlimit* limit) {
  return what == RLIMIT_AS || what == RLIMIT_CPU ? 0 : __real_setrlimit(what, limit);
}
// NOLINTEND(bugprone-reserved-identifier)
