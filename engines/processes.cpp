#include "engines/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <utility>

#include "host/error.h"
#include "host/fd.h"
#include "host/file.h"
#include "host/namespaces.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr std::size_t max_arguments = std::size_t{4} << 20U;  // bytes; the kernel's own limit is a quarter of the stack
constexpr std::array<std::string_view, 5> programs = {"dockerd", "containerd", "crio", "podman", "buildkitd"};
constexpr std::array<std::string_view, 5> names = {"docker", "containerd", "crio", "podman", "buildkit"};

// A file of /proc, whole; empty where it cannot be read.
std::string whole(const std::string& path) {
  const host::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 16384> buffer{};
  while (fd && text.size() < max_arguments) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

std::vector<std::string> split_at_nul(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// Where a link of /proc leads; empty, with errno, if it cannot be read.
std::string link_at(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return {target.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string without_suffix(std::string text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.erase(text.size() - suffix.size());
  return text;
}

// Nanoseconds since the epoch at which the process of a stat file (proc_pid_stat(5), field 22) began; 0 if unknown.
std::int64_t start_of(const std::string& stat) {
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return 0;
  constexpr std::int64_t second = 1'000'000'000;
  const auto now = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::int64_t>(time.tv_sec) * second + time.tv_nsec;
  };
  const std::int64_t ticks = std::strtoll(stat.c_str() + at + 1, nullptr, 10);
  return now(CLOCK_REALTIME) - now(CLOCK_BOOTTIME) + ticks * (second / sysconf(_SC_CLK_TCK));
}

uid_t effective_user(const std::string& status) {
  const std::size_t line = status.find("\nUid:");
  if (line == std::string::npos) return 0;
  char* end = nullptr;
  static_cast<void>(std::strtoul(status.c_str() + line + 5, &end, 10));  // the real one
  return static_cast<uid_t>(std::strtoul(end, nullptr, 10));
}

// Whether the process has root's privileges on this host, whoever it runs as.
bool is_privileged(const std::string& folder, const std::string& status) {
  constexpr unsigned long long sys_admin = 1ULL << 21U;  // linux/capability.h, CAP_SYS_ADMIN
  const std::size_t line = status.find("\nCapEff:");
  if (line == std::string::npos || (std::strtoull(status.c_str() + line + 8, nullptr, 16) & sys_admin) == 0)
    return false;
  return host::namespace_at(folder + "/ns/user") == host::own_namespace("user");
}

// Whether what it shares as "the host's" is not ours: an engine in a container.
bool is_contained(const std::string& folder) {
  const auto theirs = host::namespace_at(folder + "/ns/ipc"), ours = host::own_namespace("ipc");
  if (!theirs || !ours || *theirs == *ours) return false;
  struct stat their_shm {
  }, our_shm{};
  if (stat((folder + "/root/dev/shm").c_str(), &their_shm) != 0) return errno == ENOENT;
  return stat("/dev/shm", &our_shm) == 0 && their_shm.st_dev != our_shm.st_dev;
}

// The first bytes of a file, and its size.
struct Glance {
  off_t size = 0;
  std::string begin;
  bool operator==(const Glance&) const = default;
};
Glance glance_at(const std::string& path) {
  const host::Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat stat {};
  if (!fd || fstat(fd.get(), &stat) != 0 || !S_ISREG(stat.st_mode)) return {};
  Glance glance{stat.st_size, std::string(16384, '\0')};
  const ssize_t n = pread(fd.get(), glance.begin.data(), glance.begin.size(), 0);
  glance.begin.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return glance;
}

// The kind of an installed engine that a program is a copy of, whatever its name.
std::optional<Kind> kind_by_content(const std::string& program) {
  static const std::vector<std::pair<Kind, Glance>> installed = [] {
    std::vector<std::pair<Kind, Glance>> found;
    for (std::size_t at = 0; at < programs.size(); ++at)
      for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"})
        if (Glance glance = glance_at(folder + std::string(programs[at])); glance.size > 0)
          found.emplace_back(static_cast<Kind>(at), std::move(glance));
    return found;
  }();
  struct stat stat {};
  if (::stat(program.c_str(), &stat) != 0) return std::nullopt;
  for (const auto& [kind, glance] : installed)
    if (glance.size == stat.st_size && glance == glance_at(program)) return kind;
  return std::nullopt;
}

// The kind of a process by any of the names it has: a program may be many, as k3s is, and a name may be lost.
std::optional<Kind> kind_of_process(const Process& process, const std::string& comm, const std::string& program) {
  std::optional<Kind> kind = kind_of(last_part(process.program));
  if (!kind && !process.arguments.empty()) kind = kind_of(last_part(process.arguments.front()));
  if (!kind) kind = kind_of(comm);
  if (!kind) kind = kind_by_content(program);
  return kind && starts_engine(*kind, process.arguments) ? kind : std::nullopt;
}

}  // namespace

std::string_view name_of(Kind kind) { return names[static_cast<std::size_t>(kind)]; }

std::optional<Kind> kind_of(std::string_view name) {
  constexpr std::string_view old_prefix = "docker-";
  if (name.starts_with(old_prefix)) name.remove_prefix(old_prefix.size());
  for (std::size_t at = 0; at < programs.size(); ++at) {
    if (!name.starts_with(programs[at])) continue;
    const std::string_view rest = name.substr(programs[at].size());
    const bool version = !rest.empty() && rest.find_first_of("0123456789") <= 1;
    if (rest.empty() || version || rest.front() == '.' || rest.front() == '_') return static_cast<Kind>(at);
  }
  return std::nullopt;
}

bool starts_engine(Kind kind, const std::vector<std::string>& arguments) {
  return kind != Kind::podman || std::find(arguments.begin(), arguments.end(), "service") != arguments.end();
}

Processes engine_processes(const std::string& proc) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(proc.c_str()), closedir);
  if (!folder) throw host::Error(host::ErrorKind::unverifiable, proc + " cannot be read: " + host::reason(errno));
  Processes found;
  while (const dirent* entry = readdir(folder.get())) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 0) continue;
    const std::string at = proc + "/" + entry->d_name;
    Process process;
    process.pid = pid;
    process.program = without_suffix(link_at(at + "/exe"), " (deleted)");
    if (process.program.empty() && (errno == EACCES || errno == EPERM)) found.unreadable.push_back(pid);
    process.arguments = split_at_nul(whole(at + "/cmdline"));
    const auto kind = kind_of_process(process, without_suffix(whole(at + "/comm"), "\n"), at + "/exe");
    if (!kind) continue;
    process.kind = *kind;
    const std::string status = whole(at + "/status");
    process.uid = is_privileged(at, status) ? 0 : effective_user(status);
    process.folder = link_at(at + "/cwd");
    for (const std::string& word : split_at_nul(whole(at + "/environ")))
      if (const std::size_t equals = word.find('='); equals != std::string::npos)
        process.environment.emplace(word.substr(0, equals), word.substr(equals + 1));
    process.readable = access((at + "/environ").c_str(), R_OK) == 0 && !process.program.empty();
    process.started = start_of(whole(at + "/stat"));
    process.contained = is_contained(at);
    if (!process.arguments.empty()) found.engines.push_back(std::move(process));  // a zombie has none
  }
  std::sort(found.engines.begin(), found.engines.end(),
            [](const Process& one, const Process& other) { return one.pid < other.pid; });
  return found;
}

std::vector<std::string> flag_values(const std::vector<std::string>& arguments, std::string_view name) {
  std::vector<std::string> values;
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    std::string_view word = arguments[at];
    if (word.size() < 2 || word.front() != '-') continue;
    const bool one_dash = word[1] != '-';
    word.remove_prefix(one_dash ? 1 : 2);
    if (!word.starts_with(name)) continue;
    word.remove_prefix(name.size());
    if (word.empty())
      values.push_back(at + 1 < arguments.size() ? arguments[++at] : std::string());
    else if (word.front() == '=')
      values.emplace_back(word.substr(1));
    else if (one_dash && name.size() == 1 && name.front() >= 'A' && name.front() <= 'Z')
      values.emplace_back(word);
  }
  return values;
}

std::optional<std::string> last_flag(const std::vector<std::string>& arguments, std::string_view name) {
  auto values = flag_values(arguments, name);
  return values.empty() ? std::nullopt : std::optional(std::move(values.back()));
}

std::string absolute(const std::string& path, const std::string& folder) {
  return path.starts_with('/') ? path : folder + (folder.ends_with('/') ? "" : "/") + path;
}

}  // namespace engines
