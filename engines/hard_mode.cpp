#include "engines/hard_mode.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <utility>

#include "engines/files.h"
#include "engines/program.h"
#include "engines/runtime_name.h"
#include "host/engine.h"
#include "host/error.h"
#include "host/hard_mode.h"
#include "host/shim_note.h"
#include "host/text.h"

namespace engines {

namespace {

host::Error fault(const std::string& path, const std::string& what) {
  return {host::ErrorKind::unverifiable, path + ": " + what};
}

bool there(const std::string& path) {
  struct stat stat {};
  return lstat(path.c_str(), &stat) == 0;
}

bool same_file(const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return lstat(one.c_str(), &a) == 0 && lstat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::string new_name(const std::string& path) { return path + ".ipcguard-new"; }

void rename_file(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) throw fault(to, "it cannot be replaced: " + host::reason(errno));
  sync_folder(to.substr(0, to.rfind('/')));
}

// Gives the file `from` the name `to` as well, in one step, whatever had that name.
void link_file(const std::string& from, const std::string& to) {
  const std::string beside = new_name(to);
  unlink(beside.c_str());  // of a run that broke off
  if (link(from.c_str(), beside.c_str()) != 0)
    throw fault(from, "it cannot be kept as " + to + ": " + host::reason(errno));
  rename_file(beside, to);
}

// --- dpkg ---

void run_dpkg_divert(const std::string& path, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"dpkg-divert", "--quiet", "--local", "--no-rename"});
  const Ended ended = run(arguments);
  if (ended.status != 0)
    throw fault(path, "dpkg-divert failed, so run this again before the next upgrade: " +
                          host::printable(ended.output.substr(0, ended.output.find('\n'))));
}

// Where dpkg would put the file `path` of a package: elsewhere if it is diverted.
std::string dpkg_place(const std::string& path) {
  if (program_on_path("dpkg-divert").empty()) return path;
  const Ended ended = run({"dpkg-divert", "--truename", path}, false);
  return ended.status == 0 && !ended.output.empty() ? ended.output.substr(0, ended.output.find('\n')) : path;
}

bool owned_by_dpkg(const std::string& path) {
  return !program_on_path("dpkg-divert").empty() && run({"dpkg-query", "--search", path}).status == 0;
}

// Throws Error if what is at `path` could not be run from beside it.
void require_runtime(const std::string& path) {
  struct stat stat {};
  if (lstat(path.c_str(), &stat) != 0) throw fault(path, "there is no runtime: " + host::reason(errno));
  if (const std::string why = host::fault_of_kept(stat); !why.empty()) throw fault(path, why);
  if (host::is_shim(path)) throw fault(path, "it is the shim: put the runtime there");
}

}  // namespace

bool upgrade_undoes(const std::string& path) { return dpkg_place(path) == path && owned_by_dpkg(path); }

HardMode::HardMode(std::string shim, bool dry_run)
    : shim_(std::move(shim)), list_(host::hardened_list), dry_run_(dry_run) {
  if (!dry_run_) {
    const std::string folder = list_.substr(0, list_.rfind('/'));
    make_folders(folder);
    lock_ = host::Fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock_ || flock(lock_.get(), LOCK_EX) != 0) throw fault(folder, "it cannot be locked: " + host::reason(errno));
  }
  std::istringstream lines(read_text(list_).value_or(""));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('/')) recorded_.push_back(line);
}

std::vector<std::string> HardMode::paths() const {
  std::vector<std::string> paths = recorded_;
  for (const char* name : {"runc", "crun"})
    for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"}) {
      const std::string path = host::without_links(std::string(folder) + name);
      if (!path.empty() && std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
    }
  return paths;
}

template <class Action>
void HardMode::step(const std::string& note, const Action& action) {
  if (!dry_run_) action();
  notes_.push_back(note);
}

void HardMode::remember(const std::string& path, bool hardened) {
  const auto found = std::find(recorded_.begin(), recorded_.end(), path);
  if (dry_run_ || (found != recorded_.end()) == hardened) return;
  if (hardened)
    recorded_.push_back(path);
  else
    recorded_.erase(found);
  std::string text;
  for (const std::string& one : recorded_) text += one + "\n";
  if (text.empty())
    remove_file(list_);
  else
    replace_file(list_, text);
}

Notes HardMode::put(const std::string& path) {
  notes_.clear();
  const std::string at = resolved(path), kept = host::kept_path(at);
  if (at.find('\n') != std::string::npos) throw fault(host::quoted(at), "a path with a line break cannot be recorded");
  if (at.ends_with(host::kept_suffix)) throw fault(at, "this is where a runtime is kept: name the place beside it");
  const bool copied = host::is_shim(at);
  if (copied && !there(kept))
    throw fault(at, "the shim is there, but no runtime beside it as " + kept +
                        ": install the runtime again, or give the place up with --remove");
  require_runtime(there(kept) && (copied || !there(at)) ? kept : at);
  const std::string place = dpkg_place(at);
  if (place != at && place != kept) throw fault(at, "dpkg already diverts it to " + place);
  if (!copied && !there(kept) && !sounds_like_runtime(at.substr(at.rfind('/') + 1)))
    throw fault(at, "it is not called like an OCI runtime (runc, crun, youki), and the shim would answer in its place");

  remember(at, true);
  // First the kept one and then the copy: whatever breaks off, there is something to run.
  if (!copied && !there(at)) {
    step("put " + kept + " back to " + at, [&] { link_file(kept, at); });
  } else if (!copied && !same_file(at, kept)) {
    step("kept " + at + " as " + kept, [&] { link_file(at, kept); });
  }
  const Text shim = read_text(shim_);
  if (!shim) throw fault(shim_, host::reason(ENOENT));
  if (read_text(at) != shim) step("put the shim at " + at, [&] { replace_file(at, *shim); });
  // The diversion last: should dpkg put a new runtime there before, the next run takes it for the one to keep.
  if (place == at && owned_by_dpkg(at))
    step("diverted upgrades of " + at + " to " + kept, [&] { run_dpkg_divert(at, {"--divert", kept, "--add", at}); });
  return std::exchange(notes_, {});
}

Notes HardMode::take(const std::string& path) {
  notes_.clear();
  const std::string at = resolved(path), kept = host::kept_path(at);
  const bool diverted = dpkg_place(at) == kept;
  const bool recorded = std::find(recorded_.begin(), recorded_.end(), at) != recorded_.end();
  if (!diverted && !recorded && !there(kept)) return {};
  // The diversion first: dpkg may then put a new runtime in its place, which stays.
  if (diverted) step("ended the diversion of " + at, [&] { run_dpkg_divert(at, {"--remove", at}); });
  const bool ours = host::is_shim(at);
  if (there(kept) && (ours || !there(at))) {
    step("put " + kept + " back to " + at, [&] { rename_file(kept, at); });
  } else if (there(kept)) {
    step("removed " + kept + ", since there is a runtime at " + at, [&] { remove_file(kept); });
  } else if (ours) {
    step("removed the shim from " + at + ", since its runtime is gone", [&] { remove_file(at); });
  }
  if (!dry_run_)
    for (const std::string& name : {at, kept}) unlink(new_name(name).c_str());
  remember(at, false);
  return std::exchange(notes_, {});
}

}  // namespace engines
