#include "admin/report.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "admin/commands.h"
#include "config/date.h"
#include "config/decision.h"
#include "host/text.h"
#include "shim/record.h"

namespace admin {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_values = 1000;  // different ones a section; CI hosts never run out of new image tags

// The worst that became of an exposure of it.
std::string_view worst_action(const shim::Judgement& judgement) {
  const auto any = [&](config::Action action) {
    const auto& exposures = judgement.decision.exposures;
    return std::any_of(exposures.begin(), exposures.end(), [&](const auto& judged) { return judged.action == action; });
  };
  if (judgement.error) return name_of(config::Action::refuse);
  for (const config::Action action : {config::Action::refuse, config::Action::warn, config::Action::excepted})
    if (any(action)) return name_of(action);
  return name_of(config::Action::allow);
}

// Rows below a heading, each column as wide as its widest cell in bytes.
void write_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], row[at].size());
  }
  for (const auto& row : rows)
    for (std::size_t at = 0; at < row.size(); ++at)
      out << row[at] << (at + 1 == row.size() ? "\n" : std::string(widths[at] - row[at].size() + 2, ' '));
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

// A label's value as the text exposition format wants it.
std::string escaped(const std::string& value) {
  std::string out;
  for (const char c : host::printable(value, 1024)) {  // without line ends
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

void write_head(std::ostream& out, const char* metric, const char* type, const char* help) {
  out << "# HELP " << metric << " " << help << "\n# TYPE " << metric << " " << type << "\n";
}

}  // namespace

void Section::add(std::vector<std::string> values, const std::string& time) {
  if (counts.size() >= max_values && counts.find(values) == counts.end()) values.assign(columns.size(), "(others)");
  Count& count = counts[std::move(values)];
  if (count.count++ == 0) count.first = count.last = time;
  count.first = std::min(count.first, time);
  count.last = std::max(count.last, time);
}

Report::Report(const config::Allowlist& allowlist, std::string today)
    : allowlist_(allowlist),
      today_(std::move(today)),
      decisions_{"decisions", "ipcguard_decisions_total", "Decisions in the log.", {"decision", "gate", "mode"}},
      exposures_{
          "exposures", "ipcguard_exposures_total", "Exposures of the log's decisions.", {"kind", "action", "engine"}},
      errors_{"errors", "ipcguard_errors_total", "Containers that could not be judged.", {"kind"}},
      images_{"images", nullptr, nullptr, {"engine", "image", "action"}},
      namespaces_{"namespaces", nullptr, nullptr, {"engine", "namespace", "action"}},
      exceptions_{
          "exceptions", "ipcguard_exception_used_total", "Decisions that the exception had a part in.", {"exception"}} {
  for (const config::Exception& exception : allowlist_.exceptions) unused_.insert(exception.name);
}

void Report::add(const Record& record) {
  const shim::Judgement& judgement = record.judgement;
  decisions_.add({std::string(config::name_of(judgement.decision.outcome)), record.gate,
                  std::string(config::name_of(record.mode))},
                 record.time);
  if (judgement.error) errors_.add({std::string(host::name_of(judgement.error->kind()))}, record.time);
  std::set<std::string> used;
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    exposures_.add({std::string(config::name_of(judged.exposure.kind)), std::string(config::name_of(judged.action)),
                    std::string(host::name_of(judgement.container.engine))},
                   record.time);
    if (judged.exception) used.insert(judged.exception->name);
  }
  for (const std::string& name : used) {
    exceptions_.add({name}, record.time);
    unused_.erase(name);
  }
  if (judgement.decision.exposures.empty() && !judgement.error) return;  // a plain private container
  for (auto& [section, attribute] : {std::pair(&images_, "image"), std::pair(&namespaces_, "namespace")})
    if (const auto value = judgement.container.attribute(attribute))
      section->add(
          {std::string(host::name_of(judgement.container.engine)), *value, std::string(worst_action(judgement))},
          record.time);
}

std::vector<Report::Finding> Report::findings() const {
  std::vector<Finding> findings;
  for (const config::Exception& exception : allowlist_.exceptions) {
    Finding finding{&exception, {}};
    if (unused_.contains(exception.name)) finding.why.emplace_back("unused");
    if (exception.expired(today_)) finding.why.emplace_back("expired");
    if (!config::expiry_warning(exception, today_).empty()) finding.why.emplace_back("expires soon");
    if (!finding.why.empty()) findings.push_back(std::move(finding));
  }
  return findings;
}

