// Exceptions that would have admitted what was refused, as narrow as what is known of the containers permits.
#pragma once

#include <cstddef>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "admin/records.h"
#include "config/vocabulary.h"
#include "host/engine.h"

namespace admin {

class Suggestions {
 public:
  // Adds what `record`, of a refusal, would need; false if no exception can admit it: it could not be judged, or
  // nothing is known of who it is.
  bool add(const Record& record);

  bool empty() const { return groups_.empty(); }

  // Writes an allowlist file, in which every reason is left to be filled in, for exceptions that expire on `expires`.
  void write(std::ostream& out, const std::string& expires) const;

 private:
  // Who it is: the engine and the attributes that tell, in the order in which they are written.
  struct Identity {
    host::Engine engine;
    std::vector<std::pair<std::string, std::string>> attributes;
    bool operator<(const Identity& other) const {
      return std::tie(engine, attributes) < std::tie(other.engine, other.attributes);
    }
  };
  struct Group {
    std::size_t records = 0;
    std::vector<std::string> evidence;  // the first few, a line each
    std::set<config::ExposureKind> refused;
    std::string unestablished;
  };
  static Identity identity_of(const config::Container& container);
  static void write_one(std::ostream& out, const std::string& name, const Identity& identity, const Group& group,
                        const std::string& expires);

  std::map<Identity, Group> groups_;
};

}  // namespace admin
