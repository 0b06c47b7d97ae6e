#include "host/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <new>
#include <optional>

#include "host/error.h"
#include "host/fd.h"
#include "host/text.h"
#include "host/wire.h"

namespace host {

namespace {

using Clock = std::chrono::steady_clock;

constexpr rlim_t max_cpu_seconds = 2;
constexpr rlim_t max_memory = rlim_t{256} << 20U;
constexpr std::chrono::seconds max_wait{10};

#if defined(__SANITIZE_ADDRESS__)
#define IPCGUARD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IPCGUARD_ASAN 1
#endif
#endif

// The system calls the child needs, and nothing else: everything not listed kills it.
bool install_filter(int answer) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  if (filter == nullptr) return false;
  const auto allow = [&](int call) { return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0; };
  bool ok = true;
  // The answer goes to the pipe alone.
  ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                              SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(answer))) == 0;
  // malloc: the heap by brk; large blocks by mmap, never executable.
  ok = ok && allow(SCMP_SYS(brk)) && allow(SCMP_SYS(munmap)) && allow(SCMP_SYS(mremap));
  ok =
      ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
  ok = ok && allow(SCMP_SYS(exit_group));
#ifdef IPCGUARD_ASAN
  // What AddressSanitizer itself does, in test builds only.
  ok = ok && allow(SCMP_SYS(madvise)) && allow(SCMP_SYS(mprotect)) && allow(SCMP_SYS(futex)) &&
       allow(SCMP_SYS(getpid)) && allow(SCMP_SYS(gettid)) && allow(SCMP_SYS(sigaltstack)) &&
       allow(SCMP_SYS(rt_sigprocmask));
#endif
  ok = ok && seccomp_load(filter) == 0;
  // Not released: the child is about to end, and free() costs more than it gives back.
  return ok;
}

void limit(decltype(RLIMIT_CPU) what, rlim_t most) {
  rlimit now{};
  if (getrlimit(what, &now) != 0) return;
  if (now.rlim_max > most) now.rlim_max = most;
  if (now.rlim_cur > now.rlim_max) now.rlim_cur = now.rlim_max;
  setrlimit(what, &now);
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
  limit(RLIMIT_CORE, 0);
#ifndef IPCGUARD_ASAN
  limit(RLIMIT_AS, max_memory);  // AddressSanitizer reserves terabytes
#endif
  if (!install_filter(answer)) _exit(2);
  try {
    const std::string frame = framed_answer(work);
    for (std::size_t sent = 0; sent < frame.size();) {
      const ssize_t n = write(answer, frame.data() + sent, frame.size() - sent);
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

// Everything the child writes until it closes the pipe; nullopt where it writes more than it may or takes too long.
std::optional<std::string> read_answer(int pipe, std::size_t most) {
  std::string bytes;
  const auto deadline = Clock::now() + max_wait;
  char buffer[4096];
  while (bytes.size() <= most) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{pipe, POLLIN, 0};
    const int events = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
    if (events < 0 && errno == EINTR) continue;
    if (events <= 0) return std::nullopt;
    const ssize_t n = read(pipe, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
  return std::nullopt;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, static_cast<int>(__WCLONE)) < 0)
    if (errno != EINTR) return -1;
  return status;
}

}  // namespace

std::string run_sandboxed(const std::function<std::string()>& work, std::size_t max_answer) {
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

  constexpr std::size_t frame_head = 2 * sizeof(std::uint64_t);
  const auto bytes = read_answer(from_child.get(), max_answer + frame_head);
  if (!bytes) kill(child, SIGKILL);
  const int status = wait_for(child);
  if (!bytes) throw fail("took too long or answered too much");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw fail("died (wait status " + std::to_string(status) + ")");

  Unpacker frame(*bytes);
  const std::uint64_t outcome = frame.number();
  std::string answer = frame.text();
  frame.end();
  if (outcome == 0) return answer;
  if (outcome > 1 + static_cast<std::uint64_t>(ErrorKind::unverifiable)) throw fail("answered nonsense");
  throw Error(static_cast<ErrorKind>(outcome - 1), printable(answer, 1024));
}

}  // namespace host
