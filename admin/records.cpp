#include "admin/records.h"

#include <cerrno>
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "host/text.h"
#include "shim/record.h"

namespace admin {

namespace {

using Json = nlohmann::json;

constexpr std::size_t max_line = std::size_t{4} << 20U;  // more is no record, whatever it is
constexpr std::size_t min_prefix = 4;

// Thrown by what reads a record's parts, and caught where the line is given up.
struct NoRecord {};

// The member `key`; null where there is none.
const Json& member(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) throw NoRecord();
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (value.is_null()) return {};
  if (!value.is_string()) throw NoRecord();
  return value.get<std::string>();
}

template <class Value, std::size_t size>
Value word(const Json& object, const char* key, const std::array<std::string_view, size>& names) {
  const auto value = config::value_of<Value>(names, text(object, key));
  if (!value) throw NoRecord();
  return *value;
}

// `exceptions` are those that granted something, with what is known of them.
config::JudgedExposure exposure_of(const Json& json, const Json& exceptions) {
  config::JudgedExposure judged{
      {word<config::ExposureKind>(json, "kind", config::exposure_names), text(json, "detail")},
      word<config::Action>(json, "action", config::action_names),
      {},
      {}};
  if (const std::string name = text(json, "exception"); !name.empty()) {
    judged.exception.emplace();
    judged.exception->name = name;
    for (const Json& exception : exceptions) {
      if (text(exception, "name") != name) continue;
      judged.exception->reason = text(exception, "reason");
      judged.exception->owner = text(exception, "owner");
      judged.exception->expires = text(exception, "expires");
    }
  }
  return judged;
}

config::Container container_of(const Json& record) {
  config::Container container;
  container.engine = word<host::Engine>(member(record, "container"), "engine", host::engine_names);
  const Json& identity = member(record, "identity").is_object() ? member(record, "identity") : Json::object();
  for (const Json* part : {&member(record, "container"), &identity})
    for (const std::string_view name : config::attribute_names)
      if (std::string value = text(*part, std::string(name).c_str()); !value.empty())
        container.attributes[std::string(name)] = std::move(value);
  if (std::string bundle = text(record, "bundle"); !bundle.empty()) container.attributes["bundle"] = std::move(bundle);
  for (const auto& [name, value] : member(identity, "labels").items())
    if (value.is_string()) container.labels[name] = value.get<std::string>();
  container.unestablished = text(identity, "unestablished");
  return container;
}

host::Error error_of(const Json& json) {
  const std::string kind = text(json, "kind");
  for (const host::ErrorKind known :
       {host::ErrorKind::ambiguous_config, host::ErrorKind::invalid_config, host::ErrorKind::ambiguous_command_line,
        host::ErrorKind::invalid_policy, host::ErrorKind::unverifiable})
    if (host::name_of(known) == kind) return {known, text(json, "detail")};
  throw NoRecord();
}

// One line without its end, kept as far as max_line + 1; whether there was one.
bool next_line(std::streambuf& buffer, std::string& line) {
  line.clear();
  int c = buffer.sbumpc();
  if (c == std::char_traits<char>::eof()) return false;
  for (; c != std::char_traits<char>::eof() && c != '\n'; c = buffer.sbumpc())
    if (line.size() <= max_line) line += static_cast<char>(c);
  return true;
}

}  // namespace

std::optional<Record> parse_record(std::string_view line) {
  if (line.size() > max_line) return std::nullopt;
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  try {
    Record record;
    record.time = text(json, "time");
    if (record.time.size() < sizeof "2026-11-21") return std::nullopt;
    record.gate = text(json, "gate");
    record.policy = text(json, "policy");
    record.mode = word<config::Mode>(json, "mode", config::mode_names);
    shim::Judgement& judgement = record.judgement;
    judgement.decision.outcome = word<config::Outcome>(json, "decision", config::outcome_names);
    for (const Json& exposure : member(json, "exposures"))
      judgement.decision.exposures.push_back(exposure_of(exposure, member(json, "exceptions")));
    if (const Json& error = member(json, "error"); !error.is_null()) judgement.error = error_of(error);
    judgement.subject.bundle = text(json, "bundle");
    judgement.container = container_of(json);
    judgement.subject.id = judgement.container.attribute("id").value_or("");
    for (const Json& warning : member(json, "warnings"))
      if (warning.is_string()) judgement.warnings.push_back(warning.get<std::string>());
    record.text = line;
    return record;
  } catch (const NoRecord&) {
    return std::nullopt;
  }
}

std::size_t read_records(std::istream& log, const std::function<void(const Record&)>& take) {
  std::size_t skipped = 0;
  std::string line;
  try {
    while (next_line(*log.rdbuf(), line)) {
      if (const auto record = parse_record(line))
        take(*record);
      else
        ++skipped;
    }
  } catch (const std::ios_base::failure&) {  // of a folder, say
    throw host::Error(host::ErrorKind::unverifiable, "it cannot be read; it should be a file of decision records");
  }
  return skipped;
}

std::string log_name(const std::string& path, const shim::Policy& policy) {
  if (path == "-") return "standard input";
  return host::quoted(path.empty() ? policy.settings().log.file : path);
}

void read_log(const std::string& path, const shim::Policy& policy, const std::function<void(const Record&)>& take) {
  const std::string name = log_name(path, policy);
  if (path.empty() && !policy.settings_problems().empty())
    std::cerr << "ipcguard: the settings are broken, so the default log is read; ipcguard validate lists why\n";
  std::ifstream file;
  if (path != "-") {
    file.open(path.empty() ? policy.settings().log.file : path, std::ios::binary);
    if (!file && path.empty() && errno == ENOENT) {
      std::cerr << "ipcguard: there is no decision log " << name << " yet; --log FILE reads another\n";
      return;
    }
    if (!file)
      throw host::Error(host::ErrorKind::unverifiable,
                        "the decision log " + name + " cannot be opened: " + host::reason(errno));
  }
  std::size_t skipped = 0;
  try {
    skipped = read_records(path == "-" ? std::cin : file, take);
  } catch (const host::Error& error) {
    throw host::Error(error.kind(), "the decision log " + name + ": " + error.what());
  }
  if (skipped > 0)
    std::cerr << "ipcguard: passed over " << skipped << (skipped == 1 ? " line" : " lines") << " of " << name
              << " that " << (skipped == 1 ? "is" : "are") << " no decision record\n";
}

std::string today() { return shim::utc(std::chrono::system_clock::now(), false).substr(0, 10); }

bool is_called(const config::Container& container, std::string_view id) {
  const std::string known = container.attribute("id").value_or("");
  return known == id || (id.size() >= min_prefix && known.starts_with(id)) || container.attribute("name") == id;
}

}  // namespace admin
