#include "admin/finding.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/text.h"
#include "host/wire.h"

namespace admin {

namespace {

std::size_t count_of(const Diagnosis& diagnosis, Severity severity) {
  return static_cast<std::size_t>(std::count_if(diagnosis.findings.begin(), diagnosis.findings.end(),
                                                [&](const Finding& finding) { return finding.severity == severity; }));
}

void pack(host::Packer& packer, const std::vector<std::string>& texts) {
  packer.number(texts.size());
  for (const std::string& text : texts) packer.text(text);
}

std::vector<std::string> unpack(host::Unpacker& unpacker) {
  std::vector<std::string> texts;
  for (auto left = unpacker.number(); left > 0; --left) texts.push_back(unpacker.text());
  return texts;
}

}  // namespace

void Diagnosis::add(const std::string& id, Severity severity, const std::string& subject, const std::string& evidence,
                    const std::string& remedy) {
  const auto known = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.id == id && finding.subject == subject && finding.remedy == remedy;
  });
  if (known == findings.end()) {
    findings.push_back({id, severity, subject, {evidence}, remedy});
    return;
  }
  auto& seen = known->evidence;
  if (std::find(seen.begin(), seen.end(), evidence) == seen.end()) seen.push_back(evidence);
}

void Diagnosis::add(const Diagnosis& other) {
  for (const Finding& finding : other.findings)
    for (const std::string& evidence : finding.evidence)
      add(finding.id, finding.severity, finding.subject, evidence, finding.remedy);
  examined.insert(examined.end(), other.examined.begin(), other.examined.end());
}

bool Diagnosis::bypassable() const { return count_of(*this, Severity::critical) > 0; }

void Diagnosis::sort() {
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& one, const Finding& other) { return one.severity < other.severity; });
}

std::string packed(const Diagnosis& diagnosis) {
  host::Packer packer;
  packer.number(diagnosis.findings.size());
  for (const Finding& finding : diagnosis.findings) {
    packer.text(finding.id);
    packer.number(static_cast<std::uint64_t>(finding.severity));
    packer.text(finding.subject);
    pack(packer, finding.evidence);
    packer.text(finding.remedy);
  }
  pack(packer, diagnosis.examined);
  return packer.take();
}

Diagnosis unpacked(std::string_view bytes) {
  host::Unpacker unpacker(bytes);
  Diagnosis diagnosis;
  for (auto left = unpacker.number(); left > 0; --left) {
    Finding finding;
    finding.id = unpacker.text();
    finding.severity = static_cast<Severity>(std::min<std::uint64_t>(unpacker.number(), severity_names.size() - 1));
    finding.subject = unpacker.text();
    finding.evidence = unpack(unpacker);
    finding.remedy = unpacker.text();
    diagnosis.findings.push_back(std::move(finding));
  }
  diagnosis.examined = unpack(unpacker);
  unpacker.end();
  return diagnosis;
}

void write_text(std::ostream& out, const Diagnosis& diagnosis) {
  constexpr std::size_t limit = 2048;
  for (const Finding& finding : diagnosis.findings) {
    out << name_of(finding.severity) << ": " << finding.id << ": " << host::printable(finding.subject, limit) << "\n";
    for (const std::string& evidence : finding.evidence)
      out << "    seen: " << host::printable(evidence, limit) << "\n";
    out << "    mend: " << host::printable(finding.remedy, limit) << "\n";
  }
  if (!diagnosis.findings.empty()) out << "\n";
  out << "examined:\n";
  for (const std::string& what : diagnosis.examined) out << "    " << host::printable(what, limit) << "\n";
  out << "\n"
      << count_of(diagnosis, Severity::critical) << " critical, " << count_of(diagnosis, Severity::warning)
      << " warning, " << count_of(diagnosis, Severity::info) << " info: "
      << (diagnosis.bypassable() ? "enforcement can be bypassed, or that cannot be told"
                                 : "no way around the shim was found")
      << "\n";
}

void write_json(std::ostream& out, const Diagnosis& diagnosis) {
  using Json = nlohmann::ordered_json;
  Json findings = Json::array();
  for (const Finding& finding : diagnosis.findings)
    findings.push_back({{"id", finding.id},
                        {"severity", name_of(finding.severity)},
                        {"subject", finding.subject},
                        {"evidence", finding.evidence},
                        {"remedy", finding.remedy}});
  Json counts;
  for (const Severity severity : {Severity::critical, Severity::warning, Severity::info})
    counts[std::string(name_of(severity))] = count_of(diagnosis, severity);
  const Json document = {{"version", IPCGUARD_VERSION},
                         {"bypassable", diagnosis.bypassable()},
                         {"counts", counts},
                         {"findings", findings},
                         {"examined", diagnosis.examined}};
  out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace admin
