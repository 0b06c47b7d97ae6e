#include "engines/containerd.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "engines/behind.h"
#include "engines/containerd_dump.h"
#include "engines/containerd_engine.h"
#include "engines/containerd_generated.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr const char* drop_in_name = "zz-ipcguard.toml";  // late among those of its folder

host::Error error(const std::string& message) { return {host::ErrorKind::invalid_config, message}; }

// Our own file under containerd 2.x, and the import that leads to it.
struct DropIn {
  std::string path;
  std::string import;
  bool is_imported = false;  // by another import
};

// In the last folder that is imported whole. Else in conf.d, but with an import that leads to nothing else there, and
// that may lead to nothing.
DropIn drop_in_of(const ContainerdFile& main) {
  const std::filesystem::path folder = std::filesystem::path(main.path).parent_path();
  DropIn drop_in{(folder / "conf.d" / drop_in_name).string(), (folder / "conf.d" / "zz-ipcguard*.toml").string(),
                 false};
  for (const std::string& import : containerd_outline(main).imports) {
    const std::filesystem::path path = (folder / import).lexically_normal();
    if (import == drop_in.import || path.parent_path().string().find_first_of("*?[\\") != std::string::npos) continue;
    if (path.string().find('*') != std::string::npos && fnmatch(path.filename().c_str(), drop_in_name, 0) == 0)
      drop_in = {(path.parent_path() / drop_in_name).string(), drop_in.import, true};
  }
  return drop_in;
}

