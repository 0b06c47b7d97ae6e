// Stands for host/sandbox.cpp in the harnesses: the same work without the fork, a thousand times as fast. What it
// throws and returns takes the same way; that a crash there is a refusal is tested in unit/sandbox_test.cpp.
#include "host/error.h"
#include "host/sandbox.h"

namespace host {

std::string run_sandboxed(const std::function<std::string()>& work, std::size_t max_answer,
                          const std::function<void()>& meanwhile) {
  if (meanwhile) meanwhile();
  std::string answer = work();
  if (answer.size() > max_answer) throw Error(ErrorKind::unverifiable, "the sandboxed reader answered too much");
  return answer;
}

void reap_sandboxed() {}

}  // namespace host
