// What we have done to an engine's files, kept below /var/lib/ipcguard/configured/ENGINE until it is undone. Only root
// can look into it: the old bytes of a file may be secret.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engines/plan.h"
#include "host/fd.h"

namespace engines {

class Record {
 public:
  struct File {
    std::string path;                     // without links
    std::optional<std::string> original;  // hash of its bytes before us; none: it was not there
    std::vector<std::string> written;  // hashes of what we wrote: the last, and the one before where that may be there

    bool is_ours(const Text& now) const;
  };

  // The record for `engine`, empty if there is none. Throws Error (invalid_config) if it cannot be understood.
  Record(const std::string& engine, const std::string& root);

  bool there() const { return there_; }
  // What was asked for; its root is left empty.
  Wish wish;
  std::vector<std::string> folders;  // that we made, each before those in it

  const File* find(const std::string& path) const;
  Text original_of(const File& file) const;

  // Remembers that `path`, which holds `now`, is to hold `text`, and was `original` before us; on disk when it returns.
  void remember(const std::string& path, const Text& now, const Text& text, const Text& original);
  void save();
  // Forgets it all.
  void drop();

 private:
  std::string parent_, folder_;
  bool there_ = false;
  std::vector<File> files_;
};

// While it lives, nobody else changes records or what they are of.
class RecordLock {
 public:
  // Makes the folder of all records, and waits for whoever has it. Throws Error (unverifiable).
  explicit RecordLock(const std::string& root);

 private:
  host::Fd fd_;
};

}  // namespace engines