// How the files are to be, and what is needed to ask containerd whether they are right.
struct Planned {
  ContainerdEngine engine;
  std::string dump;  // of the files without what is ours
  std::string binary;
  bool as_default = false;
  Notes notes;
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

// containerd may find other files than we do: 1.6 counts a pattern that is not absolute from where it was started.
void must_read_alike(const ContainerdEngine& engine, const ContainerdFiles& files) {
  if (containerd_outline(files[0]).imports.empty()) return;
  const std::string in_place = containerd_dump(engine, files[0].path);
  if (!in_place.empty() && !same_containerd_configuration(in_place, containerd_dump(engine, files)))
    throw error(files[0].path +
                ": containerd does not find the files there that \"imports\" says; make its paths absolute first");
}

Planned planned(const Wish& wish, const std::string& config, const DropIn& drop_in) {
  const auto engine = containerd_engine(config);
  if (!engine) throw error("there is no containerd on this host: no program containerd is on the PATH");
  Planned plan;
  plan.engine = *engine;
  plan.as_default = wish.make_default;
  ContainerdFiles there = containerd_files(config, wish.root), files;
  if (wish.root.empty()) must_read_alike(plan.engine, there);
  for (ContainerdFile& file : there) {
    // Only --remove takes that back.
    plan.as_default = plan.as_default || containerd_outline(file).default_runtime == wish.name;
    std::string without = without_ours(file, wish.name, wish.shim, drop_in.import);
    if (without != file.text) plan.texts[file.path] = without;  // it may stand in another one from now on
    file.text = std::move(without);
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
  containerd_runtime_tables(plan.dump, now->name, plugin, wish.name, wish.shim);  // throws if it is no runc
  const Behind before = behind("containerd", now->path, wish);
  plan.binary = before.shim;
  if (!before.note.empty()) {
    if (plan.as_default) throw error(before.note);  // pods that need what it does would start without
    plan.notes.push_back(before.note);
  }
  std::string tables = containerd_runtime_tables(plan.dump, now->name, plugin, wish.name, plan.binary);
  const std::string as_default = plan.as_default ? wish.name : "";

  if (plan.engine.major >= 2) {
    if (!drop_in.is_imported) plan.texts[config] = with_import(files[0], drop_in.import, version);
    // Somebody may have added to it.
    const auto stands =
        std::find_if(files.begin(), files.end(), [&](const auto& one) { return one.path == drop_in.path; });
    const ContainerdFile ours = stands != files.end() ? *stands : ContainerdFile{drop_in.path, ""};
    plan.texts[drop_in.path] = with_runtimes(ours, plugin, tables, as_default, version);
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

Registrations registrations_of(const ContainerdEngine& engine, const ContainerdFiles& files, const std::string& root) {
  std::string dump = root.empty() ? containerd_dump(engine, files[0].path) : "";
  if (dump.empty()) dump = containerd_dump(engine, files);  // says what is wrong
  Registrations runtimes = containerd_runtimes(dump);
  for (Registration& runtime : runtimes) {
    runtime.where = "built in";
    for (const ContainerdFile& file : files)
      if (has_containerd_runtime(file, runtime.name)) runtime.where = file.path;
  }
  return runtimes;
}

Notes after_take(const std::string& config, const Wish& wish) {
  Notes notes = restart_is_due("containerd", "containerd");
  if (const auto engine = containerd_engine(config))
    for (const Registration& one : registrations_of(*engine, containerd_files(config, wish.root), wish.root))
      if (is_shim(one.path, wish.shim))
        notes.push_back("the runtime " + host::quoted(one.name) + " in " + one.where +
                        " still runs the shim; somebody put it there by hand");
  return notes;
}

// That containerd itself finds it there, through imports and all.
Notes after_put(bool changed, const Planned& plan, const std::string& config, const Wish& wish) {
  if (wish.root.empty()) {
    const Registrations runtimes = containerd_runtimes(containerd_dump(plan.engine, config));
    if (std::none_of(runtimes.begin(), runtimes.end(),
                     [&](const Registration& one) { return one.name == wish.name && one.path == plan.binary; }))
      throw error("containerd does not find the runtime " + host::quoted(wish.name) + " in " + config +
                  "; take it out again with --remove, and report this");
  }
  Notes notes = changed ? restart_is_due("containerd", "containerd") : Notes();
  if (!plan.as_default)
    notes.push_back("pods ask for it by a RuntimeClass with the handler " + host::quoted(wish.name) +
                    "; with --default every pod has it");
  return notes;
}

}  // namespace

Registrations containerd_registrations(const std::string& root) {
  const std::string config = containerd_config(root);
  const auto engine = containerd_engine(config);
  return engine ? registrations_of(*engine, containerd_files(config, root), root) : Registrations();
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
  const auto planned_texts = std::make_shared<Planned>();
  if (!wish.remove) {
    *planned_texts = planned(wish, config, drop_in);
    plan.remarks = planned_texts->notes;
  }
  const auto edit = [&](const std::string& path) {
    plan.edits.push_back({wish.at(path),
                          [planned_texts, path](const Text& now) -> Text {
                            const auto text = planned_texts->texts.find(path);
                            return text == planned_texts->texts.end() ? now : text->second;
                          },
                          [wish, path, drop_in](const Text& now, const Text& original) -> Text {
                            if (!now) return now;
                            std::string text = without_ours({path, *now}, wish.name, wish.shim, drop_in.import);
                            const bool gone = text.empty() && !now->empty() && (!original || path == drop_in.path);
                            return gone ? std::nullopt : Text(std::move(text));
                          }});
  };
  edit(drop_in.path);  // before what imports it
  for (const ContainerdFile& file : files)
    if (file.path != drop_in.path) edit(file.path);
  if (wish.remove) {
    plan.accept = [wish, config](const Changes& changes) { accept_without(config, wish, changes); };
    plan.after_take = [wish, config](bool changed) { return changed ? after_take(config, wish) : Notes(); };
  } else {
    plan.accept = [wish, config, planned_texts](const Changes& changes) {
      const std::string after = containerd_dump(planned_texts->engine, containerd_files(config, wish.root, changes));
      check_containerd_change(planned_texts->dump, after, wish.name, planned_texts->binary, planned_texts->as_default);
    };
    plan.after_put = [wish, config, planned_texts](bool changed) {
      return after_put(changed, *planned_texts, config, wish);
    };
  }
  return plan;
}

}  // namespace engines
