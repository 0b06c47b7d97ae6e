#include "host/path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "host/error.h"
#include "host/text.h"

namespace host {

namespace {

constexpr int max_links = 40;  // as the kernel's MAXSYMLINKS

// The names in `path`, last first, so that the next one is at the back.
std::vector<std::string> names_reversed(const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) names.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  std::reverse(names.begin(), names.end());
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : "/") + name;
  return out;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether `way` is a process's namespace folder in a proc file system: …/PID/ns or …/PID/task/TID/ns.
bool is_namespace_folder(const std::vector<std::string>& way) {
  const std::size_t n = way.size();
  return n >= 2 && way[n - 1] == "ns" && is_number(way[n - 2]);
}

bool on_proc(int folder) {
  struct statfs where {};
  return fstatfs(folder, &where) == 0 && where.f_type == PROC_SUPER_MAGIC;
}

// Where the link opened as `link` leads.
std::string read_link(int link) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = readlinkat(link, "", target.data(), target.size());
  target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return target;
}

}  // namespace

Place follow(const std::string& path) {
  const auto fail = [&](ErrorKind kind, const std::string& why) { return Error(kind, quoted(path) + ": " + why); };
  if (path.empty() || path.front() != '/')
    throw fail(ErrorKind::ambiguous_config,
               "runtimes take a relative path from different folders: give an absolute one");
  if (path.size() >= PATH_MAX) throw fail(ErrorKind::unverifiable, reason(ENAMETOOLONG));

  std::vector<std::string> todo = names_reversed(path);  // still to follow
  std::vector<std::string> way;                          // followed, without links
  Fd here(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  int links = 0;
  while (!todo.empty()) {
    const std::string name = todo.back();
    todo.pop_back();
    if (name == ".") continue;
    const bool magic = todo.empty() && is_namespace_folder(way) && on_proc(here.get());
    Fd next(openat(here.get(), name.c_str(), O_PATH | O_CLOEXEC | (magic ? 0 : O_NOFOLLOW)));
    struct stat stat {};
    if (!next || fstat(next.get(), &stat) != 0)
      throw fail(ErrorKind::unverifiable, "it cannot be opened: " + reason(errno));
    if (name == "..") {
      if (!way.empty()) way.pop_back();
    } else if (S_ISLNK(stat.st_mode)) {
      if (++links > max_links) throw fail(ErrorKind::unverifiable, reason(ELOOP));
      if (on_proc(here.get())) {
        if (name == "self" || name == "thread-self") {
          std::reverse(todo.begin(), todo.end());
          return {Fd(), path, true, joined(todo)};
        }
        // What else is a link in /proc is one process's own, but for /proc/mounts and /proc/net, which lead to self.
        if (name != "mounts" && name != "net")
          throw fail(ErrorKind::ambiguous_config, "it leads through a process's own files (" + quoted(name) +
                                                      "), which are others for the runtime: name the file itself");
      }
      const std::string target = read_link(next.get());
      if (!target.empty() && target.front() == '/') {
        here = Fd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        way.clear();
      }
      for (std::string& part : names_reversed(target)) todo.push_back(std::move(part));
      continue;
    } else {
      way.push_back(name);
    }
    here = std::move(next);
  }
  return {std::move(here), "/" + joined(way), false, {}};
}

}  // namespace host
