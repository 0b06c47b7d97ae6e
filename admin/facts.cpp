#include "admin/facts.h"

#include <utility>
#include <vector>

#include "host/engine.h"
#include "host/namespaces.h"
#include "host/text.h"
#include "shim/exec.h"
#include "shim/start_gate.h"

namespace admin {

std::optional<shim::Judgement> judge_running(const std::string& id, const std::string& root, const std::string& runtime,
                                             shim::Policy& policy) {
  std::vector<std::string> globals;
  if (!root.empty()) globals = {"--root", root};
  const shim::Runtime known = shim::choose_runtime(policy, runtime, shim::Copies::all);
  const shim::StateQuery query{id, root.empty() ? std::nullopt : std::optional(root), known.path, globals, known.fault};
  return shim::judge_start(query, shim::Stage::any, policy, host::kernel()).judgement;
}

void write_facts(std::ostream& out, const shim::Judgement& judgement, config::Mode mode) {
  out << "decision: " << config::name_of(judgement.decision.outcome)
      << (mode == config::Mode::audit ? " (mode audit: it runs all the same)" : "") << "\n";
  out << "bundle: " << host::printable(judgement.subject.bundle) << "\n";
  out << "engine: " << host::name_of(judgement.container.engine) << "\n";
  for (const auto& [name, value] : judgement.container.attributes)
    if (name != "bundle") out << name << ": " << host::printable(value) << "\n";
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    out << "exposure: " << config::name_of(judged.exposure.kind) << ": "
        << host::printable(judged.exposure.detail, 2048) << ": " << config::name_of(judged.action);
    if (judged.exception)
      out << " by " << host::quoted(judged.exception->name) << ", " << host::printable(judged.exception->reason);
    out << "\n";
  }
  for (const std::string& warning : judgement.warnings) out << "warning: " << host::printable(warning, 2048) << "\n";
  if (judgement.decision.exposures.empty() && !judgement.error)
    out << "exposures: none, its IPC namespace is its own or its pod's\n";
}

}  // namespace admin
