#include "host/sandbox.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>
#include <optional>
#include <string_view>
#include <vector>

#include "host/error.h"
#include "host/fd.h"
#include "host/sandbox_filter.h"
#include "host/text.h"
#include "host/wire.h"

namespace host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr rlim_t max_cpu_seconds = 2;
constexpr rlim_t max_memory = rlim_t{256} << 20U;
constexpr std::chrono::seconds max_wait{10};
constexpr int exit_no_filter = 2;
constexpr std::size_t frame_head = 2 * sizeof(std::uint64_t);  // outcome and size

constexpr sock_filter filter[] = {
#include "sandbox_filter.inc"
};

bool install_filter() {
  const sock_fprog program{std::size(filter), const_cast<sock_filter*>(filter)};  // the kernel only reads it
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// Refused, and not needed, where the limit is lower already.
void limit(decltype(RLIMIT_CPU) what, rlim_t most) {
  const rlimit limit{most, most};
  setrlimit(what, &limit);
}

// The answer's frame: 0, or 1 + the error's kind, then the answer or the error's message.
std::string framed_answer(const std::function<std::string()>& work) {
  Packer frame;
  try {
    const std::string answer = work();
    frame.number(0);
    frame.text(answer);
  } catch (const Error& error) {
    frame.number(1 + static_cast<std::uint64_t>(error.kind()));
    frame.text(error.what());
  } catch (const std::bad_alloc&) {
    frame.number(1 + static_cast<std::uint64_t>(ErrorKind::unverifiable));
    frame.text("memory ran out while a document was read");
  }
  return frame.take();
}

[[noreturn]] void be_the_child(const std::function<std::string()>& work, int answer) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_CPU, max_cpu_seconds);
  forbid_core_dumps();
#ifndef IPCGUARD_ASAN
  limit(RLIMIT_AS, max_memory);  // AddressSanitizer reserves terabytes
#endif
  mallopt(M_MMAP_MAX, 0);  // the filter allows the heap only
  if (dup2(answer, answer_fd) < 0 || !install_filter()) _exit(exit_no_filter);
  try {
    const std::string frame = framed_answer(work);
    for (std::size_t sent = 0; sent < frame.size();) {
      const ssize_t n = write(answer_fd, frame.data() + sent, frame.size() - sent);
      if (n <= 0) _exit(3);
      sent += static_cast<std::size_t>(n);
    }
  } catch (const std::exception&) {
    _exit(4);
  }
  _exit(0);
}

// fork() without an exit signal, so that the runtime is not left with a SIGCHLD that it knows nothing of, nor we
// without an exit status where SIGCHLD is ignored. The raw call is safe here: there is one thread, and nothing waits
// for atfork.
pid_t fork_quietly() { return static_cast<pid_t>(syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr)); }

// Waits until `fd` has something to say, or the time has come; true if it has.
bool wait_for(int fd, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd ready{fd, POLLIN, 0};
    const int events = poll(&ready, 1, static_cast<int>(std::max<decltype(left)>(left, 0)));
    if (events >= 0 || errno != EINTR) return events > 0;
  }
}

// Whether `bytes` are a whole frame.
bool is_whole(std::string_view bytes) {
  std::uint64_t size = 0;
  if (bytes.size() < frame_head) return false;
  std::memcpy(&size, bytes.data() + frame_head - sizeof size, sizeof size);
  return bytes.size() - frame_head == size;
}

// What the child writes until its frame is whole or it closes the pipe; nullopt where it writes more than it may or
// takes too long.
std::optional<std::string> read_answer(int pipe, std::size_t most) {
  const auto end = Clock::now() + max_wait;
  std::string bytes;
  char buffer[4096];
  while (bytes.size() <= most && wait_for(pipe, end)) {
    const ssize_t n = read(pipe, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    bytes.append(buffer, static_cast<std::size_t>(n));
    if (n == 0 || is_whole(bytes)) return bytes.size() <= most ? std::optional(bytes) : std::nullopt;
  }
  return std::nullopt;
}

int status_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, static_cast<int>(__WCLONE)) < 0)
    if (errno != EINTR) return -1;
  return status;
}

std::vector<pid_t> answered;  // children that were not waited for yet

}  // namespace

void forbid_core_dumps() { prctl(PR_SET_DUMPABLE, 0); }

std::string run_sandboxed(const std::function<std::string()>& work, std::size_t max_answer,
                          const std::function<void()>& meanwhile) {
  const auto fail = [](const std::string& why) {
    return Error(ErrorKind::unverifiable, "the sandboxed reader " + why);
  };
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw fail("cannot be started: " + reason(errno));
  const Fd from_child(ends[0]);
  Fd to_parent(ends[1]);
  const pid_t child = fork_quietly();
  if (child < 0) throw fail("cannot be started: " + reason(errno));
  if (child == 0) be_the_child(work, to_parent.get());
  to_parent.reset();
  try {
    if (meanwhile) meanwhile();
  } catch (...) {
    kill(child, SIGKILL);
    status_of(child);
    throw;
  }

  const auto bytes = read_answer(from_child.get(), max_answer + frame_head);
  if (bytes && is_whole(*bytes)) {
    answered.push_back(child);
  } else {
    if (!bytes) kill(child, SIGKILL);
    const int status = status_of(child);
    if (!bytes) throw fail("took too long or answered too much");
    if (WIFEXITED(status) && WEXITSTATUS(status) == exit_no_filter)
      throw fail("cannot be confined: seccomp is not to be had");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw fail("died (wait status " + std::to_string(status) + ")");
  }

  Unpacker frame(*bytes);
  const std::uint64_t outcome = frame.number();
  std::string answer = frame.text();
  frame.end();
  if (outcome == 0) return answer;
  if (outcome > 1 + static_cast<std::uint64_t>(ErrorKind::unverifiable)) throw fail("answered nonsense");
  throw Error(static_cast<ErrorKind>(outcome - 1), printable(answer, 1024));
}

void reap_sandboxed() {
  for (const pid_t child : answered) {
    kill(child, SIGKILL);  // whatever else it may be up to
    status_of(child);
  }
  answered.clear();
}

}  // namespace host
