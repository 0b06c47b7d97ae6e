#include "engines/podman.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "engines/behind.h"
#include "engines/files.h"
#include "engines/program.h"
#include "engines/toml.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

using Texts = std::vector<std::string>;

// The order in which Podman looks for a runtime of its own (containers/common, pkg/config, findRuntime), and the others
// that it knows by name.
constexpr std::array found_by_itself = {"crun", "runc", "runj", "kata", "runsc", "ocijail"};
constexpr std::array others = {"krun", "youki", "crun-vm", "crun-wasm"};

// What the built-in lists hold, of all versions: that a runtime is named which is not installed does no harm.
const Texts builtin_json = {"crun", "runc", "kata", "runsc", "youki", "krun", "ocijail"};
const Texts builtin_nocgroups = {"crun", "krun"};

// As the code has it (containers/common, EngineConfig); its manual page says "nocgroups", which Podman passes over.
constexpr const char* nocgroups_key = "runtime_supports_nocgroup";

// A list that a later file replaces, or adds to once a file has said {append=true} (Podman 5).
struct List {
  Texts values;
  bool append = false;

  bool has(const std::string& value) const { return std::find(values.begin(), values.end(), value) != values.end(); }
};

struct Config {
  std::string runtime, runtime_where;  // empty: it looks for one by itself
  struct Paths {
    Texts paths;
    std::string where;
  };
  std::map<std::string, Paths> runtimes;
  List json{builtin_json}, nocgroups{builtin_nocgroups};
};

void read_list(const toml::node_view<const toml::node>& node, List& list) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return;
  Texts values;
  for (const toml::node& item : *array) {
    if (const auto text = item.value<std::string>()) values.push_back(*text);
    if (const toml::table* attributes = item.as_table()) list.append = (*attributes)["append"].value_or(list.append);
  }
  if (!list.append) list.values.clear();
  list.values.insert(list.values.end(), values.begin(), values.end());
}

Config merged(const Layers& layers) {
  Config config;
  for (const auto& [path, text] : layers) {
    const toml::table table = parse_toml(text, path);
    refuse_folded(
        table, path,
        {"engine.runtime", "engine.runtimes", "engine.runtime_supports_json", std::string("engine.") + nocgroups_key});
    const auto engine = table["engine"];
    if (const auto name = engine["runtime"].value<std::string>(); name && !name->empty()) {
      config.runtime = *name;
      config.runtime_where = path;
    }
    read_list(engine["runtime_supports_json"], config.json);
    read_list(engine[nocgroups_key], config.nocgroups);
    const toml::table* runtimes = engine["runtimes"].as_table();
    if (runtimes == nullptr) continue;
    for (const auto& [name, value] : *runtimes) {
      List paths;
      read_list(toml::node_view<const toml::node>(value), paths);
      config.runtimes[std::string(name.str())] = {paths.values, path};
    }
  }
  return config;
}

std::string folder(const std::string& root) { return root + "/etc/containers/containers.conf.d"; }

Layers layers_of(const std::string& root) {
  Layers layers;
  for (const char* path : {"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"})
    if (Text text = read_text(root + path)) layers.emplace_back(root + path, std::move(*text));
  for (auto& layer : drop_ins(folder(root), ".conf")) layers.push_back(std::move(layer));
  return layers;
}