void Report::write_text(std::ostream& out) const {
  if (decisions_.counts.empty()) out << "no decisions\n";
  for (const Section* section : sections_) {
    if (section->counts.empty()) continue;
    std::vector<std::vector<std::string>> rows(1);
    for (const char* column : section->columns) rows[0].push_back(upper(column));
    rows[0].insert(rows[0].end(), {"COUNT", "FIRST", "LAST"});
    for (const auto& [values, count] : section->counts) {
      std::vector<std::string> row;
      for (const std::string& value : values) row.push_back(host::printable(value, 128));
      row.insert(row.end(),
                 {std::to_string(count.count), host::printable(count.first, 32), host::printable(count.last, 32)});
      rows.push_back(std::move(row));
    }
    out << section->name << ":\n";
    write_table(out, rows);
    out << "\n";
  }
  std::vector<std::vector<std::string>> rows{{"EXCEPTION", "WHY", "EXPIRES", "OWNER", "FILE"}};
  for (const Finding& finding : findings()) {
    std::string why;
    for (const std::string& one : finding.why) why += (why.empty() ? "" : ", ") + one;
    const auto shown = [](const std::string& text) { return text.empty() ? "-" : host::printable(text, 128); };
    const config::Exception& exception = *finding.exception;
    rows.push_back(
        {shown(exception.name), why, shown(exception.expires), shown(exception.owner), shown(exception.file)});
  }
  if (rows.size() == 1) return;
  out << "to review:\n";
  write_table(out, rows);
}

void Report::write_json(std::ostream& out) const {
  Json report = Json::object();
  for (const Section* section : sections_) {
    Json& rows = report[section->name] = Json::array();
    for (const auto& [values, count] : section->counts) {
      Json row = Json::object();
      for (std::size_t at = 0; at < values.size(); ++at) row[section->columns[at]] = values[at];
      row.update({{"count", count.count}, {"first", count.first}, {"last", count.last}});
      rows.push_back(std::move(row));
    }
  }
  Json& review = report["review"] = Json::array();
  for (const Finding& finding : findings()) {
    const config::Exception& exception = *finding.exception;
    const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
    review.push_back({{"exception", exception.name},
                      {"why", finding.why},
                      {"expires", or_null(exception.expires)},
                      {"owner", or_null(exception.owner)},
                      {"file", exception.file}});
  }
  out << report.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

void Report::write_prometheus(std::ostream& out) const {
  for (const Section* section : sections_) {
    if (section->metric == nullptr) continue;
    write_head(out, section->metric, "counter", section->help);
    for (const auto& [values, count] : section->counts) {
      std::string labels;
      for (std::size_t at = 0; at < values.size(); ++at)
        labels += (at == 0 ? "" : ",") + std::string(section->columns[at]) + "=\"" + escaped(values[at]) + "\"";
      out << section->metric << "{" << labels << "} " << count.count << "\n";
    }
    if (section == &exceptions_)  // so that an alert can see that it is never used
      for (const std::string& name : unused_) out << section->metric << "{exception=\"" << escaped(name) << "\"} 0\n";
  }
  constexpr const char* expires = "ipcguard_exception_expires_timestamp_seconds";
  write_head(out, expires, "gauge", "When the exception ceases to hold: the end of its last day.");
  std::map<std::string, long long> ends;  // of several with one name the first; a series may be there only once
  for (const config::Exception& exception : allowlist_.exceptions) {
    const auto day = config::day_of(exception.expires);
    if (!day) continue;
    const long long end = std::chrono::seconds((*day + std::chrono::days(1)).time_since_epoch()).count();
    const auto [at, added] = ends.emplace(escaped(exception.name), end);
    if (!added) at->second = std::min(at->second, end);
  }
  for (const auto& [name, end] : ends) out << expires << "{exception=\"" << name << "\"} " << end << "\n";
}

int report(const ReportOptions& options) {
  shim::Policy policy;
  const config::Allowlist& allowlist = policy.allowlist();
  if (!allowlist.problems.empty())
    std::cerr << "ipcguard: allowlist files with a problem are left out of the report; ipcguard validate lists them\n";
  Report report(allowlist, today());
  read_log(options.log, policy, [&](const Record& record) {
    if (record.day() >= options.since) report.add(record);
  });
  if (options.format == "json")
    report.write_json(std::cout);
  else if (options.format == "prometheus")
    report.write_prometheus(std::cout);
  else
    report.write_text(std::cout);
  return 0;
}

}  // namespace admin
