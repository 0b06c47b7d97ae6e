// /etc/ipcguard/allowlist.d/*.json: the exceptions that somebody granted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/container.h"
#include "config/document.h"
#include "config/vocabulary.h"

namespace config {

constexpr const char* allowlist_path = "/etc/ipcguard/allowlist.d";

// Globs of which one must match.
using Globs = std::vector<std::string>;

struct Exception {
  std::string name, reason;
  std::string owner;    // may be empty
  std::string expires;  // the last day on which it holds, UTC, "2027-03-31"; empty: it does not expire
  std::vector<host::Engine> engines;
  std::map<std::string, Globs> conditions;  // by attribute; all must hold
  std::map<std::string, Globs> labels;      // by label; all must hold
  std::vector<ExposureKind> allow;
  std::string file;  // where it stands
  std::size_t line = 0, column = 0;

  bool matches(const Container& container) const;
  // host-ipc covers host-shm and host-mqueue: engines add those mounts themselves to what shares the host's IPC.
  bool grants(ExposureKind kind) const;
  bool expired(std::string_view today) const { return !expires.empty() && today > expires; }
};

struct Allowlist {
  std::vector<Exception> exceptions;
  Problems problems;  // each makes its whole file grant nothing
};

// Adds what the text of an allowlist file grants; with a problem in it, that problem and nothing else.
void parse_allowlist(const std::string& file, std::string_view text, Allowlist& into);

// The texts that a condition on the attribute `name` is compared with; none if the container does not have it.
std::vector<std::string> texts_of(const Container& container, std::string_view name);

bool any_matches(const Globs& globs, std::string_view text);

// Whether `glob` matches all of `text`: "*" stands for any characters, "/" included, "?" for one. Takes time in
// proportion to the product of the lengths at most.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace config
