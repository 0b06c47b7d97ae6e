#include "engines/configure.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engines/files.h"
#include "engines/record.h"

namespace engines {

namespace {

struct Step {
  Change change;
  Text original;      // what stood there before us
  bool ours = false;  // just what we wrote is there
};

std::vector<Step> steps_of(const Plan& plan, bool remove, const Record& record) {
  std::vector<Step> steps;
  for (const Edit& edit : plan.edits) {
    Step step;
    step.change.path = resolved(edit.path);
    step.change.before = read_text(step.change.path);
    const Text& now = step.change.before;
    const Record::File* file = record.find(step.change.path);
    // Where it is not what we wrote, somebody has changed it since, and what is not ours stays.
    step.ours = file != nullptr && file->is_ours(now);
    if (step.ours)
      step.original = record.original_of(*file);
    else
      step.original = edit.take(now, file != nullptr ? record.original_of(*file) : Text(""));
    step.change.after = remove ? step.original : edit.put(now);
    steps.push_back(std::move(step));
  }
  return steps;
}

Changes differing(const std::vector<Step>& steps) {
  Changes changes;
  for (const Step& step : steps)
    if (step.change.before != step.change.after) changes.push_back(step.change);
  return changes;
}

void append(Notes& notes, Notes more) {
  for (std::string& note : more) notes.push_back(std::move(note));
}

void write(const std::string& path, const Text& text) {
  if (!text) return remove_file(path);
  make_folders(std::filesystem::path(path).parent_path().string());
  replace_file(path, *text);
}

Notes put(const Plan& plan, const std::vector<Step>& steps, Record& record) {
  Notes notes;
  for (const auto& [change, original, ours] : steps) {
    if (change.before == change.after) continue;
    for (std::string& folder : missing_folders(std::filesystem::path(change.path).parent_path().string()))
      if (std::find(record.folders.begin(), record.folders.end(), folder) == record.folders.end())
        record.folders.push_back(std::move(folder));
    record.remember(change.path, change.before, change.after, original);
    write(change.path, change.after);
    notes.push_back((change.before ? "changed " : "made ") + change.path);
  }
  const bool changed = !notes.empty();
  if (plan.after_put) append(notes, plan.after_put(changed));
  return notes;
}

Notes take(const Plan& plan, const std::vector<Step>& steps, Record& record) {
  Notes notes;
  if (plan.before_take) {
    Changes all;
    for (const Step& step : steps) all.push_back(step.change);
    append(notes, plan.before_take(all, [&](const std::string& path, const std::string& text) {
      const auto step =
          std::find_if(steps.begin(), steps.end(), [&](const Step& one) { return one.change.path == path; });
      record.remember(path, step->change.before, text, step->original);
      write(path, text);
    }));
  }
  for (std::size_t i = steps.size(); i-- > 0;) {
    const auto& [change, original, ours] = steps[i];
    if (read_text(change.path) != change.after) write(change.path, change.after);
    if (change.before == change.after) continue;
    notes.push_back(!change.after ? "removed " + change.path
                    : ours        ? "restored " + change.path + " as it was"
                                  : "took ipcguard out of " + change.path);
  }
  const bool changed = !notes.empty();
  if (plan.after_take) append(notes, plan.after_take(changed));
  for (std::size_t i = record.folders.size(); i-- > 0;) rmdir(record.folders[i].c_str());
  return notes;
}

}  // namespace

Changes changes_of(const Plan& plan, const Wish& wish) {
  return differing(steps_of(plan, wish.remove, Record(plan.engine, wish.root)));
}

Notes carry_out(const Plan& plan, const Wish& wish) {
  const RecordLock lock(wish.root);
  Record record(plan.engine, wish.root);
  const std::vector<Step> steps = steps_of(plan, wish.remove, record);
  const Changes changes = differing(steps);
  if (plan.accept && !changes.empty()) plan.accept(changes);
  if (!wish.remove) {
    record.wish = wish;
    if (!plan.config.empty()) record.wish.config = plan.config;
    return put(plan, steps, record);
  }
  Notes notes = take(plan, steps, record);
  record.drop();
  return notes;
}

std::optional<Wish> recorded_wish(const std::string& engine, const std::string& root) {
  const Record record(engine, root);
  if (!record.there()) return std::nullopt;
  Wish wish = record.wish;
  wish.root = root;
  return wish;
}

}  // namespace engines
