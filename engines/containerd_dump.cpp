#include "engines/containerd_dump.h"

#include <strings.h>

#include <algorithm>

#include "engines/containerd_text.h"
#include "engines/toml.h"
#include "host/error.h"
#include "host/text.h"

namespace engines {

namespace {

constexpr const char* old_plugin = "io.containerd.grpc.v1.cri";  // of versions 1 and 2
constexpr const char* new_plugin = "io.containerd.cri.v1.runtime";
constexpr const char* runc_type = "io.containerd.runc.v2";

host::Error error(const std::string& message) { return {host::ErrorKind::invalid_config, message}; }

toml::table parsed(const std::string& dump) { return parse_toml(dump, "containerd's own dump"); }

bool disabled(const toml::table& root) {
  const toml::array* const names = root["disabled_plugins"].as_array();
  return names != nullptr && std::any_of(names->begin(), names->end(), [](const toml::node& name) {
           const std::string plugin = name.value_or(std::string());
           return plugin == "cri" || plugin == old_plugin || plugin == new_plugin;
         });
}

const toml::table* containerd_of(const toml::table& root) {
  const int version = root["version"].value_or(0);
  return root["plugins"][version >= 3 ? new_plugin : old_plugin]["containerd"].as_table();
}

std::string text_of(const toml::table& table, const char* key) { return table[key].value_or(std::string()); }

// containerd finds the key in whatever case it is written.
std::string binary_of(const toml::table& runtime) {
  if (const toml::table* const options = runtime["options"].as_table())
    for (const auto& [key, value] : *options)
      if (strcasecmp(std::string(key.str()).c_str(), "BinaryName") == 0) return value.value_or(std::string());
  return {};
}

// "io.containerd.kata.v2" is run by "containerd-shim-kata-v2".
std::string path_of(const toml::table& runtime) {
  std::string type = text_of(runtime, "runtime_type"), shim = text_of(runtime, "runtime_path");
  if (!shim.empty()) return shim;
  if (type.starts_with("io.containerd.runc.") || type == "io.containerd.runtime.v1.linux") {
    const std::string binary = binary_of(runtime), engine = text_of(runtime, "runtime_engine");
    return !binary.empty() ? binary : !engine.empty() ? engine : "runc";
  }
  const std::size_t last = type.rfind('.'),
                    before = last == std::string::npos || last == 0 ? last : type.rfind('.', last - 1);
  if (before == std::string::npos) return type;
  return "containerd-shim-" + type.substr(before + 1, last - before - 1) + "-" + type.substr(last + 1);
}

// The runtimes, with those that 1.x still takes from tables of their own, as its ValidatePluginConfig does.
struct Runtimes {
  toml::table tables;
  std::string default_name;
};

Runtimes runtimes_of(const toml::table& root) {
  Runtimes runtimes;
  const toml::table* const containerd = containerd_of(root);
  if (containerd == nullptr || disabled(root)) return runtimes;
  runtimes.default_name = text_of(*containerd, "default_runtime_name");
  if (const toml::table* const tables = (*containerd)["runtimes"].as_table()) runtimes.tables = *tables;
  const auto legacy = [&](const char* key, const char* name) {
    const toml::table* const table = (*containerd)[key].as_table();
    if (table == nullptr || text_of(*table, "runtime_type").empty()) return false;
    runtimes.tables.insert_or_assign(name, *table);
    return true;
  };
  legacy("untrusted_workload_runtime", "untrusted");
  if (legacy("default_runtime", "default")) runtimes.default_name = "default";
  return runtimes;
}

bool says_nothing(const toml::node& node) {
  if (const auto* table = node.as_table()) return table->empty();
  if (const auto* array = node.as_array()) return array->empty();
  return node.value<std::string>() == "" || node.value_exact<bool>() == false ||
         node.value_exact<std::int64_t>() == 0 || node.value_exact<double>() == 0.0;
}

// Without values that are those of a key that is not there.
void prune(toml::table& table) {
  std::vector<std::string> empty;
  for (auto&& [key, value] : table) {
    if (value.is_table()) prune(*value.as_table());
    if (says_nothing(value)) empty.emplace_back(key.str());
  }
  for (const std::string& key : empty) table.erase(key);
}

void set_binary(toml::table& runtime, const std::string& binary) {
  toml::table options;
  if (const toml::table* const now = runtime["options"].as_table())
    for (const auto& [key, value] : *now)
      if (strcasecmp(std::string(key.str()).c_str(), "BinaryName") != 0) options.insert(key, value);
  options.insert_or_assign("BinaryName", binary);
  runtime.insert_or_assign("options", options);
}

// The dump without the one runtime, and with another default.
toml::table without(toml::table root, const std::string& name, const std::string& default_name) {
  root.erase("imports");
  for (const char* plugin : {old_plugin, new_plugin}) {
    toml::table* const containerd = root["plugins"][plugin]["containerd"].as_table();
    if (containerd == nullptr) continue;
    if (toml::table* const runtimes = (*containerd)["runtimes"].as_table()) runtimes->erase(name);
    if (containerd->contains("default_runtime_name"))
      containerd->insert_or_assign("default_runtime_name", default_name);
  }
  prune(root);
  return root;
}

// The first key in which they differ.
std::string difference(const toml::table& a, const toml::table& b) {
  for (const toml::table* table : {&a, &b})
    for (const auto& [key, value] : *table) {
      const toml::node *left = a.get(key), *right = b.get(key);
      if (left != nullptr && right != nullptr && left->is_table() && right->is_table()) {
        const std::string below = difference(*left->as_table(), *right->as_table());
        if (!below.empty()) return toml_key(std::string(key.str())) + "." + below;
      } else if (left == nullptr || right == nullptr || toml::table{{"x", *left}} != toml::table{{"x", *right}}) {
        return toml_key(std::string(key.str()));
      }
    }
  return {};
}

}  // namespace

Registrations containerd_runtimes(const std::string& dump) {
  const Runtimes runtimes = runtimes_of(parsed(dump));
  Registrations registrations;
  for (const auto& [key, value] : runtimes.tables)
    if (const toml::table* const runtime = value.as_table())
      registrations.push_back({std::string(key.str()), path_of(*runtime), {}, key.str() == runtimes.default_name});
  return registrations;
}

int containerd_newest_version(const std::string& dump) { return parsed(dump)["version"].value_or(0); }

std::string containerd_runtime_tables(const std::string& dump, const std::string& from, const std::string& plugin,
                                      const std::string& name, const std::string& binary) {
  const Runtimes runtimes = runtimes_of(parsed(dump));
  const toml::table* const found = runtimes.tables[from].as_table();
  if (found == nullptr)
    throw error("containerd's default runtime " + host::quoted(from) +
                " is not among its runtimes: its CRI plugin does not start; mend default_runtime_name first");
  toml::table runtime = *found;
  if (!binary.empty()) {
    const std::string type = text_of(runtime, "runtime_type");
    if (type != runc_type || !text_of(runtime, "runtime_path").empty())
      throw error("containerd's default runtime " + host::quoted(from) + " is no runc (its runtime_type is " +
                  host::quoted(type) +
                  "), so that there is nothing the shim could stand before; name a default runtime of type " +
                  runc_type + " first, or leave these pods to their virtual machine");
    set_binary(runtime, binary);
  }
  prune(runtime);
  toml::table tables{{name, runtime}};
  for (const char* above : {"runtimes", "containerd", plugin.c_str(), "plugins"}) tables = toml::table{{above, tables}};
  return toml_text(tables);
}

bool same_containerd_configuration(const std::string& dump, const std::string& other) {
  toml::table one = parsed(dump), two = parsed(other);
  one.erase("imports");
  two.erase("imports");
  return one == two;
}

void check_containerd_change(const std::string& before, const std::string& after, const std::string& name,
                             const std::string& binary, bool make_default) {
  const toml::table was = parsed(before), is = parsed(after);
  const Runtimes had = runtimes_of(was), has = runtimes_of(is);
  const auto wrong = [](const std::string& what) {
    return error("containerd does not take the change as it is meant: " + what +
                 "; nothing was written. Please report this, and edit by hand until it is mended");
  };
  const toml::table* const copied = had.tables[had.default_name].as_table();
  const toml::table* const ours = has.tables[name].as_table();
  if (copied == nullptr || ours == nullptr) throw wrong("the runtime " + host::quoted(name) + " is not there");
  toml::table expected = *copied, got = *ours;
  set_binary(expected, binary);
  prune(expected);
  prune(got);
  if (const std::string key = difference(expected, got); !key.empty())
    throw wrong("in the runtime " + host::quoted(name) + ", " + key);
  if (has.default_name != (make_default ? name : had.default_name))
    throw error("containerd's default runtime would still be " + host::quoted(has.default_name) +
                ": a file that is imported after ours names it. Set default_runtime_name to " + toml_string(name) +
                " there, or move the import of that file before the others; nothing was written");
  const toml::table rest_was = without(was, name, had.default_name), rest_is = without(is, name, had.default_name);
  if (const std::string key = difference(rest_was, rest_is); !key.empty()) throw wrong(key + " would change too");
}

}  // namespace engines
