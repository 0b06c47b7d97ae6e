// What `ipcguard configure` is to do to one engine: which files it edits and how the engine takes them up. Each engine
// makes one of these (docker.h, crio.h, podman.h); configure.h carries it out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace engines {

// What was asked for.
struct Wish {
  std::string name = "ipcguard";  // what the engine's users are to say
  std::string shim;               // absolute path
  bool make_default = false;
  bool remove = false;  // the opposite: take it out again
  std::string config;   // the engine's file, absolute; empty: the one that it reads
  std::string root;     // stands before every absolute path: empty, or a folder of a test's

  std::string at(const std::string& path) const { return root + path; }
};

// A file's bytes; none: it is not there.
using Text = std::optional<std::string>;

// How one file is edited. Both functions leave alone what is not ours, byte for byte, and return what they were given
// where there is nothing to do. They throw Error (invalid_config), with file, line and column, where they do not
// understand it.
struct Edit {
  std::string path;
  // With what was asked for in it.
  std::function<Text(const Text& now)> put;
  // Without anything that leads to the shim. Where we had taken the place of something, that comes back from
  // `original`, the file as it was before us; it is empty where that is not known.
  std::function<Text(const Text& now, const Text& original)> take;
};

struct Change {
  std::string path;
  Text before, after;
};
using Changes = std::vector<Change>;  // those files that differ, in the order of the plan

// Lines for the operator: what was done, and what is left for him to do.
using Notes = std::vector<std::string>;

// For engines that take up runtimes only when they start.
inline Notes restart_is_due(const std::string& engine, const std::string& unit) {
  return {engine + " goes by it once it starts anew, while containers keep running: systemctl restart " + unit};
}

struct Plan {
  std::string engine;       // "docker": also the name of the folder that the record is in
  std::string config;       // where the wish's file turned out to be, kept for taking it back; may be empty
  std::vector<Edit> edits;  // written in this order, and taken back in the reverse one
  Notes remarks;            // that are due whatever has to be changed
  // Asks the engine's own checker before anything is written; throws Error where it does not accept the files. May be
  // empty, as may the others.
  std::function<void(const Changes&)> accept;
  // Makes the running engine go by the files once what was asked for is in them, without a restart. It is also called
  // where no file had to be `changed` now, since an earlier run may have broken off.
  std::function<Notes(bool changed)> after_put;
  // Before files are taken back, with all of them, changed or not: for engines that do not forget what is gone from a
  // file. `write` replaces a file as the change itself does, so that breaking off in between can be repaired.
  using Write = std::function<void(const std::string& path, const std::string& text)>;
  std::function<Notes(const Changes&, const Write& write)> before_take;
  // The same as after_put once the files are without us.
  std::function<Notes(bool changed)> after_take;
};

}  // namespace engines
