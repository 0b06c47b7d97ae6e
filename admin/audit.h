// What the benchmarks say of the containers that run now. docs/audit.md tells where each control comes from.
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "config/allowlist.h"
#include "config/settings.h"
#include "host/engine.h"
#include "shim/judgement.h"

namespace admin {

struct Control {
  std::string_view benchmark, version, number, title;
};
// The first is Docker's, and stands for all that is not Kubernetes.
inline constexpr std::array<Control, 2> controls = {{
    {"CIS Docker Benchmark", "1.6.0", "5.17", "Ensure that the host's IPC namespace is not shared"},
    {"CIS AKS Benchmark", "1.7.0", "4.2.3",
     "Minimize the admission of containers wishing to share the host IPC namespace"},
}};
constexpr const Control& control_for(host::Engine engine) { return controls[engine == host::Engine::kubernetes]; }

// Of a control: that the IPC namespace is not the host's; that it is, and an exception grants that; that it is without
// one; that it could not be told.
enum class Verdict { pass, covered, fail, error };
constexpr std::array<std::string_view, 4> verdict_names = {"pass", "covered", "fail", "error"};
constexpr std::string_view name_of(Verdict verdict) { return verdict_names[static_cast<std::size_t>(verdict)]; }

struct Audited {
  pid_t pid = 0;              // its init
  shim::Judgement judgement;  // by this host's policy, which looks at more than the control
  Verdict verdict = Verdict::pass;
  std::optional<config::Exception> exception;  // the one that covers it

  const Control& control() const { return control_for(judgement.container.engine); }
  // Whether this host's policy would not let it run.
  bool refused() const { return !judgement.error && judgement.decision.outcome == config::Outcome::refuse; }
  bool is_finding() const { return verdict == Verdict::fail || refused(); }
};

struct Audit {
  std::vector<Audited> containers;
  std::vector<std::string> problems;  // why there may be more than was seen
  config::Mode mode = config::Mode::enforce;
  std::string policy;  // "sha256:…"
  std::string time;    // "2026-11-21T20:00:00.000Z"

  std::size_t findings() const;
  // The command's exit status: 1 with a finding, 2 where something could not be looked at, 0 without either.
  int status() const;
};

void write_audit_text(std::ostream& out, const Audit& audit);
void write_audit_json(std::ostream& out, const Audit& audit);
void write_audit_junit(std::ostream& out, const Audit& audit);

}  // namespace admin
