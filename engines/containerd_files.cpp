// Which files containerd reads, and what it makes of them.
#include <dirent.h>
#include <fnmatch.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <set>

#include "engines/containerd.h"
#include "engines/containerd_engine.h"
#include "engines/files.h"
#include "engines/program.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

host::Error error(const std::string& message) { return {host::ErrorKind::invalid_config, message}; }

// The host's files as they would be after changes.
class Files {
 public:
  Files(const std::string& root, const Changes& changes) : root_(root), changes_(changes) {}

  Text read(const std::string& path) const {
    const std::string real = resolved(root_ + path);
    for (const Change& change : changes_)
      if (change.path == real) return change.after;
    return read_text(real);
  }

  // As Go's filepath.Glob: in order, names that begin with a dot among them.
  std::vector<std::string> matching(const std::filesystem::path& pattern) const {
    std::vector<std::string> paths = {""};
    for (const std::filesystem::path& part : pattern.relative_path()) {
      std::vector<std::string> next;
      for (const std::string& path : paths)
        if (part.string().find_first_of("*?[\\") == std::string::npos)
          next.push_back(path + "/" + part.string());
        else
          for (const std::string& name : names_in(path))
            if (fnmatch(part.c_str(), name.c_str(), 0) == 0) next.push_back(path + "/" + name);
      paths = std::move(next);
    }
    paths.erase(std::remove_if(paths.begin(), paths.end(), [&](const std::string& path) { return !read(path); }),
                paths.end());
    return paths;
  }

 private:
  std::set<std::string> names_in(const std::string& path) const {
    std::set<std::string> names;
    const std::string folder = resolved(root_ + (path.empty() ? "/" : path));
    const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), closedir);
    while (const dirent* const entry = open ? readdir(open.get()) : nullptr)
      if (const std::string name = entry->d_name; name != "." && name != "..") names.insert(name);
    for (const Change& change : changes_)
      if (const std::filesystem::path changed(change.path); changed.parent_path() == folder)
        names.insert(changed.filename());
    return names;
  }

  const std::string& root_;
  const Changes& changes_;
};

// Those that a file at `parent` imports, as resolveImports has it.
std::vector<std::string> resolved_imports(const std::string& parent, const std::vector<std::string>& imports,
                                          const Files& on_disk) {
  std::vector<std::string> paths;
  for (const std::string& import : imports) {
    const auto path = (std::filesystem::path(parent).parent_path() / import).lexically_normal();
    if (path.string().find('*') == std::string::npos)
      paths.push_back(path.string());
    else
      for (std::string& match : on_disk.matching(path)) paths.push_back(std::move(match));
  }
  return paths;
}

// A folder that goes with it.
class Scratch {
 public:
  Scratch() : path_("/tmp/ipcguard-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr)
      throw host::Error(host::ErrorKind::unverifiable, "no folder can be made in /tmp: " + host::reason(errno));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

}  // namespace

ContainerdFiles containerd_files(const std::string& path, const std::string& root, const Changes& changes) {
  const Files on_disk(root, changes);
  ContainerdFiles files;
  std::set<std::string> loaded;
  for (std::deque<std::string> pending = {path}; !pending.empty(); pending.pop_front()) {
    const std::string next = pending.front();
    if (!loaded.insert(next).second) continue;
    const Text text = on_disk.read(next);
    if (!text && !files.empty())
      throw error(next +
                  " is imported and is not there; containerd does not start until it is, or the import is taken out");
    files.push_back({next, text.value_or("")});
    for (std::string& import : resolved_imports(next, containerd_outline(files.back()).imports, on_disk))
      pending.push_back(std::move(import));
  }
  return files;
}

std::string containerd_dump(const ContainerdEngine& engine, const ContainerdFiles& files) {
  // The same files in the same order, but in a folder of ours, so that any can be asked about before it is in its
  // place.
  const Scratch scratch;
  std::vector<std::string> copies;
  for (std::size_t i = 0; i < files.size(); ++i) copies.push_back(scratch.path() + "/" + std::to_string(i) + ".toml");
  for (std::size_t i = files.size(); i-- > 0;)
    replace_file(copies[i], with_imports(files[i], i > 0 ? std::vector<std::string>{}
                                                         : std::vector(copies.begin() + 1, copies.end())));
  std::vector<std::string> command = {engine.program, "--config", copies[0], "config",
                                      engine.major >= 2 ? "migrate" : "dump"};
  Ended ended = run(command, false);
  if (ended.status == 0) return ended.output;
  ended = run(command);
  for (std::size_t i = files.size(); i-- > 0;) replace_all(ended.output, copies[i], files[i].path);
  while (ended.output.ends_with('\n')) ended.output.pop_back();
  throw error("containerd does not accept its configuration (" + files[0].path +
              "): " + host::printable(ended.output, 2048));
}

std::string containerd_dump(const ContainerdEngine& engine, const std::string& path) {
  const Ended ended = run({engine.program, "--config", path, "config", engine.major >= 2 ? "migrate" : "dump"}, false);
  return ended.status == 0 ? ended.output : std::string();
}

}  // namespace engines
