#include "admin/audit.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/unit/catch.h"

using admin::Audit;
using admin::Audited;
using admin::Verdict;

namespace {

Audited audited(host::Engine engine, const std::string& id, Verdict verdict) {
  Audited one;
  one.pid = 42;
  one.verdict = verdict;
  one.judgement.container.engine = engine;
  one.judgement.container.attributes["id"] = id;
  if (verdict == Verdict::error) {
    one.judgement.error = host::Error(host::ErrorKind::unverifiable, "its mounts cannot be read");
    one.judgement.decision.outcome = config::Outcome::refuse;
  } else if (verdict != Verdict::pass) {
    const bool fails = verdict == Verdict::fail;
    one.judgement.decision.outcome = fails ? config::Outcome::refuse : config::Outcome::allow;
    one.judgement.decision.exposures = {{{config::ExposureKind::host_ipc, "its init is in the host's"},
                                         fails ? config::Action::refuse : config::Action::excepted,
                                         {},
                                         {}}};
    if (!fails) {
      one.exception.emplace();
      one.exception->name = "kubernetes-system";
      one.exception->reason = "left out by the benchmark";
      one.judgement.decision.exposures[0].exception = one.exception;
    }
  }
  return one;
}

Audited member(const std::string& id, Verdict verdict) {
  Audited one = audited(host::Engine::kubernetes, id, verdict);
  one.judgement.container.attributes["namespace"] = "kube-system";
  one.judgement.container.attributes["pod"] = "csi";
  one.judgement.container.attributes["container"] = "plugin";
  return one;
}

Audit sample() {
  Audit audit;
  audit.time = "2026-11-21T20:00:00.000Z";
  audit.policy = "sha256:0";
  audit.containers = {audited(host::Engine::docker, "d1", Verdict::pass),
                      audited(host::Engine::podman, "p1", Verdict::fail), member("k1", Verdict::covered)};
  return audit;
}

template <class Write>
std::string written(const Audit& audit, Write write) {
  std::ostringstream out;
  write(out, audit);
  return out.str();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Kubernetes has its own control, all others Docker's") {
  CHECK(admin::control_for(host::Engine::kubernetes).number == "4.2.3");
  for (const host::Engine engine :
       {host::Engine::docker, host::Engine::podman, host::Engine::containerd, host::Engine::unknown})
    CHECK(admin::control_for(engine).number == "5.17");
}

TEST_CASE("the exit status: a finding, something not seen, or neither") {
  Audit audit;
  CHECK(audit.status() == 0);
  audit.containers = {audited(host::Engine::docker, "a", Verdict::pass),
                      audited(host::Engine::docker, "b", Verdict::covered)};
  CHECK(audit.status() == 0);
  audit.problems = {"12 processes cannot be examined"};
  CHECK(audit.status() == 2);
  audit.problems.clear();
  audit.containers.push_back(audited(host::Engine::docker, "c", Verdict::error));
  CHECK(audit.status() == 2);
  CHECK(audit.findings() == 0);
  // What the policy refuses is a finding although the control passes.
  audit.containers.push_back(audited(host::Engine::docker, "d", Verdict::pass));
  audit.containers.back().judgement.decision.outcome = config::Outcome::refuse;
  CHECK(audit.status() == 1);
  CHECK(audit.findings() == 1);
}

TEST_CASE("audit as text") {
  CHECK(written(sample(), admin::write_audit_text) ==
        "CONTROL  POLICY  ENGINE      CONTAINER\n"
        "pass     allow   docker      d1\n"
        "fail     refuse  podman      p1\n"
        "         host-ipc: its init is in the host's: refuse\n"
        "covered  allow   kubernetes  kube-system/csi/plugin (k1)\n"
        "         host-ipc: its init is in the host's: excepted by 'kubernetes-system', left out by the benchmark\n"
        "CIS Docker Benchmark 1.6.0, 5.17: 1 pass, 0 covered, 1 fail, 0 error\n"
        "CIS AKS Benchmark 1.7.0, 4.2.3: 0 pass, 1 covered, 0 fail, 0 error\n"
        "policy, mode enforce: 1 refused\n"
        "containers: 3, findings: 1\n");
}

TEST_CASE("audit as JSON") {
  const auto json = nlohmann::json::parse(written(sample(), admin::write_audit_json));
  CHECK(json["summary"] == nlohmann::json::parse(R"({"containers":3,"refused":1,"findings":1})"));
  CHECK(json["controls"][1]["covered"] == 1);
  CHECK(json["controls"][1]["number"] == "4.2.3");
  CHECK(json["mode"] == "enforce");
  CHECK(json["policy"] == "sha256:0");
  REQUIRE(json["containers"].size() == 3);
  CHECK(
      json["containers"][1]["control"] ==
      nlohmann::json::parse(
          R"({"benchmark":"CIS Docker Benchmark","version":"1.6.0","number":"5.17","result":"fail","exception":null})"));
  CHECK(json["containers"][1]["finding"] == true);
  CHECK(json["containers"][1]["pid"] == 42);
  CHECK(json["containers"][2]["control"]["exception"] == "kubernetes-system");
  CHECK(json["containers"][2]["container"]["pod"] == "csi");
  CHECK(json["containers"][2]["identity"]["container"] == "plugin");
  CHECK_FALSE(json["containers"][2].contains("gate"));
}

TEST_CASE("audit as JUnit") {
  Audit audit = sample();
  audit.containers.push_back(audited(host::Engine::docker, "d2", Verdict::error));
  const std::string xml = written(audit, admin::write_audit_junit);
  CHECK(has(xml, R"(<testsuites name="ipcguard audit" tests="8" failures="2" errors="2">)"));
  CHECK(has(xml,
            R"(<testsuite name="CIS Docker Benchmark 1.6.0, 5.17: Ensure that the host's IPC namespace is not shared")"
            R"( timestamp="2026-11-21T20:00:00.000Z" tests="3" failures="1" errors="1">)"));
  CHECK(has(
      xml,
      R"(<testsuite name="ipcguard policy of this host, mode enforce" timestamp="2026-11-21T20:00:00.000Z" tests="4" failures="1" errors="1">)"));
  CHECK(has(xml, "<testcase classname=\"docker\" name=\"d1\"/>\n"));
  CHECK(has(xml,
            "<testcase classname=\"podman\" name=\"p1\">\n"
            "      <failure type=\"5.17\" message=\"it shares the host's IPC namespace\">host-ipc: its init is in the "
            "host's: refuse</failure>\n"
            "    </testcase>\n"));
  CHECK(has(xml,
            "<testcase classname=\"kubernetes\" name=\"kube-system/csi/plugin (k1)\">\n"
            "      <system-out>host-ipc: its init is in the host's: excepted by 'kubernetes-system', left out by the "
            "benchmark</system-out>\n"));
  CHECK(has(xml,
            "<error type=\"5.17\" message=\"it could not be judged\">it could not be judged: unverifiable: its mounts "
            "cannot be read</error>"));
}

TEST_CASE("nothing that a container says of itself breaks a line or a document") {
  Audit audit;
  audit.containers = {audited(host::Engine::docker, "id", Verdict::fail)};
  auto& judgement = audit.containers[0].judgement;
  judgement.container.attributes["name"] = "<a b=\"&'\">\n\x1b[2J\xff\xef\xbf\xbe\xef\xbf\xbf é";
  judgement.decision.exposures[0].exposure.detail = "]]> \x01\r\n</failure>";
  const std::string xml = written(audit, admin::write_audit_junit);
  CHECK(has(xml, "name=\"&lt;a b=&quot;&amp;'&quot;&gt;\\x0a\\x1b[2J\\xff é (id)\""));
  CHECK(has(xml, ">host-ipc: ]]&gt; \\x01\\x0d\\x0a&lt;/failure&gt;: refuse</failure>"));
  const std::string text = written(audit, admin::write_audit_text);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 7);
  CHECK(nlohmann::json::parse(written(audit, admin::write_audit_json))["containers"].size() == 1);
}
