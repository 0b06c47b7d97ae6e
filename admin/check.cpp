#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/commands.h"
#include "admin/facts.h"
#include "host/engine.h"
#include "host/namespaces.h"
#include "host/text.h"
#include "shim/create_gate.h"
#include "shim/exec.h"
#include "shim/identity.h"
#include "shim/policy.h"
#include "shim/record.h"
#include "shim/start_gate.h"

namespace admin {

namespace {

// Engines name a bundle's folder after the container.
std::string id_of(const CheckOptions& options) {
  return options.id.empty() ? std::filesystem::path(host::without_links(options.bundle)).filename().string()
                            : options.id;
}

shim::Judgement judge(const CheckOptions& options, shim::Policy& policy) {
  const auto root = options.root.empty() ? std::nullopt : std::optional(options.root);
  if (!options.bundle.empty()) {
    return shim::judge_create({options.bundle, id_of(options), root, true}, policy, host::kernel());
  }
  if (auto running = judge_running(options.id, options.root, options.runtime, policy)) return std::move(*running);
  return shim::unjudged({{}, options.id},
                        {host::ErrorKind::unverifiable, "there is no such container, or it has ended"}, policy);
}

}  // namespace

int check(const CheckOptions& options) {
  shim::Policy policy;
  const config::Settings& settings = policy.settings();
  shim::Judgement judgement = judge(options, policy);
  // The gates ask who it is only where that matters to them.
  if (judgement.container.attributes.empty()) judgement.container = shim::identify(judgement.subject, settings.engines);
  const char* gate = options.bundle.empty() ? "start" : "create";
  if (options.json) {
    std::cout << shim::decision_record(
                     judgement,
                     {gate, settings.mode, shim::choose_runtime(policy, options.runtime, shim::Copies::all).path,
                      policy.hash(), std::chrono::system_clock::now()})
              << "\n";
  } else {
    write_facts(std::cout, judgement, settings.mode);
    if (judgement.decision.outcome == config::Outcome::refuse) std::cout << shim::refusal_message(judgement) << "\n";
  }
  return judgement.decision.outcome == config::Outcome::refuse ? 1 : 0;
}

}  // namespace admin
