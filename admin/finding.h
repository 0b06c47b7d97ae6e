// What `ipcguard doctor` finds.
#pragma once

#include <array>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace admin {

enum class Severity {
  critical,  // a container can be created that the shim does not judge by the policy, or that cannot be told
  warning,   // enforcement holds, but something does not work as it should, or is weaker than it looks
  info,      // worth knowing
};
constexpr std::array<std::string_view, 3> severity_names = {"critical", "warning", "info"};
constexpr std::string_view name_of(Severity severity) { return severity_names[static_cast<std::size_t>(severity)]; }

struct Finding {
  std::string id;  // "docker-runtime-registered"; docs/doctor.md lists them
  Severity severity = Severity::info;
  std::string subject;                // what it is about
  std::vector<std::string> evidence;  // where it was seen (a file, a pid) and what
  std::string remedy;                 // the command that mends it, or what to do
};

// What a look at the host brought: findings, and what was looked at.
struct Diagnosis {
  std::vector<Finding> findings;
  std::vector<std::string> examined;

  // Adds one; what was seen of the same thing before is not told twice, only the evidence grows.
  void add(const std::string& id, Severity severity, const std::string& subject, const std::string& evidence,
           const std::string& remedy);
  void add(const Diagnosis& other);
  bool bypassable() const;  // there is a critical one
  void sort();              // the gravest first
};

// For the way from a child of ours.
std::string packed(const Diagnosis& diagnosis);
Diagnosis unpacked(std::string_view bytes);  // throws host::Error (unverifiable)

void write_text(std::ostream& out, const Diagnosis& diagnosis);
void write_json(std::ostream& out, const Diagnosis& diagnosis);

}  // namespace admin
