// What every harness has: an input goes through one reader, which may throw host::Error and nothing else, and whose
// message has to be fit for an engine's log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "host/error.h"
#include "host/text.h"

namespace fuzz {

inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  std::abort();
}

// One line, printable and not without bounds: what comes from the input is quoted.
inline void check_message(std::string_view message) {
  require(message.size() < 16384, "a message is of bounded size");
  require(host::printable(message, message.size() * 4) == message || message.find('\'') != std::string_view::npos,
          "a message is printable");
  require(message.find('\n') == std::string_view::npos, "a message is one line");
}

// Runs `read`; true if it threw no Error. Only the edits of containerd's files say what to write by hand, on lines.
template <class Read>
bool survives(const Read& read, bool on_one_line = true) {
  try {
    read();
    return true;
  } catch (const host::Error& error) {
    if (on_one_line) check_message(error.what());
    return false;
  }
}

}  // namespace fuzz
