#include "engines/crio.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "engines/behind.h"
#include "engines/daemon.h"
#include "engines/files.h"
#include "engines/program.h"
#include "engines/toml.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

struct CrioFiles {
  std::string config, drop_ins;
};

// What the CRI-O that runs here reads, or the defaults.
CrioFiles crio_files(const std::string& root) {
  CrioFiles files{root + "/etc/crio/crio.conf", root + "/etc/crio/crio.conf.d"};
  if (!root.empty()) return files;
  for (const Daemon& crio : Daemon::find_all("crio")) {
    files.config = crio.path_option("--config").value_or(files.config);
    files.drop_ins = crio.path_option("--config-dir").value_or(files.drop_ins);
  }
  return files;
}

struct Config {
  std::string default_runtime, default_where;  // empty: the built-in one
  struct Runtime {
    toml::table table;
    std::string where;
  };
  std::map<std::string, Runtime> runtimes;

  const Runtime* find(const std::string& name) const {
    const auto found = runtimes.find(name);
    return found == runtimes.end() ? nullptr : &found->second;
  }
};

// CRI-O decodes each file onto what the ones before it left: a table replaces that of the same name whole.
Config merged(const Layers& layers) {
  Config config;
  for (const auto& [path, text] : layers) {
    const toml::table table = parse_toml(text, path);
    refuse_folded(table, path, {"crio.runtime.default_runtime", "crio.runtime.runtimes.*.runtime_path"});
    const auto runtime = table["crio"]["runtime"];
    if (const auto name = runtime["default_runtime"].value<std::string>()) {
      config.default_runtime = *name;
      config.default_where = path;
    }
    const toml::table* runtimes = runtime["runtimes"].as_table();
    if (runtimes == nullptr) continue;
    for (const auto& [name, value] : *runtimes)
      if (value.is_table()) config.runtimes[std::string(name.str())] = {*value.as_table(), path};
  }
  return config;
}

// Every file there counts, in folders too, in the order of filepath.Walk.
void walk(const std::string& folder, Layers& layers) {
  std::vector<std::filesystem::path> entries;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.native() < b.native(); });
  for (const std::filesystem::path& path : entries) {
    if (std::filesystem::is_directory(std::filesystem::symlink_status(path, error)))
      walk(path.string(), layers);
    else if (Text text = read_text(path.string()))
      layers.emplace_back(path.string(), std::move(*text));
  }
}

Layers layers_of(const CrioFiles& files) {
  Layers layers;
  if (Text text = read_text(files.config)) layers.emplace_back(files.config, std::move(*text));
  walk(files.drop_ins, layers);
  return layers;
}

Layers others_of(const std::string& root, const std::string& path) {
  Layers layers = layers_of(crio_files(root));
  layers.erase(std::remove_if(layers.begin(), layers.end(), [&](const auto& layer) { return layer.first == path; }),
               layers.end());
  return layers;
}

// What it runs where no file says: crun from version 1.31 on, runc before.
std::string builtin_default(const std::string& root) {
  const auto installed = [&](const std::string& name) {
    return root.empty() ? !program_on_path(name).empty() : std::filesystem::exists(root + "/usr/bin/" + name);
  };
  if (root.empty() && installed("crio")) {
    const std::string version = run({"crio", "--version"}).output;
    if (const std::size_t at = version.find(" 1."); at != std::string::npos)
      return std::strtol(version.c_str() + at + 3, nullptr, 10) < 31 ? "runc" : "crun";
  }
  return installed("crun") || !installed("runc") ? "crun" : "runc";
}

std::string default_in(const Config& config, const std::string& root) {
  return config.default_runtime.empty() ? builtin_default(root) : config.default_runtime;
}

// A runtime without a path is looked up by its name.
std::string path_of(const Config& config, const std::string& name) {
  const Config::Runtime* runtime = config.find(name);
  std::string path = runtime == nullptr ? std::string() : runtime->table["runtime_path"].value_or(std::string());
  return path.empty() ? name : path;
}

// The default runtime's table, so that the shim is run with the same monitor, annotations and limits.
toml::table table_of(const Config& config, const std::string& standard, const std::string& shim) {
  toml::table table;
  const Config::Runtime* runtime = config.find(standard);
  if (runtime != nullptr && runtime->table["runtime_type"].value_or("") != std::string_view("vm")) {
    table = runtime->table;
  } else {
    // What CRI-O has built in (pkg/config, defaultRuntimeHandler); crun needs less than the 12 MiB that it else asks
    // for.
    const bool crun = standard == "crun" && std::filesystem::path(shim).extension() == ".crun";
    table.insert("allowed_annotations", toml::array{"io.containers.trace-syscall", "io.kubernetes.cri-o.Devices"});
    if (crun) table.insert("container_min_memory", "500KiB");
  }
  // These would put another program in the shim's place.
  for (const char* key : {"inherit_default_runtime", "platform_runtime_paths", "runtime_config_path"}) table.erase(key);
  table.insert_or_assign("runtime_path", shim);
  table.insert_or_assign("runtime_type", table["runtime_type"].value_or(std::string("oci")));
  if (table["runtime_root"].value_or(std::string()).empty())
    table.insert_or_assign("runtime_root", standard == "crun" ? "/run/crun" : "/run/runc");
  return table;
}

