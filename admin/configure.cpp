// Registers the shim with an engine, or takes it out again. What is particular to an engine is in engines/.
#include "engines/configure.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <iostream>

#include "admin/commands.h"
#include "engines/containerd.h"
#include "engines/docker.h"
#include "host/error.h"
#include "host/text.h"

namespace admin {

namespace {

struct Engine {
  const char* name;
  engines::Plan (*plan)(const engines::Wish&);
};
constexpr std::array known = {
    Engine{"docker", engines::docker_plan},
    Engine{"containerd", engines::containerd_plan},
};

// The shim that was installed with this program.
std::string installed_shim() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && std::filesystem::exists(self.parent_path() / "ipcguard-runtime", error))
    return (self.parent_path() / "ipcguard-runtime").string();
  return "/usr/local/bin/ipcguard-runtime";
}

void must_be_program(const std::string& path) {
  if (std::filesystem::is_regular_file(path) && access(path.c_str(), X_OK) == 0) return;
  throw host::Error(host::ErrorKind::invalid_config,
                    "there is no program at " + host::quoted(path) + "; say where ipcguard-runtime is with --runtime");
}

engines::Wish wish_of(const ConfigureOptions& options) {
  engines::Wish wish;
  if (const auto recorded = engines::recorded_wish(options.engine, {}); recorded && options.remove) wish = *recorded;
  if (!options.name.empty()) wish.name = options.name;
  if (!options.runtime.empty()) wish.shim = options.runtime;
  if (!options.config.empty()) wish.config = options.config;
  wish.make_default = options.make_default;
  wish.remove = options.remove;
  if (wish.shim.empty()) wish.shim = installed_shim();
  if (!options.remove) must_be_program(wish.shim);
  return wish;
}

}  // namespace

std::vector<std::string> configurable_engines() {
  std::vector<std::string> names;
  for (const Engine& engine : known) names.emplace_back(engine.name);
  return names;
}

int configure(const ConfigureOptions& options) {
  const engines::Wish wish = wish_of(options);
  for (const Engine& engine : known) {
    if (options.engine != engine.name) continue;
    const engines::Plan plan = engine.plan(wish);
    if (options.dry_run) {
      std::cout << engines::unified_diff(engines::changes_of(plan, wish));
    } else {
      const engines::Notes done = engines::carry_out(plan, wish);
      for (const std::string& note : done) std::cout << note << "\n";
      if (done.empty()) std::cout << "nothing to do\n";
    }
    for (const std::string& remark : plan.remarks) std::cerr << "note: " << remark << "\n";
  }
  return 0;
}

}  // namespace admin
