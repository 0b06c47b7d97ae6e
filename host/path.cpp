#include "host/path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

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

// Where a link leads: readlinkat(2), for which an empty name is `folder` itself.
std::string read_link(int folder, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(folder, name.c_str(), target, sizeof target);
  return {target, static_cast<std::size_t>(size > 0 ? size : 0)};
}

// One walk from the root to the end of a path.
class Walk {
 public:
  Walk(const std::string& path, Links links) : path_(path), links_(links), todo_(names_reversed(path)) { restart(); }

  std::optional<Place> to_the_end() {
    while (!todo_.empty()) {
      const std::string name = todo_.back();
      todo_.pop_back();
      if (name == ".") continue;
      const bool to_namespace = todo_.empty() && is_namespace_folder(way_) && on_proc(here_.get());
      Fd next = open_next(name, to_namespace);
      if (!next) return std::nullopt;
      struct stat stat {};
      if (fstat(next.get(), &stat) != 0) throw unopened();
      if (S_ISLNK(stat.st_mode)) {
        if (++followed_ > max_links) throw fail(ErrorKind::unverifiable, reason(ELOOP));
        if (on_proc(here_.get()) && follow_in_proc(name)) {
          if (own_) return Place{Fd(), path_, true, rest()};
          if (!here_) return std::nullopt;
          continue;
        }
        const std::string target = read_link(next.get(), "");
        if (target.empty()) throw unopened();
        follow_link(target);
        continue;
      }
      if (name != "..")
        way_.push_back(name);
      else if (!way_.empty())
        way_.pop_back();
      here_ = std::move(next);
    }
    return Place{std::move(here_), "/" + joined(way_), false, {}};
  }

 private:
  Error fail(ErrorKind kind, const std::string& why) const { return {kind, quoted(path_) + ": " + why}; }
  Error unopened() const { return fail(ErrorKind::unverifiable, "it cannot be opened: " + reason(errno)); }
  Error changes_hands(const std::string& name) const {
    return fail(ErrorKind::ambiguous_config, "it leads through a process's own files (" + quoted(name) +
                                                 "), which are others for the runtime: name the file itself");
  }

  void restart() {
    here_ = Fd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    way_.clear();
  }

  // Empty if there is none.
  Fd open_next(const std::string& name, bool through_link) const {
    Fd next(openat(here_.get(), name.c_str(), O_PATH | O_CLOEXEC | (through_link ? 0 : O_NOFOLLOW)));
    if (!next && in_own_folder()) throw changes_hands(name);  // what we have not the runtime may have
    if (!next && errno != ENOENT) throw unopened();
    return next;
  }

  // Whether the walk is in what /proc has of ourselves, which the runtime finds to be another's.
  bool in_own_folder() const {
    return std::find(way_.begin(), way_.end(), std::to_string(getpid())) != way_.end() && on_proc(here_.get());
  }

  void follow_link(const std::string& target) {
    if (target.starts_with('/')) restart();
    for (std::string& part : names_reversed(target)) todo_.push_back(std::move(part));
  }

  std::string rest() const {
    std::vector<std::string> names(todo_.rbegin(), todo_.rend());
    return joined(names);
  }

  // A link in a proc file system. False if it is followed like any other; else it was dealt with here.
  bool follow_in_proc(const std::string& name) {
    if (name == "self" || name == "thread-self") {
      if (links_ == Links::namespaces) return own_ = true;
      const std::string next = todo_.empty() ? std::string() : todo_.back();
      if (next == "fd" || next == "cwd" || next == "map_files" || next == "task")
        throw changes_hands(name + "/" + next);
      return false;
    }
    if (name == "mounts" || name == "net") return false;  // to self/mounts and self/net
    const bool same_for_both = name == "root" || name == "exe";
    if (links_ == Links::namespaces || (in_own_folder() && !same_for_both)) throw changes_hands(name);
    here_ = open_next(name, true);
    if (!here_) return true;
    way_ = names_reversed(path_of(here_.get()));
    std::reverse(way_.begin(), way_.end());
    return true;
  }

  const std::string& path_;
  Links links_;
  std::vector<std::string> todo_;  // still to follow, the next one last
  std::vector<std::string> way_;   // followed, without links
  Fd here_;
  int followed_ = 0;  // links
  bool own_ = false;
};

// Most paths need no walk: they lead past no magic link, and not into /proc. nullopt where one might, where there is
// nothing, or where the kernel is older than 5.6.
std::optional<Place> follow_plainly(const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  Fd fd(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
  if (!fd || on_proc(fd.get())) return std::nullopt;
  return Place{std::move(fd), {}, false, {}};
}

}  // namespace

std::optional<Place> follow(const std::string& path, Links links) {
  if (path.empty() || path.front() != '/')
    throw Error(ErrorKind::ambiguous_config,
                quoted(path) + ": runtimes take a relative path from different folders: give an absolute one");
  if (path.size() >= PATH_MAX) throw Error(ErrorKind::unverifiable, quoted(path) + ": " + reason(ENAMETOOLONG));
  if (auto place = follow_plainly(path)) return place;
  return Walk(path, links).to_the_end();
}

std::string Place::path() const {
  std::string path = walked.empty() ? path_of(fd.get()) : walked;
  if (path.empty()) throw Error(ErrorKind::unverifiable, "its path is longer than the kernel tells");
  return path;
}

std::string path_of(int fd) { return read_link(AT_FDCWD, "/proc/self/fd/" + std::to_string(fd)); }

}  // namespace host
