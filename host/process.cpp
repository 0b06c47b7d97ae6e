#include "host/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <utility>

#include "host/error.h"
#include "host/text.h"

namespace host {

namespace {

// The start time in /proc/PID/stat. The command name, which may hold spaces and parentheses, ends at the last ')'.
std::optional<std::uint64_t> start_time_in(int process) {
  const Fd fd(openat(process, "stat", O_RDONLY | O_CLOEXEC));
  char buffer[1024];
  const ssize_t size = fd ? read(fd.get(), buffer, sizeof buffer) : -1;
  if (size <= 0) return std::nullopt;
  const std::string text(buffer, static_cast<std::size_t>(size));
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + at + 1, nullptr, 10);
}

}  // namespace

std::optional<Process> Process::find(pid_t pid, std::optional<std::uint64_t> start_time) {
  // The pidfd first: if its process ends and another gets the number before the folder is opened, the start time
  // differs.
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  Fd folder(open(("/proc/" + std::to_string(pid)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!pidfd || !folder) return std::nullopt;
  const auto started = start_time_in(folder.get());
  if (!started || (start_time && *start_time != *started)) return std::nullopt;
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
  std::vector<Open> files;
  const auto add = [&](int folder, const char* link, std::string name) {
    // stat(2) through the link opens nothing: neither a device nor a FIFO notices.
    struct stat stat {};
    if (fstatat(folder, link, &stat, 0) == 0)
      files.push_back({std::move(name), stat.st_dev, stat.st_ino, S_ISDIR(stat.st_mode)});
  };
  const int fd = openat(folder_.get(), "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fd < 0 ? nullptr : fdopendir(fd), closedir);
  if (!folder)
    throw Error(ErrorKind::unverifiable,
                "the open files of process " + std::to_string(pid_) + " cannot be read: " + reason(errno));
  while (const dirent* entry = readdir(folder.get()))
    if (entry->d_name[0] != '.') add(dirfd(folder.get()), entry->d_name, "fd/" + std::string(entry->d_name));
  for (const char* name : {"cwd", "root"}) add(folder_.get(), name, name);
  return files;
}

std::string Process::place_of(const Open& file) const {
  char place[PATH_MAX];
  const ssize_t size = readlinkat(folder_.get(), file.name.c_str(), place, sizeof place);
  return {place, static_cast<std::size_t>(size > 0 ? size : 0)};
}

void Process::kill() const { syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); }

}  // namespace host
