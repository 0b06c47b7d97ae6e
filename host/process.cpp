#include "host/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "host/error.h"
#include "host/text.h"

namespace host {

namespace {

constexpr int max_dying_ms = 5'000;

// The start time in /proc/PID/stat; nullopt, with errno, if it cannot be read or the process has ended (a zombie has no
// namespaces any more).
std::optional<std::uint64_t> start_time_in(int process) {
  const Fd fd(openat(process, "stat", O_RDONLY | O_CLOEXEC));
  char buffer[1024];
  const ssize_t size = fd ? read(fd.get(), buffer, sizeof buffer) : -1;
  if (size <= 0) return std::nullopt;
  const auto stat = parse_stat({buffer, static_cast<std::size_t>(size)});
  errno = stat ? ESRCH : EPROTO;
  if (!stat || stat->ended) return std::nullopt;
  return stat->started;
}

}  // namespace

std::optional<ProcessStat> parse_stat(const std::string& text) {
  // The name may hold spaces and parentheses; it ends at the last ')'. "12 (a name) S 1 …"
  const std::size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open || close + 2 >= text.size())
    return std::nullopt;
  ProcessStat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  stat.ended = text[close + 2] == 'Z' || text[close + 2] == 'X';
  std::size_t at = close;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) {
    at = text.find(' ', at + 1);
    if (field == 3 && at != std::string::npos)
      stat.parent = static_cast<pid_t>(std::strtol(text.c_str() + at + 1, nullptr, 10));
  }
  if (at == std::string::npos) return std::nullopt;
  stat.started = std::strtoull(text.c_str() + at + 1, nullptr, 10);
  return stat;
}

std::optional<Process> Process::find(pid_t pid, std::optional<std::uint64_t> start_time) {
  const auto fail = [&] {
    return Error(ErrorKind::unverifiable, "process " + std::to_string(pid) + " cannot be examined: " + reason(errno));
  };
  if (pid <= 0) return std::nullopt;
  // The pidfd first: if its process ends and another gets the number before the folder is opened, the start time
  // differs.
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd && errno == ESRCH) return std::nullopt;
  if (!pidfd) throw fail();
  Fd folder(open(("/proc/" + std::to_string(pid)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    const int why = errno;
    pollfd ended{pidfd.get(), POLLIN, 0};
    if (why == ENOENT && poll(&ended, 1, 0) > 0) return std::nullopt;
    errno = why;  // it lives: /proc is another's, or none
    throw fail();
  }
  errno = 0;
  const auto started = start_time_in(folder.get());
  if (!started && (errno == ESRCH || errno == ENOENT)) return std::nullopt;
  if (!started) throw fail();
  if (start_time && *start_time != *started) return std::nullopt;
  return Process(pid, std::move(folder), std::move(pidfd));
}

NamespaceId Process::namespace_id(const std::string& type) const {
  struct stat stat {};
  if (fstatat(folder_.get(), ("ns/" + type).c_str(), &stat, 0) != 0)
    throw Error(ErrorKind::unverifiable,
                "the " + type + " namespace of process " + std::to_string(pid_) + " cannot be read: " + reason(errno));
  return {stat.st_dev, stat.st_ino};
}

std::vector<Process::Open> Process::open_files() const {
  const auto fail = [&](int why) {
    return Error(ErrorKind::unverifiable,
                 "the open files of process " + std::to_string(pid_) + " cannot be read: " + reason(why));
  };
  std::vector<Open> files;
  const auto add = [&](const std::string& name) {
    // statx(2) through the link opens nothing: neither a device nor a FIFO notices.
    if (auto id = file_id(folder_.get(), name))
      files.push_back({name, *id});
    else if (const int why = errno; why != ENOENT && !closes_on_exec({name, {}}))
      throw fail(why);
  };
  const int fd = openat(folder_.get(), "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fd < 0 ? nullptr : fdopendir(fd), closedir);
  if (!folder) throw fail(errno);
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(folder.get());
    if (entry == nullptr && errno != 0) throw fail(errno);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name.front() != '.') add("fd/" + name);
  }
  add("cwd");
  add("root");
  return files;
}

// By the flags in proc_pid_fdinfo(5): runtimes hold some of the host's folders open in the init until it becomes the
// container's program.
bool Process::closes_on_exec(const Open& file) const {
  if (!file.name.starts_with("fd/")) return false;
  const Fd fd(openat(folder_.get(), ("fdinfo/" + file.name.substr(3)).c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[256];
  const ssize_t size = fd ? read(fd.get(), buffer, sizeof buffer - 1) : -1;
  if (size <= 0) return false;
  buffer[size] = '\0';
  const char* flags = std::strstr(buffer, "flags:");
  return flags != nullptr && (std::strtoul(flags + std::strlen("flags:"), nullptr, 8) & O_CLOEXEC) != 0;
}

Fd Process::reach(const Open& file) const {
  Fd fd(openat(folder_.get(), file.name.c_str(), O_PATH | O_CLOEXEC));  // no device or FIFO notices
  if (fd) return fd;
  throw Error(ErrorKind::unverifiable,
              "what process " + std::to_string(pid_) + " has open cannot be examined: " + reason(errno));
}

std::optional<NamespaceId> Process::ipc_namespace_at(const Open& file) const {
  return ipc_namespace(reach(file).get());
}

bool Process::is_message_queue(const Open& file) const {
  struct statfs where {};
  if (fstatfs(reach(file).get(), &where) == 0) return where.f_type == mqueue_magic;
  throw Error(ErrorKind::unverifiable,
              "what process " + std::to_string(pid_) + " has open cannot be examined: " + reason(errno));
}

std::string Process::place_of(const Open& file) const {
  char place[PATH_MAX];
  const ssize_t size = readlinkat(folder_.get(), file.name.c_str(), place, sizeof place);
  return {place, static_cast<std::size_t>(size > 0 ? size : 0)};
}

bool Process::kill() const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) != 0) return errno == ESRCH;
  // An engine that hears of the refusal deletes the container at once, and gives up if a process of it is still there.
  pollfd ended{pidfd_.get(), POLLIN, 0};
  while (poll(&ended, 1, max_dying_ms) < 0 && errno == EINTR) continue;
  return true;
}

}  // namespace host
