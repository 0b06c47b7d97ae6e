// The one error type. See CONTRIBUTING.md, "Errors".
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace host {

// Why a container could not be judged. The names are those of the decision record's error.kind.
enum class ErrorKind {
  ambiguous_config,        // runtimes would read this document differently from one another
  invalid_config,          // the document is not what it should be, for every reader
  ambiguous_command_line,  // runtimes would read these arguments differently from one another
  invalid_policy,          // settings or allowlist are broken
  unverifiable,            // the kernel or the runtime's state did not give the answer
};

constexpr std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::ambiguous_config: return "ambiguous-config";
    case ErrorKind::invalid_config: return "invalid-config";
    case ErrorKind::ambiguous_command_line: return "ambiguous-command-line";
    case ErrorKind::invalid_policy: return "invalid-policy";
    case ErrorKind::unverifiable: return "unverifiable";
  }
  return "unverifiable";
}

// Thrown by whatever cannot do what its name says. what() tells what, where and how to mend it, in one line.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace host
