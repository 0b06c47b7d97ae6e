#include "engines/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>

#include "host/error.h"
#include "host/fd.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr std::string_view path_variable = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t max_output = 1U << 20U;

using Clock = std::chrono::steady_clock;

int start(const std::vector<std::string>& arguments, bool with_errors, int output, pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, 1);
  if (with_errors)
    posix_spawn_file_actions_adddup2(&files, output, 2);
  else
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::string path = "PATH=" + std::string(path_variable), locale = "LC_ALL=C";
  char* environment[] = {path.data(), locale.data(), nullptr};
  const std::string program =
      arguments[0].find('/') == std::string::npos ? program_on_path(arguments[0]) : arguments[0];
  const int error = posix_spawn(&pid, program.c_str(), &files, nullptr, argv.data(), environment);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// Reads until the end or `deadline`; false if that has passed.
bool drain(int fd, std::string& output, Clock::time_point deadline) {
  char buffer[65536];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd poll_fd{fd, POLLIN, 0};
    const int ready = poll(&poll_fd, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    if (output.size() < max_output) output.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string program_on_path(const std::string& name) {
  for (std::string_view rest = path_variable; !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    std::string program = std::string(rest.substr(0, end)) + "/" + name;
    struct stat stat {};
    if (::stat(program.c_str(), &stat) == 0 && S_ISREG(stat.st_mode) && access(program.c_str(), X_OK) == 0)
      return program;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

Ended run(const std::vector<std::string>& arguments, bool with_errors, int seconds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw host::Error(host::ErrorKind::unverifiable, "no pipe can be made: " + host::reason(errno));
  const host::Fd reading(ends[0]);
  host::Fd writing(ends[1]);
  pid_t pid = 0;
  if (const int error = start(arguments, with_errors, writing.get(), pid); error != 0)
    return {127, host::reason(error)};
  writing.reset();
  Ended ended;
  // A program that leaves its output open to a child of its own has ended all the same; none of those we run does.
  if (!drain(reading.get(), ended.output, Clock::now() + std::chrono::seconds(seconds))) {
    kill(pid, SIGKILL);
    ended.output += arguments[0] + " did not end within " + std::to_string(seconds) + " s";
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

}  // namespace engines
