// ipcguard-runtime: called as an OCI runtime, judges what would create a container, and becomes the real runtime.

#include <unistd.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "host/engine.h"
#include "host/error.h"
#include "host/file.h"
#include "host/namespaces.h"
#include "shim/command_line.h"
#include "shim/create_gate.h"
#include "shim/exec.h"
#include "shim/policy.h"
#include "shim/record.h"
#include "shim/start_gate.h"
#include "shim/tell.h"

namespace {

using namespace shim;

void tell(const Judgement& judgement, const char* gate, const Call& call, Policy& policy) {
  const config::Settings& settings = policy.settings();
  if (is_recorded(judgement, settings))
    tell_operator(decision_record(judgement, {gate, settings.mode, named_runtime(policy, call.runtime_name),
                                              policy.hash(), std::chrono::system_clock::now()}),
                  settings.log);
  if (!judgement.runs(settings.mode)) tell_caller(refusal_message(judgement), call);
}

// Throws host::Error where neither gate can judge the call.
void require_clear_call(const Call& call, const Policy& policy) {
  find_runtime(policy, call.runtime_name);
  const std::string ambiguity = call.ambiguity.empty() ? environment_ambiguity(environ, call) : call.ambiguity;
  if (!ambiguity.empty()) throw host::Error(host::ErrorKind::ambiguous_command_line, ambiguity);
}

Judgement judge_create(const Call& call, Policy& policy) {
  try {
    require_clear_call(call, policy);
    const auto checkpoint = call.command == "restore" ? std::optional(call.image) : std::nullopt;
    return judge_create({call.bundle, call.id, call.root, checkpoint}, policy, host::kernel());
  } catch (const host::Error& error) {
    return unjudged(host::without_links(call.bundle), call.id, error, policy);
  }
}

// A container that may not start has to end, or its engine is left with one that never does.
StartJudgement judge_start(const Call& call, Policy& policy) {
  try {
    require_clear_call(call, policy);
    return judge_start({call.id, call.root, find_runtime(policy, call.runtime_name), call.globals}, false, policy,
                       host::kernel());
  } catch (const host::Error& error) {
    return {unjudged({}, call.id, error, policy), std::nullopt};
  }
}

// Judges the call and tells what came of it; true if the runtime may be run.
bool admit(const Call& call, Policy& policy) {
  if (!call.starts) {
    const Judgement judgement = judge_create(call, policy);
    tell(judgement, "create", call, policy);
    return judgement.runs(policy.settings().mode);
  }
  const StartJudgement start = judge_start(call, policy);
  if (!start.judgement) return true;
  const bool runs = start.judgement->runs(policy.settings().mode);
  if (!runs && start.init) start.init->kill();
  tell(*start.judgement, "start", call, policy);
  return runs;
}

}  // namespace

int main(int argc, char** argv) {
  host::fill_standard_descriptors();
  Call call;
  try {
    const std::vector<std::string> words(argv, argv + argc);
    Policy policy;
    call = read_command_line(words, policy.settings().runtime_options);
    if (call.gated() && !admit(call, policy)) return 1;
    become_runtime(find_runtime(policy, call.runtime_name), words);
  } catch (const std::exception& error) {
    tell_caller(std::string("ipcguard: ") + (call.gated() ? "refused: " : "") + error.what(), call);
  }
  return 1;
}
