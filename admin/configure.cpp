// Registers the shim with an engine, or takes it out again. What is particular to an engine is in engines/.
#include "engines/configure.h"

#include <array>
#include <iostream>

#include "admin/commands.h"
#include "admin/installed.h"
#include "engines/containerd.h"
#include "engines/crio.h"
#include "engines/docker.h"
#include "engines/podman.h"

namespace admin {

namespace {

struct Engine {
  const char* name;
  engines::Plan (*plan)(const engines::Wish&);
};
constexpr std::array known = {
    Engine{"docker", engines::docker_plan},
    Engine{"containerd", engines::containerd_plan},
    Engine{"crio", engines::crio_plan},
    Engine{"podman", engines::podman_plan},
};

engines::Wish wish_of(const ConfigureOptions& options) {
  engines::Wish wish;
  if (const auto recorded = engines::recorded_wish(options.engine, {}); recorded && options.remove) wish = *recorded;
  if (!options.name.empty()) wish.name = options.name;
  if (!options.runtime.empty()) wish.shim = options.runtime;
  if (!options.config.empty()) wish.config = options.config;
  wish.make_default = options.make_default;
  wish.remove = options.remove;
  wish.shim = shim_or_installed(wish.shim, !options.remove);
  return wish;
}

}  // namespace

std::vector<std::string> configurable_engines() {
  std::vector<std::string> names;
  names.reserve(known.size());
  for (const Engine& engine : known) names.emplace_back(engine.name);
  return names;
}

int configure(const ConfigureOptions& options) {
  if (!options.dry_run) require_root();
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