// Throws where a file that is read later undoes what ours says.
void must_hold(const Config& config, const Wish& wish, bool make_default, const std::string& ours) {
  const auto fault = [](const std::string& where, const std::string& what) {
    return host::Error(host::ErrorKind::invalid_config,
                       where + ": it is read after ours and sets " + what + ": take that away first");
  };
  if (make_default && config.default_where != ours) throw fault(config.default_where, "crio.runtime.default_runtime");
  if (const std::string& where = config.runtimes.at(wish.name).where; where != ours)
    throw fault(where, "crio.runtime.runtimes." + wish.name);
}

Text put(const Text& now, const std::string& path, const Wish& wish, const std::string& shim) {
  Layers layers = others_of(wish.root, path);
  const Config config = merged(layers);
  if (const Config::Runtime* taken = config.find(wish.name);
      taken != nullptr && !is_shim(path_of(config, wish.name), wish.shim))
    throw host::Error(host::ErrorKind::invalid_config,
                      taken->where + ": another runtime, " + host::quoted(path_of(config, wish.name)) +
                          ", has the name " + wish.name + "; choose another --runtime-name");
  const std::string text = now.value_or("");
  const toml::table before = parse_toml(text, path);
  const bool make_default = wish.make_default || before["crio"]["runtime"]["default_runtime"].value_or("") == wish.name;
  toml::table runtime;
  if (make_default) runtime.insert("default_runtime", wish.name);
  const std::string standard = default_in(config, wish.root);
  runtime.insert("runtimes", toml::table{{wish.name, table_of(config, standard, shim)}});
  std::string made =
      put_block(text, "crio", toml_text(toml::table{{"crio", toml::table{{"runtime", std::move(runtime)}}}}));
  insert_drop_in(layers, crio_files(wish.root).drop_ins, path, made);
  must_hold(merged(layers), wish, make_default, path);
  return made;
}

Registrations registrations_in(const Layers& layers, const std::string& root) {
  const Config config = merged(layers);
  const std::string standard = default_in(config, root);
  Registrations registrations;
  for (const auto& [name, runtime] : config.runtimes) {
    registrations.push_back({name, path_of(config, name), runtime.where, name == standard});
    // By platform, in the place of that one.
    if (const toml::table* paths = runtime.table["platform_runtime_paths"].as_table())
      for (const auto& [platform, path] : *paths)
        registrations.push_back({name, path.value_or(std::string()), runtime.where, name == standard});
  }
  const std::string builtin = builtin_default(root);
  if (config.find(builtin) == nullptr) registrations.push_back({builtin, builtin, "built in", builtin == standard});
  return registrations;
}

}  // namespace

Registrations crio_registrations(const std::string& root) {
  return registrations_in(layers_of(crio_files(root)), root);
}

Registrations crio_registrations(const std::string& config, const std::string& drop_ins) {
  return registrations_in(layers_of({config, drop_ins}), {});
}

std::vector<std::string> crio_layers(const std::string& config, const std::string& drop_ins) {
  std::vector<std::string> paths;
  for (const auto& [path, text] : layers_of({config, drop_ins})) paths.push_back(path);
  return paths;
}

Plan crio_plan(const Wish& wish) {
  Plan plan;
  plan.engine = "crio";
  const std::string path =
      wish.config.empty() ? crio_files(wish.root).drop_ins + "/zz-ipcguard.conf" : wish.at(wish.config);
  std::string shim = wish.shim;
  if (!wish.remove) {
    const Config config = merged(others_of(wish.root, path));
    auto [link, remark] = behind("CRI-O", path_of(config, default_in(config, wish.root)), wish);
    shim = link;
    if (wish.make_default && !remark.empty()) plan.remarks = {remark};
  }
  plan.edits = {{path, [=](const Text& now) { return put(now, path, wish, shim); }, take_block}};
  // On SIGHUP a CRI-O of any version up to 1.36 tells the new runtimes (`crio status config`) and runs the old ones: it
  // reads into a copy (server.go, startReloadWatcher).
  plan.after_put = [](bool changed) { return changed ? restart_is_due("CRI-O", "crio") : Notes(); };
  plan.after_take = [wish](bool changed) {
    const Notes notes = still_there(crio_registrations(wish.root), wish.shim);
    return notes.empty() && changed ? restart_is_due("CRI-O", "crio") : notes;
  };
  return plan;
}

}  // namespace engines
