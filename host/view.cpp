#include "host/view.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>

#include "host/error.h"
#include "host/fd.h"
#include "host/text.h"

namespace host {

namespace {

constexpr int max_silence_ms = 60'000;

bool same_file(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  return stat(one.c_str(), &first) == 0 && stat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

std::string proc(pid_t pid, const char* file) { return "/proc/" + std::to_string(pid) + "/" + file; }

void write_all(int fd, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = write(fd, text.data() + at, text.size() - at);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

// The child's whole life. A first byte tells an answer from an error's message.
[[noreturn]] void work_in(int mounts, int root, int answer, const std::function<std::string()>& work) {
  std::string text;
  try {
    if (setns(mounts, CLONE_NEWNS) != 0 || fchdir(root) != 0 || chroot(".") != 0 || chdir("/") != 0)
      throw Error(ErrorKind::unverifiable, reason(errno));
    text = "+" + work();
  } catch (const std::exception& error) {
    text = std::string("-") + error.what();
  }
  write_all(answer, text);
  _exit(0);
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    const int count = poll(&ready, 1, max_silence_ms);
    if (count < 0 && errno == EINTR) continue;
    const ssize_t n = count > 0 ? read(fd, buffer.data(), buffer.size()) : -1;
    if (n <= 0) return n == 0 ? text : std::string();
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

bool has_our_view(pid_t pid) {
  return same_file(proc(pid, "ns/mnt"), "/proc/self/ns/mnt") && same_file(proc(pid, "root"), "/");
}

std::string in_view_of(pid_t pid, const std::function<std::string()>& work) {
  const auto fail = [&](const std::string& why) {
    return Error(ErrorKind::unverifiable,
                 "the files that process " + std::to_string(pid) + " sees cannot be examined: " + why);
  };
  const Fd mounts(open(proc(pid, "ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
  const Fd root(open(proc(pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::array<int, 2> ends{-1, -1};
  if (!mounts || !root || pipe2(ends.data(), O_CLOEXEC) != 0) throw fail(reason(errno));
  const Fd answer(ends[0]);
  Fd question(ends[1]);
  const pid_t child = fork();
  if (child == 0) work_in(mounts.get(), root.get(), question.get(), work);
  if (child < 0) throw fail(reason(errno));
  question.reset();
  const std::string text = read_to_end(answer.get());
  kill(child, SIGKILL);  // it has answered, or will not
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  if (text.empty()) throw fail("nothing came back");
  if (text.front() != '+') throw fail(text.substr(1));
  return text.substr(1);
}

}  // namespace host
