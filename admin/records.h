// The decision log, read back: what shim/record.h writes.
#pragma once

#include <cstddef>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "shim/judgement.h"
#include "shim/policy.h"

namespace admin {

struct Record {
  shim::Judgement judgement;
  config::Mode mode = config::Mode::enforce;
  std::string time;          // "2026-11-21T20:00:00.000Z"
  std::string gate, policy;  // "create", "sha256:…"
  std::string text;          // the line itself

  // The day it was made, as config/date.h has it.
  std::string_view day() const { return std::string_view(time).substr(0, 10); }
};

// What a line says; nullopt if it is no record. Keys of another version are passed over.
std::optional<Record> parse_record(std::string_view line);

// Hands each record to `take`, one at a time; returns how many lines were none. Throws host::Error if reading fails.
std::size_t read_records(std::istream& log, const std::function<void(const Record&)>& take);

// The same for the log at `path`, "-" for standard input, or where it is empty for the one that the settings name,
// which is not there until there is a record. Tells on standard error of what was passed over.
void read_log(const std::string& path, const shim::Policy& policy, const std::function<void(const Record&)>& take);

// How the log is called in messages.
std::string log_name(const std::string& path, const shim::Policy& policy);

// Whether `id` names that container: all of its id, the first characters of it (at least 4), or its name.
bool is_called(const config::Container& container, std::string_view id);

// The day it is now, UTC.
std::string today();

}  // namespace admin