// The program that runs for `name`; empty if there is none.
std::string program_of(const Config& config, const std::string& name, const std::string& root) {
  if (name.find('/') != std::string::npos) return name;
  std::error_code error;
  if (const auto found = config.runtimes.find(name); found != config.runtimes.end()) {
    for (const std::string& path : found->second.paths)
      if (std::filesystem::exists(root + path, error)) return path;
  } else {
    for (const char* at : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"})
      if (std::filesystem::exists(root + at + name, error)) return at + name;
  }
  return root.empty() ? program_on_path(name) : std::string();
}

std::string default_in(const Config& config, const std::string& root) {
  if (!config.runtime.empty()) return config.runtime;
  for (const char* name : found_by_itself)
    if (!program_of(config, name, root).empty()) return name;
  return {};
}

std::string body_of(const Wish& wish, const std::string& shim, bool make_default, const Config& config) {
  const auto with_ours = [&](Texts values) {
    if (std::find(values.begin(), values.end(), wish.name) == values.end()) values.push_back(wish.name);
    toml::array array;
    for (const std::string& value : values) array.push_back(value);
    return array;
  };
  toml::table engine;
  if (make_default) engine.insert("runtime", wish.name);
  // The list replaces the one before it; {append=true} is not understood before Podman 4.8.
  engine.insert("runtime_supports_json", with_ours(config.json.values));
  // --cgroups=disabled and the like: as for the runtime behind the shim.
  const std::string behind = std::filesystem::path(shim).extension().string();
  if (config.nocgroups.has(behind.substr(behind.empty() ? 0 : 1)))
    engine.insert(nocgroups_key, with_ours(config.nocgroups.values));
  engine.insert("runtimes", toml::table{{wish.name, toml::array{shim}}});
  return toml_text(toml::table{{"engine", engine}});
}

// Throws where a file that is read later undoes what ours says.
void must_hold(const Config& config, const Wish& wish, bool make_default, const std::string& ours) {
  const auto fault = [](const std::string& where, const std::string& what) {
    return host::Error(host::ErrorKind::invalid_config,
                       where + ": it is read after ours and sets " + what + ": take that away first");
  };
  if (make_default && config.runtime != wish.name) throw fault(config.runtime_where, "engine.runtime");
  const auto found = config.runtimes.find(wish.name);
  if (found == config.runtimes.end() || found->second.where != ours)
    throw fault(found == config.runtimes.end() ? folder(wish.root) : found->second.where,
                "engine.runtimes." + wish.name);
  if (!config.json.has(wish.name)) throw fault("a file in " + folder(wish.root), "engine.runtime_supports_json");
}

// Without the file at `path`, which is ours.
Layers others_of(const std::string& root, const std::string& path) {
  Layers layers = layers_of(root);
  layers.erase(std::remove_if(layers.begin(), layers.end(),
                              [&](const Layers::value_type& layer) { return layer.first == path; }),
               layers.end());
  return layers;
}

Text put(const Text& now, const std::string& path, const Wish& wish, const std::string& shim) {
  Layers layers = others_of(wish.root, path);
  const Config config = merged(layers);
  if (const auto taken = config.runtimes.find(wish.name); taken != config.runtimes.end() &&
                                                          !taken->second.paths.empty() &&
                                                          !is_shim(taken->second.paths.front(), wish.shim))
    throw host::Error(host::ErrorKind::invalid_config,
                      taken->second.where + ": another runtime, " + host::quoted(taken->second.paths.front()) +
                          ", has the name " + wish.name + "; choose another --runtime-name");
  const std::string text = now.value_or("");
  const bool make_default = wish.make_default || parse_toml(text, path)["engine"]["runtime"].value_or("") == wish.name;
  std::string made = put_block(text, "podman", body_of(wish, shim, make_default, config));
  insert_drop_in(layers, folder(wish.root), path, made);
  must_hold(merged(layers), wish, make_default, path);
  return made;
}

Registrations registrations_in(const Layers& layers, const std::string& root) {
  const Config config = merged(layers);
  const std::string standard = default_in(config, root);
  Registrations registrations;
  const auto add = [&](const std::string& name, const std::string& where) {
    if (std::string path = program_of(config, name, root); !path.empty())
      registrations.push_back({name, std::move(path), where, name == standard});
  };
  for (const auto& [name, paths] : config.runtimes) add(name, paths.where);
  const auto add_builtin = [&](const char* name) {
    if (config.runtimes.count(name) == 0) add(name, "built in");
  };
  std::for_each(found_by_itself.begin(), found_by_itself.end(), add_builtin);
  std::for_each(others.begin(), others.end(), add_builtin);
  if (standard.find('/') != std::string::npos) add(standard, config.runtime_where);
  return registrations;
}

}  // namespace

Registrations podman_registrations(const std::string& root) { return registrations_in(layers_of(root), root); }

Registrations podman_registrations(const std::vector<std::string>& files) {
  Layers layers;
  for (const std::string& path : files)
    if (Text text = read_text(path)) layers.emplace_back(path, std::move(*text));
  return registrations_in(layers, {});
}

Plan podman_plan(const Wish& wish) {
  Plan plan;
  plan.engine = "podman";
  const std::string path = wish.config.empty() ? folder(wish.root) + "/zz-ipcguard.conf" : wish.at(wish.config);
  std::string shim = wish.shim;
  if (!wish.remove) {
    const Config config = merged(others_of(wish.root, path));
    auto [link, remark] = behind("Podman", program_of(config, default_in(config, wish.root), wish.root), wish);
    shim = link;
    if (wish.make_default && !remark.empty()) plan.remarks = {remark};
  }
  plan.edits = {{path, [=](const Text& now) { return put(now, path, wish, shim); }, take_block}};
  plan.after_take = [wish](bool /*changed*/) { return still_there(podman_registrations(wish.root), wish.shim); };
  return plan;
}

}  // namespace engines
