// What the decision log comes to, in numbers. Its size does not depend on that of the log.
#pragma once

#include <cstddef>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "admin/records.h"
#include "config/allowlist.h"

namespace admin {

struct Count {
  std::size_t count = 0;
  std::string first, last;  // times
};

// Counts by the values of some columns.
struct Section {
  const char* name;    // in JSON
  const char* metric;  // in Prometheus; null where the values are too many or not ours to publish
  const char* help;
  std::vector<const char*> columns;
  std::map<std::vector<std::string>, Count> counts = {};

  // Counts `values`, and as "(others)" what comes after too many different ones.
  void add(std::vector<std::string> values, const std::string& time);
};

class Report {
 public:
  // `today` tells what has expired.
  Report(const config::Allowlist& allowlist, std::string today);

  void add(const Record& record);

  void write_text(std::ostream& out) const;
  void write_json(std::ostream& out) const;
  void write_prometheus(std::ostream& out) const;

 private:
  // An exception that somebody should look at, and why.
  struct Finding {
    const config::Exception* exception;
    std::vector<std::string> why;  // "unused", "expired", "expires soon"
  };
  std::vector<Finding> findings() const;

  const config::Allowlist& allowlist_;
  std::string today_;
  std::set<std::string, std::less<>> unused_;  // names
  Section decisions_, exposures_, errors_, images_, namespaces_, exceptions_;
  std::vector<Section*> sections_ = {&decisions_, &exposures_, &errors_, &images_, &namespaces_, &exceptions_};
};

}  // namespace admin
