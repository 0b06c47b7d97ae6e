#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "admin/audit.h"
#include "host/text.h"
#include "shim/record.h"

namespace admin {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_text = 2048;  // bytes of one detail

std::string title_of(const Control& control) {
  return std::string(control.benchmark) + " " + std::string(control.version) + ", " + std::string(control.number);
}

// Who it is, for people: the name it is known by, and its id.
std::string name_of(const Audited& audited) {
  const config::Container& container = audited.judgement.container;
  const auto attribute = [&](const char* name) { return host::printable(container.attribute(name).value_or("")); };
  std::string name = attribute("name");
  if (container.attribute("pod")) name = attribute("namespace") + "/" + attribute("pod");
  if (container.attribute("container")) name += "/" + attribute("container");
  std::string id = attribute("id");
  if (id.empty()) id = "process " + std::to_string(audited.pid);
  return name.empty() ? id : name + " (" + id + ")";
}

// What was seen of it, and what became of that, a line each.
std::vector<std::string> lines_of(const Audited& audited) {
  std::vector<std::string> lines;
  for (const config::JudgedExposure& judged : audited.judgement.decision.exposures) {
    lines.push_back(std::string(config::name_of(judged.exposure.kind)) + ": " +
                    host::printable(judged.exposure.detail, max_text) + ": " +
                    std::string(config::name_of(judged.action)));
    if (judged.exception)
      lines.back() += " by " + host::quoted(judged.exception->name) + ", " + host::printable(judged.exception->reason);
  }
  if (const auto& error = audited.judgement.error)
    lines.push_back("it could not be judged: " + std::string(host::name_of(error->kind())) + ": " +
                    host::printable(error->what(), max_text));
  if (const std::string& why = audited.judgement.container.unestablished; !why.empty())
    lines.push_back("who it is could not be established: " + host::printable(why, max_text));
  for (const std::string& warning : audited.judgement.warnings) lines.push_back(host::printable(warning, max_text));
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

std::size_t count(const Audit& audit, const Control& control, Verdict verdict) {
  return static_cast<std::size_t>(
      std::count_if(audit.containers.begin(), audit.containers.end(),
                    [&](const Audited& one) { return &one.control() == &control && one.verdict == verdict; }));
}

std::size_t refused(const Audit& audit) {
  return static_cast<std::size_t>(std::count_if(audit.containers.begin(), audit.containers.end(),
                                                [](const Audited& one) { return one.refused(); }));
}

std::string padded(std::string_view word, std::size_t width) {
  return std::string(word) + std::string(width > word.size() ? width - word.size() : 1, ' ');
}

Json control_of(const Control& control) {
  return {{"benchmark", control.benchmark}, {"version", control.version}, {"number", control.number}};
}

// Text in XML 1.0: markup escaped; characters that XML does not have, and bytes that are no UTF-8, dropped.
std::string xml(std::string_view text) {
  static const std::map<std::string_view, const char*> others = {
      {"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"\xEF\xBF\xBE", ""}, {"\xEF\xBF\xBF", ""}};
  std::string out;
  for (std::size_t length = 0; !text.empty(); text.remove_prefix(std::max<std::size_t>(length, 1))) {
    length = host::utf8_length(text);
    const std::string_view letter = text.substr(0, length);
    const auto other = others.find(letter);
    if (other != others.end())
      out += other->second;
    else if (length > 1 || letter == "\n" || letter >= " ")
      out += letter;
  }
  return out;
}

struct Suite {
  std::string name;
  const Control* control = nullptr;  // none: this host's policy
  std::size_t tests = 0, failures = 0, errors = 0;
};

void write_case(std::ostream& out, const Suite& suite, const Audited& audited) {
  const bool by_policy = suite.control == nullptr, error = audited.verdict == Verdict::error;
  const bool failed = by_policy ? audited.refused() : audited.verdict == Verdict::fail;
  out << "    <testcase classname=\"" << host::name_of(audited.judgement.container.engine) << "\" name=\""
      << xml(name_of(audited)) << "\"";
  const std::string lines = xml(joined(lines_of(audited)));
  const char* element = error ? "error" : "failure";
  if (error || failed)
    out << ">\n      <" << element << " type=\"" << (by_policy ? "policy" : suite.control->number) << "\" message=\""
        << (error       ? "it could not be judged"
            : by_policy ? "this host's policy refuses it"
                        : "it shares the host's IPC namespace")
        << "\">" << lines << "</" << element << ">\n    </testcase>\n";
  else if (!lines.empty())
    out << ">\n      <system-out>" << lines << "</system-out>\n    </testcase>\n";
  else
    out << "/>\n";
}

}  // namespace

void write_audit_text(std::ostream& out, const Audit& audit) {
  out << "CONTROL  POLICY  ENGINE      CONTAINER\n";
  for (const Audited& one : audit.containers) {
    out << padded(admin::name_of(one.verdict), 9) << padded(config::name_of(one.judgement.decision.outcome), 8)
        << padded(host::name_of(one.judgement.container.engine), 12) << name_of(one) << "\n";
    for (const std::string& line : lines_of(one)) out << "         " << line << "\n";
  }
  for (const Control& control : controls) {
    out << title_of(control) << ":";
    for (const Verdict verdict : {Verdict::pass, Verdict::covered, Verdict::fail, Verdict::error})
      out << (verdict == Verdict::pass ? " " : ", ") << count(audit, control, verdict) << " "
          << admin::name_of(verdict);
    out << "\n";
  }
  out << "policy, mode " << config::name_of(audit.mode) << ": " << refused(audit) << " refused\n";
  out << "containers: " << audit.containers.size() << ", findings: " << audit.findings() << "\n";
}

void write_audit_json(std::ostream& out, const Audit& audit) {
  Json containers = Json::array(), summaries = Json::array();
  for (const Audited& one : audit.containers) {
    const Json record = Json::parse(shim::decision_record(one.judgement, {"start", audit.mode, "", audit.policy, {}}));
    Json container = {{"pid", one.pid}, {"control", control_of(one.control())}};
    container["control"]["result"] = admin::name_of(one.verdict);
    container["control"]["exception"] = one.exception ? Json(one.exception->name) : Json(nullptr);
    container["finding"] = one.is_finding();
    // The rest is the decision record's, but for what is the same for all.
    for (const auto& [key, value] : record.items())
      if (key != "time" && key != "gate" && key != "mode" && key != "runtime" && key != "policy" && key != "version")
        container[key] = value;
    containers.push_back(std::move(container));
  }
  for (const Control& control : controls) {
    Json summary = control_of(control);
    summary["title"] = control.title;
    for (const Verdict verdict : {Verdict::pass, Verdict::covered, Verdict::fail, Verdict::error})
      summary[std::string(admin::name_of(verdict))] = count(audit, control, verdict);
    summaries.push_back(std::move(summary));
  }
  const Json all = {
      {"time", audit.time},
      {"version", IPCGUARD_VERSION},
      {"mode", config::name_of(audit.mode)},
      {"policy", audit.policy},
      {"controls", summaries},
      {"containers", containers},
      {"problems", audit.problems},
      {"summary",
       {{"containers", audit.containers.size()}, {"refused", refused(audit)}, {"findings", audit.findings()}}}};
  out << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

void write_audit_junit(std::ostream& out, const Audit& audit) {
  std::vector<Suite> suites;
  suites.reserve(controls.size() + 1);
  for (const Control& control : controls)
    suites.push_back({title_of(control) + ": " + std::string(control.title), &control});
  suites.push_back({"ipcguard policy of this host, mode " + std::string(config::name_of(audit.mode))});
  Suite all;
  for (Suite& suite : suites) {
    for (const Audited& one : audit.containers) {
      if (suite.control != nullptr && suite.control != &one.control()) continue;
      ++suite.tests;
      if (one.verdict == Verdict::error) ++suite.errors;
      if (suite.control == nullptr ? one.refused() : one.verdict == Verdict::fail) ++suite.failures;
    }
    all.tests += suite.tests, all.failures += suite.failures, all.errors += suite.errors;
  }
  const auto counts = [&](const Suite& suite) {
    out << " tests=\"" << suite.tests << "\" failures=\"" << suite.failures << "\" errors=\"" << suite.errors << "\"";
  };
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ipcguard audit\"";
  counts(all);
  out << ">\n";
  for (const Suite& suite : suites) {
    out << "  <testsuite name=\"" << xml(suite.name) << "\" timestamp=\"" << audit.time << "\"";
    counts(suite);
    out << ">\n";
    for (const Audited& one : audit.containers)
      if (suite.control == nullptr || suite.control == &one.control()) write_case(out, suite, one);
    out << "  </testsuite>\n";
  }
  out << "</testsuites>\n";
}

}  // namespace admin
