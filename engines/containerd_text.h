// The files of containerd's configuration as texts: what stands in them, and edits that leave every other byte alone.
// The rules are those of containerd's cmd/containerd/server/config/config.go (services/server/config in 1.x).
//
// Every function throws Error (invalid_config), with file, line and column, where a text is not TOML, and where an edit
// would not give just what it was meant to.
#pragma once

#include <string>
#include <vector>

namespace engines {

struct ContainerdFile {
  std::string path;  // as containerd knows it
  std::string text;
};
using ContainerdFiles = std::vector<ContainerdFile>;  // in the order in which containerd merges them

struct ContainerdOutline {
  int version = 0;                   // 0: the file has none
  std::vector<std::string> imports;  // as they stand there
  bool blank = true;                 // nothing but comments
  std::vector<std::string> plugins;  // the names of their sections
  std::string default_runtime;       // default_runtime_name of the CRI's; empty: it is not there
};
ContainerdOutline containerd_outline(const ContainerdFile& file);

// The plugin that has the CRI's runtimes, by the configuration's version (1 to 4). Throws for any other.
std::string containerd_cri_plugin(int version);

// The text with just these imports; `imports` that do not stand there are not added where the list is empty.
std::string with_imports(const ContainerdFile& file, const std::vector<std::string>& imports);

// The text with one import more, at the end of its list; a blank one also gets the version.
std::string with_import(const ContainerdFile& file, const std::string& import, int version);

// The text with `tables` at its end, between comments that say whose they are, and with
// plugins."PLUGIN".containerd.default_runtime_name where `default_runtime` is not empty. A blank one also gets the
// version.
std::string with_runtimes(const ContainerdFile& file, const std::string& plugin, const std::string& tables,
                          const std::string& default_runtime, int version);

// Whether the runtime `name` stands in it, under any version's plugin.
bool has_containerd_runtime(const ContainerdFile& file, const std::string& name);

// The text without what the functions above put there, and without a runtime `name` that runs the shim, or
// PATH-OF-SHIM.NAME, even if another tool has rewritten the file and dropped the comments.
std::string without_ours(const ContainerdFile& file, const std::string& name, const std::string& shim,
                         const std::string& import);

// A key as it stands in TOML: quoted where it must be.
std::string toml_key(const std::string& key);
std::string toml_string(const std::string& text);

}  // namespace engines
