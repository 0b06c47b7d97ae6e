#include "config/explain.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "admin/commands.h"
#include "admin/facts.h"
#include "admin/records.h"
#include "config/decision.h"
#include "host/text.h"
#include "shim/identity.h"
#include "shim/record.h"

namespace admin {

namespace {

using Json = nlohmann::ordered_json;
using config::Action;
using config::ExposureKind;

// Finds the latest record of a container while the log goes by.
class Search {
 public:
  explicit Search(std::string id) : id_(std::move(id)) {}

  void add(const Record& record) {
    const std::string id = record.judgement.container.attribute("id").value_or("");
    if (id == id_)
      keep(record, exact_);
    else if (record.judgement.container.attribute("name") == id_)
      keep(record, named_);
    else if (is_called(record.judgement.container, id_)) {
      keep(record, begun_);
      if (ids_.size() <= max_told) ids_.insert(id);
    }
  }

  // In the order in which engines look for what they are given: the id, the name, the beginning of an id.
  std::optional<Record> found() const {
    if (exact_) return exact_;
    if (named_) return named_;
    if (ids_.size() <= 1) return begun_;
    std::string told;
    std::size_t count = 0;
    for (const std::string& id : ids_)
      if (++count <= max_told) told += (told.empty() ? "" : ", ") + host::quoted(id, 128);
    throw host::Error(host::ErrorKind::unverifiable, "several containers have an id that begins with " +
                                                         host::quoted(id_) + ": " + told +
                                                         (count > max_told ? " and more" : "") + "; give more of it");
  }

 private:
  // By its time: rotated files may come in any order.
  static void keep(const Record& record, std::optional<Record>& latest) {
    if (!latest || record.time >= latest->time) latest = record;
  }

