#include "engines/containerd.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "engines/containerd_dump.h"
#include "engines/containerd_engine.h"
#include "engines/containerd_generated.h"
#include "engines/files.h"
#include "engines/program.h"
#include "host/error.h"
#include "host/text.h"
#include "shim/policy.h"

namespace engines {

namespace {

constexpr const char* drop_in_name = "zz-ipcguard.toml";  // late among those of its folder

host::Error error(const std::string& message) { return {host::ErrorKind::invalid_config, message}; }

// Our own file under containerd 2.x, and the import that leads to it.
struct DropIn {
  std::string path;
  std::string import;  // to be added; empty: it is imported already
};

// In the last folder that is imported whole. Else in conf.d, but with an import that leads to nothing else there, and
// that may lead to nothing.
DropIn drop_in_of(const ContainerdFile& main) {
  const std::filesystem::path folder = std::filesystem::path(main.path).parent_path();
  DropIn drop_in{(folder / "conf.d" / drop_in_name).string(), (folder / "conf.d" / "zz-ipcguard*.toml").string()};
  for (const std::string& import : containerd_outline(main).imports) {
    const std::filesystem::path path = (folder / import).lexically_normal();
    if (import == drop_in.import || path.parent_path().string().find_first_of("*?[\\") != std::string::npos) continue;
    if (path.string().find('*') != std::string::npos && fnmatch(path.filename().c_str(), drop_in_name, 0) == 0)
      drop_in = {(path.parent_path() / drop_in_name).string(), {}};
  }
  return drop_in;
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat one {
  }, other{};
  return stat(a.c_str(), &one) == 0 && stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

// What containerd is to call so that `runtime`, which it calls now, comes to run: the shim, by the name under which its
// settings have that runtime.
std::string shim_before(const std::string& runtime, const Wish& wish) {
  const std::string path = runtime.starts_with('/') ? wish.at(runtime) : program_on_path(runtime);
  if (same_file(path, wish.at(wish.shim))) return runtime;  // somebody put the shim there already
  const std::string settings_path = wish.at(config::settings_path);
  const shim::Policy policy(settings_path, wish.at(config::allowlist_path),
                            wish.root.empty() ? host::Owner::root : host::Owner::root_or_caller);
  const auto& runtimes = policy.settings().runtimes;
  const auto found = std::find_if(runtimes.begin(), runtimes.end(),
                                  [&](const auto& one) { return same_file(wish.at(one.second), path); });
  const std::string name = std::filesystem::path(runtime).filename().string();
  if (found == runtimes.end())
    throw error("containerd's default runtime runs " + host::quoted(runtime) + ", which the shim would not: add " +
                toml_string(name) + ": " + toml_string(path.empty() ? runtime : path) + " to \"runtimes\" in " +
                settings_path + ", make the link: ln -s ipcguard-runtime " + wish.shim + "." + name +
                ", and run this again");
  if (found->first == "default") return wish.shim;
  const std::string link = wish.shim + "." + found->first;
  if (!same_file(wish.at(link), wish.at(wish.shim)))
    throw error("containerd's default runtime runs " + host::quoted(runtime) +
                ", and the link that leads there is missing: ln -s ipcguard-runtime " + link + ", and run this again");
  return link;
}

// How the files are to be, and what is needed to ask containerd whether they are right.
struct Planned {
  ContainerdEngine engine;
  std::string dump;  // of the files without what is ours
  std::string binary;
  std::map<std::string, std::string> texts;  // by path
};

// The version that counts for all files; 0 where they say nothing at all.
int version_of(const ContainerdFiles& files, int major) {
  std::set<int> versions;
  bool blank = true;
  for (const ContainerdFile& file : files) {
    const ContainerdOutline outline = containerd_outline(file);
    if (outline.version != 0) versions.insert(outline.version);
    blank = blank && outline.blank;
  }
  if (versions.size() > 1)
    throw error("the files of containerd's configuration are of different versions (" +
                std::to_string(*versions.begin()) + " and " + std::to_string(*versions.rbegin()) +
                "), which releases of containerd read in different ways; make them one version first");
  const int version = !versions.empty() ? *versions.begin() : blank ? 0 : 1;
  if (major >= 2 && version == 1)
    throw error(
        files[0].path +
        " is of version 1, which containerd 2 only converts; make it a newer one first: containerd config migrate");
  if (major == 1 && version > 2)
    throw error(files[0].path + " is of version " + std::to_string(version) + ", and containerd 1 knows 1 and 2");
  return version;
}

Planned planned(const Wish& wish, const std::string& config, const DropIn& drop_in) {
  const auto engine = containerd_engine(config);
  if (!engine) throw error("there is no containerd on this host: no program containerd is on the PATH");
  Planned plan;
  plan.engine = *engine;
  ContainerdFiles files;
  for (ContainerdFile& file : containerd_files(config, wish.root)) {
    file.text = without_ours(file, wish.name, wish.shim, drop_in.import);
    if (file.path != drop_in.path || !file.text.empty()) files.push_back(std::move(file));
  }
  plan.dump = containerd_dump(plan.engine, files);
  int version = version_of(files, plan.engine.major);
  if (version == 0) version = containerd_newest_version(plan.dump);
  const std::string plugin = containerd_cri_plugin(version);

  const Registrations runtimes = containerd_runtimes(plan.dump);
  if (runtimes.empty())
    throw error("containerd's CRI plugin is disabled (disabled_plugins in " + config +
                "), so that nothing asks it for a runtime by name. For Docker: ipcguard configure docker. For "
                "Kubernetes, take it out of that list first");
  const Registration* const now = default_of(runtimes);
  if (now == nullptr)
    throw error(
        "containerd's default_runtime_name is none of its runtimes, so that its CRI plugin does not start; mend " +
        config + " first");
  for (const Registration& runtime : runtimes)
    if (runtime.name == wish.name)
      throw error("containerd has a runtime " + host::quoted(wish.name) + " already, which runs " +
                  host::quoted(runtime.path) + "; choose another with --runtime-name");
  // That it is a runc is said before what is wrong with its path.
  containerd_runtime_tables(plan.dump, now->name, plugin, wish.name, wish.shim);
  plan.binary = shim_before(now->path, wish);
  std::string tables = containerd_runtime_tables(plan.dump, now->name, plugin, wish.name, plan.binary);
  const std::string as_default = wish.make_default ? wish.name : "";

  if (plan.engine.major >= 2) {
    if (!drop_in.import.empty()) plan.texts[config] = with_import(files[0], drop_in.import, version);
    plan.texts[drop_in.path] = with_runtimes({drop_in.path, ""}, plugin, tables, as_default, version);
    return plan;
  }
  const ContainerdFile* target = &files[0];
  for (const ContainerdFile& file : files) {
    const auto sections = containerd_outline(file).plugins;
    if (std::find(sections.begin(), sections.end(), plugin) != sections.end()) target = &file;
  }
  // The built-in one is gone once any runtime stands in the file.
  const bool has_runc =
      std::any_of(runtimes.begin(), runtimes.end(), [](const Registration& one) { return one.name == "runc"; });
  if (has_runc && !has_containerd_runtime(*target, "runc"))
    tables = containerd_runtime_tables(plan.dump, "runc", plugin, "runc", "") + "\n" + tables;
  plan.texts[target->path] = with_runtimes(*target, plugin, tables, as_default, version);
  return plan;
}

// Before what is ours is taken out: containerd must start without it.
void accept_without(const std::string& config, const Wish& wish, const Changes& changes) {
  const auto engine = containerd_engine(config);
  if (!engine || containerd_dump(*engine, config).empty()) return;  // it does not start as it is either
  const Registrations left =
      containerd_runtimes(containerd_dump(*engine, containerd_files(config, wish.root, changes)));
  if (!left.empty() && default_of(left) == nullptr)
    throw error(
        "without ipcguard, containerd's default_runtime_name would be none of its runtimes, and its CRI plugin would "
        "not start; name another one first");
}

Notes reloaded(const Wish& wish, const std::string& config, const std::optional<Planned>& plan,
               const Changes& changes) {
  Notes notes;
  if (wish.root.empty() && plan) {
    const Registrations runtimes = containerd_runtimes(containerd_dump(plan->engine, config));
    if (std::none_of(runtimes.begin(), runtimes.end(),
                     [&](const Registration& one) { return one.name == wish.name && one.path == plan->binary; }))
      throw error("containerd does not find the runtime " + host::quoted(wish.name) + " in " + config +
                  "; take it back with --remove, and report this");
  }
  if (!changes.empty())
    notes.push_back(
        "containerd takes it up when it starts anew, while containers keep running: systemctl restart containerd");
  if (plan && !wish.make_default)
    notes.push_back("pods ask for it by a RuntimeClass with the handler " + host::quoted(wish.name) +
                    "; --default makes it everybody's");
  return notes;
}

}  // namespace

Registrations containerd_registrations(const std::string& root) {
  const std::string config = containerd_config(root);
  const auto engine = containerd_engine(config);
  if (!engine) return {};
  const ContainerdFiles files = containerd_files(config, root);
  Registrations runtimes = containerd_runtimes(containerd_dump(*engine, files));
  for (Registration& runtime : runtimes) {
    runtime.where = "built in";
    for (const ContainerdFile& file : files)
      if (has_containerd_runtime(file, runtime.name)) runtime.where = file.path;
  }
  return runtimes;
}

Plan containerd_plan(const Wish& wish) {
  const std::string config = wish.config.empty() ? containerd_config(wish.root) : wish.config;
  const ContainerdFiles files = containerd_files(config, wish.root);
  for (const ContainerdFile& file : files)
    if (is_generated(file)) throw error(advice_on_generated(file, wish.name, wish.shim));
  const DropIn drop_in = drop_in_of(files[0]);

  Plan plan;
  plan.engine = "containerd";
  plan.config = config;
  // Worked out for all files together, when the first is to be written.
  const auto planned_once = std::make_shared<std::optional<Planned>>();
  const auto edit = [&](const std::string& path) {
    plan.edits.push_back({wish.at(path),
                          [=](const Text& now) -> Text {
                            if (!*planned_once) *planned_once = planned(wish, config, drop_in);
                            const auto text = (*planned_once)->texts.find(path);
                            return text == (*planned_once)->texts.end() ? now : text->second;
                          },
                          [=](const Text& now, const Text& original) -> Text {
                            if (!now) return now;
                            std::string text = without_ours({path, *now}, wish.name, wish.shim, drop_in.import);
                            const bool nothing_left = text.empty() && !now->empty();
                            return nothing_left && (!original || path == drop_in.path) ? std::nullopt
                                                                                       : Text(std::move(text));
                          }});
  };
  edit(drop_in.path);  // before what imports it
  for (const ContainerdFile& file : files)
    if (file.path != drop_in.path) edit(file.path);
  plan.accept = [=](const Changes& changes) {
    if (!*planned_once) return accept_without(config, wish, changes);
    const std::string after = containerd_dump((*planned_once)->engine, containerd_files(config, wish.root, changes));
    check_containerd_change((*planned_once)->dump, after, wish.name, (*planned_once)->binary, wish.make_default);
  };
  plan.after_put = [=] { return reloaded(wish, config, *planned_once, {}); };
  return plan;
}

}  // namespace engines
