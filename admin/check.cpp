#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "admin/commands.h"
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

void explain(const shim::Judgement& judgement, config::Mode mode) {
  std::cout << "decision: " << config::name_of(judgement.decision.outcome)
            << (mode == config::Mode::audit ? " (mode audit: it runs all the same)" : "") << "\n";
  std::cout << "bundle: " << host::printable(judgement.subject.bundle) << "\n";
  std::cout << "engine: " << host::name_of(judgement.container.engine) << "\n";
  for (const auto& [name, value] : judgement.container.attributes)
    if (name != "bundle") std::cout << name << ": " << host::printable(value) << "\n";
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    std::cout << "exposure: " << config::name_of(judged.exposure.kind) << ": " << judged.exposure.detail << ": "
              << config::name_of(judged.action);
    if (judged.exception)
      std::cout << " by " << host::quoted(judged.exception->name) << ", " << host::printable(judged.exception->reason);
    std::cout << "\n";
  }
  for (const std::string& warning : judgement.warnings) std::cout << "warning: " << warning << "\n";
  if (judgement.decision.exposures.empty() && !judgement.error)
    std::cout << "exposures: none, its IPC namespace is its own or its pod's\n";
  if (judgement.decision.outcome == config::Outcome::refuse) std::cout << shim::refusal_message(judgement) << "\n";
}

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
  std::vector<std::string> globals;
  if (root) globals = {"--root", *root};
  auto start = shim::judge_start({options.id, root, shim::named_runtime(policy, options.runtime), globals},
                                 shim::Stage::any, policy, host::kernel());
  if (start.judgement) return std::move(*start.judgement);
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
  if (options.json)
    std::cout << shim::decision_record(judgement, {gate, settings.mode, shim::named_runtime(policy, options.runtime),
                                                   policy.hash(), std::chrono::system_clock::now()})
              << "\n";
  else
    explain(judgement, settings.mode);
  return judgement.decision.outcome == config::Outcome::refuse ? 1 : 0;
}

}  // namespace admin