  static constexpr std::size_t max_told = 5;
  std::string id_;
  std::optional<Record> exact_, named_, begun_;
  std::set<std::string> ids_;  // that begin with it
};

// A container that is there without a record, in the words of one.
std::optional<Record> judged_now(const ExplainOptions& options, shim::Policy& policy) {
  auto judgement = judge_running(options.id, options.root, "default", policy);
  if (!judgement) return std::nullopt;
  if (judgement->container.attributes.empty())
    judgement->container = shim::identify(judgement->subject, policy.settings().engines);
  const shim::Circumstances circumstances{"start", policy.settings().mode, "", policy.hash(),
                                          std::chrono::system_clock::now()};
  return parse_record(shim::decision_record(*judgement, circumstances));
}

std::optional<Record> find_record(const ExplainOptions& options, shim::Policy& policy) {
  std::optional<Record> found;
  if (!options.record.empty()) {
    read_log(options.record, policy, [&](const Record& record) { found = record; });
    if (!found) std::cerr << "ipcguard: " << log_name(options.record, policy) << " has no decision record\n";
    return found;
  }
  Search search(options.id);
  read_log(options.log, policy, [&](const Record& record) { search.add(record); });
  found = search.found();
  if (!found) found = judged_now(options, policy);
  if (!found)
    std::cerr << "ipcguard: there is no record of " << host::quoted(options.id) << " in "
              << log_name(options.log, policy) << ", and no such container now; --log reads another file, --root tells "
              << "where the runtime keeps its containers\n";
  return found;
}

// Everything that there is to say beyond the record.
struct Explanation {
  std::string policy;  // the hash now
  std::vector<config::NearMiss> near;
  std::optional<config::Decision> today;  // none where the record has no exposures to decide about
  std::string objection;                  // why nothing can be decided today
  std::vector<std::string> instead;
};

bool stands_in_the_way(Action action) { return action == Action::refuse || action == Action::warn; }

Explanation explain_record(const Record& record, shim::Policy& policy) {
  Explanation out;
  const shim::Judgement& judgement = record.judgement;
  const config::Allowlist& allowlist = policy.allowlist();
  out.policy = policy.hash();
  const auto& exposures = judgement.decision.exposures;
  std::vector<config::Exposure> seen;
  std::transform(exposures.begin(), exposures.end(), std::back_inserter(seen),
                 [](const config::JudgedExposure& judged) { return judged.exposure; });
  const config::Decision decided = config::decide(seen, judgement.container, policy.settings(), allowlist, today());
  if (!policy.settings_problems().empty())
    out.objection = policy.settings_problems().front().text();
  else if (!judgement.error)
    out.today = decided;
  std::vector<ExposureKind> wanted;
  for (std::size_t at = 0; at < exposures.size(); ++at) {
    if (!stands_in_the_way(exposures[at].action) && !stands_in_the_way(decided.exposures[at].action)) continue;
    wanted.push_back(exposures[at].exposure.kind);
    const char* advice = shim::advice(wanted.back());
    if (std::find(out.instead.begin(), out.instead.end(), advice) == out.instead.end())
      out.instead.emplace_back(advice);
  }
  if (!wanted.empty()) out.near = config::near_misses(wanted, judgement.container, allowlist, today());
  return out;
}

// Which setting an action comes from. Of the record's own policy only the hash is left, so it is the setting of today.
std::string rule_for(const config::JudgedExposure& judged, const config::Settings& settings) {
  if (judged.action == Action::excepted) return "the exception " + host::quoted(judged.exception->name) + " grants it";
  const std::string setting = "exposures." + std::string(config::name_of(judged.exposure.kind));
  const Action now = settings.action_for(judged.exposure.kind);
  const Action usual = config::Settings().action_for(judged.exposure.kind);
  std::string rule = "no exception granted it, and " + setting + " is " + std::string(config::name_of(now));
  if (judged.action == Action::allow) rule = setting + " is " + std::string(config::name_of(now));
  rule += now == usual ? ", the default" : ", as set; the default is " + std::string(config::name_of(usual));
  if (now != judged.action) rule += "; it was " + std::string(config::name_of(judged.action)) + " then";
  return rule;
}

void write_text(std::ostream& out, const Record& record, const Explanation& why, const config::Settings& settings) {
  const shim::Judgement& judgement = record.judgement;
  out << "time: " << host::printable(record.time) << ", at the " << host::printable(record.gate) << " gate\n";
  write_facts(out, judgement, record.mode);
  if (!judgement.container.unestablished.empty())
    out << "who it is could not be established: " << host::printable(judgement.container.unestablished, 2048) << "\n";
  if (judgement.error)
    out << "it could not be judged, which no exception changes: " << host::name_of(judgement.error->kind()) << ": "
        << host::printable(judgement.error->what(), 2048) << "\n";
  for (const config::JudgedExposure& judged : judgement.decision.exposures) {
    out << "rule: " << config::name_of(judged.exposure.kind) << ": " << rule_for(judged, settings) << "\n";
    for (const std::string& expired : judged.expired)
      out << "rule: the exception " << host::quoted(expired) << " would have granted it, and had expired\n";
  }
  for (const config::NearMiss& miss : why.near) {
    out << "nearly: " << host::quoted(miss.exception->name) << " in " << host::printable(miss.exception->file) << ": ";
    for (std::size_t at = 0; at < miss.failed.size(); ++at) out << (at == 0 ? "" : "; ") << miss.failed[at];
    out << "\n";
  }
  out << "policy: " << (why.policy == record.policy ? "the same today" : "it has changed since") << "\n";
  if (!why.objection.empty())
    out << "today: every container is refused: " << host::printable(why.objection, 2048) << "\n";
  if (why.today) out << "today: " << config::name_of(why.today->outcome) << "\n";
  for (const std::string& advice : why.instead) out << "instead: " << advice << "\n";
}

void write_json(std::ostream& out, const Record& record, const Explanation& why, const config::Settings& settings) {
  Json rules = Json::array(), near = Json::array(), today = nullptr;
  for (const config::JudgedExposure& judged : record.judgement.decision.exposures)
    rules.push_back({{"kind", config::name_of(judged.exposure.kind)}, {"rule", rule_for(judged, settings)}});
  for (const config::NearMiss& miss : why.near)
    near.push_back({{"exception", miss.exception->name}, {"file", miss.exception->file}, {"failed", miss.failed}});
  if (!why.objection.empty()) today = "refuse";
  if (why.today) today = config::name_of(why.today->outcome);
  const Json all = {{"record", Json::parse(record.text)},
                    {"rules", rules},
                    {"nearly", near},
                    {"policy", {{"hash", why.policy}, {"changed", why.policy != record.policy}}},
                    {"today", today},
                    {"instead", why.instead}};
  out << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace

int explain(const ExplainOptions& options) {
  shim::Policy policy;
  const auto record = find_record(options, policy);
  if (!record) return 1;
  const Explanation why = explain_record(*record, policy);
  (options.json ? write_json : write_text)(std::cout, *record, why, policy.settings());
  return 0;
}

}  // namespace admin
