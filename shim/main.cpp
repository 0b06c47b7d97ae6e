// ipcguard-runtime: called as an OCI runtime, judges what would create a container, and becomes the real runtime.

#include <unistd.h>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "host/error.h"
#include "host/file.h"
#include "host/namespaces.h"
#include "shim/command_line.h"
#include "shim/create_gate.h"
#include "shim/exec.h"
#include "shim/policy.h"
#include "shim/record.h"
#include "shim/tell.h"

namespace {

using namespace shim;

Judgement judge(const Call& call, Policy& policy) {
  const Request request{call.bundle, call.id, call.root,
                        call.command == "restore" ? std::optional(call.image) : std::nullopt};
  try {
    find_runtime(policy, call.runtime_name);
    const std::string ambiguity = call.ambiguity.empty() ? environment_ambiguity(environ, call) : call.ambiguity;
    if (ambiguity.empty()) return judge_create(request, policy, host::kernel());
    throw host::Error(host::ErrorKind::ambiguous_command_line, ambiguity);
  } catch (const host::Error& error) {
    return unjudged(request, error, policy.settings());
  }
}

// Judges the call and tells what came of it; true if the runtime may be run.
bool admit(const Call& call, Policy& policy) {
  const Judgement judgement = judge(call, policy);
  const config::Settings& settings = policy.settings();
  if (is_recorded(judgement, settings))
    tell_operator(decision_record(judgement, {"create", settings.mode, named_runtime(policy, call.runtime_name),
                                              policy.hash(), std::chrono::system_clock::now()}),
                  settings.log);
  if (judgement.runs(settings.mode)) return true;
  tell_caller(refusal_message(judgement), call);
  return false;
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
