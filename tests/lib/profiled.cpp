// Linked into the unit tests with --wrap=write, in coverage builds: children that the tests or the sandbox fork end by
// _exit or a signal, at which gcov writes nothing. So what one has run is counted before it says anything.

#include <unistd.h>

// The linker's --wrap and libgcov name them.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" void __gcov_dump();
extern "C" void __gcov_reset();
extern "C" ssize_t __real_write(int fd, const void* bytes, size_t size);

static const pid_t first = getpid();

extern "C" ssize_t __wrap_write(int fd, const void* bytes, size_t size) {
  if (getpid() != first) {
    __gcov_dump();
    __gcov_reset();
  }
  return __real_write(fd, bytes, size);
}
// NOLINTEND(bugprone-reserved-identifier)
