// What qemu-user lacks and the unit tests can be given, where it runs them (CMAKE_CROSSCOMPILING_EMULATOR). Its reader
// is not confined: tests of that, and of what cannot be given, are tagged "needs …" and do not run
// (tests/CMakeLists.txt).

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <filesystem>
#include <string>

// The linker's --wrap names them.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {

long __real_syscall(long number, ...);
pid_t __real_waitpid(pid_t child, int* status, int options);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_statx(int folder, const char* name, int flags, unsigned mask, struct statx* found);

// No seccomp, and no clone without SIGCHLD.
long __wrap_syscall(long number, ...) {
  long words[6];
  std::va_list arguments;
  va_start(arguments, number);
  for (long& word : words) word = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_seccomp) return 0;
  if (number == SYS_clone) return fork();
  return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

pid_t __wrap_waitpid(pid_t child, int* status, int options) {
  return __real_waitpid(child, status, options & ~static_cast<int>(__WCLONE));
}

// No NS_GET_NSTYPE: the link has the type's name.
int __wrap_ioctl(int fd, unsigned long request, ...) {
  std::va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  if (request != NS_GET_NSTYPE) return __real_ioctl(fd, request, argument);
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string().starts_with("ipc:")
             ? CLONE_NEWIPC
             : CLONE_NEWNET;
}

// It says that it tells STATX_MNT_ID, and tells 0: as on kernels before 5.8 it is to be looked up otherwise.
int __wrap_statx(int folder, const char* name, int flags, unsigned mask, struct statx* found) {
  const int failed = __real_statx(folder, name, flags, mask, found);
  found->stx_mask &= ~STATX_MNT_ID;
  return failed;
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
