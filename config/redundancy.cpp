#include "config/redundancy.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <tuple>

namespace config {

namespace {

// What every text that `glob` matches begins with.
std::string_view beginning(std::string_view glob) { return glob.substr(0, glob.find_first_of("*?")); }

// Whether whatever `narrow` matches is matched by `wide`, as far as is plain to see: never true by mistake.
bool covers(std::string_view wide, std::string_view narrow) {
  return wide == narrow || wide == "*" || (beginning(narrow) == narrow && glob_matches(wide, narrow));
}

bool covers(const Globs& wide, const Globs& narrow) {
  return std::all_of(narrow.begin(), narrow.end(), [&](const std::string& one) {
    return std::any_of(wide.begin(), wide.end(), [&](const std::string& other) { return covers(other, one); });
  });
}

// Whether all of the conditions `wide` hold wherever those of `narrow` do.
bool covers(const std::map<std::string, Globs>& wide, const std::map<std::string, Globs>& narrow) {
  return std::all_of(wide.begin(), wide.end(), [&](const auto& condition) {
    const auto same = narrow.find(condition.first);
    return same != narrow.end() && covers(condition.second, same->second);
  });
}

bool covers(const Exception& wide, const Exception& narrow) {
  const auto has = [&](host::Engine engine) {
    return std::find(wide.engines.begin(), wide.engines.end(), engine) != wide.engines.end();
  };
  return (wide.expires.empty() || (!narrow.expires.empty() && narrow.expires <= wide.expires)) &&
         std::all_of(narrow.engines.begin(), narrow.engines.end(), has) && covers(wide.conditions, narrow.conditions) &&
         covers(wide.labels, narrow.labels) &&
         std::all_of(narrow.allow.begin(), narrow.allow.end(), [&](ExposureKind kind) { return wide.grants(kind); });
}

// Finds what may cover an exception without a look at all the others: each is filed under how the globs of one of its
// conditions begin. What covers another begins as that does, or earlier.
class Index {
 public:
  explicit Index(const std::vector<Exception>& exceptions) {
    for (const Exception& exception : exceptions) add(exception);
  }

  // In the exceptions' order.
  std::vector<const Exception*> candidates(const Exception& narrow) const {
    std::vector<const Exception*> found;
    for (const bool label : {false, true}) {
      for (const auto& [name, globs] : label ? narrow.labels : narrow.conditions) {
        const std::string_view start = beginning(globs.front());
        for (std::size_t size = 0; size <= start.size(); ++size)
          if (const auto filed = files_.find({label, name, start.substr(0, size)}); filed != files_.end())
            found.insert(found.end(), filed->second.begin(), filed->second.end());
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  using Key = std::tuple<bool, std::string_view, std::string_view>;  // label or attribute, its name, a beginning

  // Under the condition whose globs begin with the most text, since the fewest others begin so too.
  void add(const Exception& exception) {
    std::size_t most = 0;
    Key name;
    const Globs* filed = nullptr;
    for (const bool label : {false, true}) {
      for (const auto& [key, globs] : label ? exception.labels : exception.conditions) {
        std::size_t least = beginning(globs.front()).size();
        for (const std::string& glob : globs) least = std::min(least, beginning(glob).size());
        if (filed != nullptr && least <= most) continue;
        most = least;
        name = {label, key, {}};
        filed = &globs;
      }
    }
    if (filed == nullptr) return;  // no condition, which the reader does not let pass
    for (const std::string& glob : *filed)
      files_[{std::get<0>(name), std::get<1>(name), beginning(glob)}].push_back(&exception);
  }

  std::map<Key, std::vector<const Exception*>> files_;
};

}  // namespace

std::vector<Redundancy> redundancies(const std::vector<Exception>& exceptions, std::string_view today) {
  const Index index(exceptions);
  std::vector<Redundancy> found;
  for (const Exception& narrow : exceptions) {
    if (narrow.expired(today)) continue;
    const auto candidates = index.candidates(narrow);
    const auto wide = std::find_if(candidates.begin(), candidates.end(), [&](const Exception* other) {
      return other != &narrow && covers(*other, narrow) && (other < &narrow || !covers(narrow, *other));
    });
    if (wide != candidates.end()) found.push_back({&narrow, *wide});
  }
  return found;
}

}  // namespace config
