// Whose a file is, and who else could put another in its place.
#pragma once

#include <optional>
#include <string>

namespace host {

// What lets somebody other than root change what a path names.
struct Weakness {
  std::string path;     // the file itself, or a folder or link on the way to it
  std::string what;     // "it belongs to user 1000", "others may write to it (mode 0777)"
  std::string command;  // what mends it, for a shell
};

// The first one on the way to `path`, an absolute path, links followed; nullopt if only root can change it. What does
// not exist is no weakness.
std::optional<Weakness> weakness_of(const std::string& path);

// What makes a program dangerous whoever owns it: it runs with more rights than its caller's (set-user-ID,
// set-group-ID, file capabilities). `path` as above.
std::optional<Weakness> privilege_of(const std::string& path);

// `text` as one word of a shell's, for commands that somebody will paste. What is not printable is escaped, and then
// the word no longer names what it came from; it is never more than a word.
std::string shell_word(const std::string& text);

}  // namespace host
