#include "admin/audit.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <utility>

#include "admin/commands.h"
#include "admin/records.h"
#include "engines/containers.h"
#include "host/error.h"
#include "host/namespaces.h"
#include "host/process.h"
#include "host/sandbox.h"
#include "host/text.h"
#include "shim/identity.h"
#include "shim/policy.h"
#include "shim/record.h"
#include "shim/start_gate.h"

namespace admin {

namespace {

// By the IPC namespace alone, as the control has it; what the settings say of it makes no difference.
void apply_control(Audited& audited, const host::NamespaceId& ipc, shim::Policy& policy) {
  const auto host_ipc = host::kernel().host_ipc();
  if (std::find(host_ipc.begin(), host_ipc.end(), ipc) == host_ipc.end()) return;
  const auto decision = config::decide({{config::ExposureKind::host_ipc, {}}}, audited.judgement.container,
                                       config::Settings(), policy.allowlist(), today());
  audited.exception = decision.exposures.front().exception;
  audited.verdict = audited.exception ? Verdict::covered : Verdict::fail;
}

// nullopt if it has ended.
std::optional<Audited> look_at(const engines::Running& running, shim::Policy& policy) {
  Audited audited;
  audited.pid = running.init.pid;
  shim::Subject subject{host::without_links(running.state.bundle), running.id, running.state.annotations};
  try {
    const auto init = host::Process::find(running.init.pid, running.init.started);
    if (!init) return std::nullopt;
    audited.judgement = shim::judge_init(*init, running.state, running.root, subject, policy, host::kernel());
    // The judgement has it only where that matters to it.
    audited.judgement.container = shim::identify(subject, policy.settings().engines);
    if (!running.root)
      audited.judgement.container.unestablished =
          "its runtime's state is in no place that is known; its id is its cgroup's";
    apply_control(audited, init->namespace_id("ipc"), policy);
  } catch (const std::exception& thrown) {
    audited.judgement = shim::unjudged(std::move(subject), shim::as_error(thrown), policy);
    audited.verdict = Verdict::error;
  }
  host::reap_sandboxed();
  // What ends meanwhile cannot be read any more, or only in part.
  if (!host::Process::find(running.init.pid, running.init.started)) return std::nullopt;
  return audited;
}

Audit look(shim::Policy& policy) {
  shim::require_sound_settings(policy);
  Audit audit;
  audit.mode = policy.settings().mode;
  audit.policy = policy.hash();
  audit.time = shim::utc(std::chrono::system_clock::now(), true);
  const auto found = engines::running_containers(policy.settings().engines);
  for (const engines::Running& running : found.containers)
    if (auto audited = look_at(running, policy)) audit.containers.push_back(std::move(*audited));
  for (const host::Error& error : found.problems) audit.problems.emplace_back(error.what());
  // pid 1 cannot be examined in some sandboxes, even by root; it is no container.
  const auto unreadable =
      std::count_if(found.unreadable.begin(), found.unreadable.end(), [](pid_t pid) { return pid != 1; });
  if (unreadable > 0)
    audit.problems.push_back(std::to_string(unreadable) + " processes cannot be examined, " +
                             std::to_string(found.unreadable.back()) + " among them" +
                             (geteuid() == 0 ? "" : ": run this as root"));
  for (const config::Problem& problem : policy.allowlist().problems)
    std::cerr << "ipcguard: an allowlist file grants nothing: " << host::printable(problem.text()) << "\n";
  return audit;
}

}  // namespace

std::size_t Audit::findings() const {
  return static_cast<std::size_t>(
      std::count_if(containers.begin(), containers.end(), [](const Audited& one) { return one.is_finding(); }));
}

int Audit::status() const {
  if (findings() > 0) return 1;
  const bool unsure = std::any_of(containers.begin(), containers.end(),
                                  [](const Audited& one) { return one.verdict == Verdict::error; });
  return unsure || !problems.empty() ? 2 : 0;
}

int audit(const AuditOptions& options) {
  shim::Policy policy;
  try {
    const Audit seen = look(policy);
    if (options.format == "json")
      write_audit_json(std::cout, seen);
    else if (options.format == "junit")
      write_audit_junit(std::cout, seen);
    else
      write_audit_text(std::cout, seen);
    for (const std::string& problem : seen.problems)
      std::cerr << "ipcguard: not all could be seen: " << host::printable(problem, 2048) << "\n";
    return seen.status();
  } catch (const std::exception& error) {
    std::cerr << "ipcguard: " << host::printable(error.what(), 2048) << "\n";
    return 2;
  }
}

}  // namespace admin
