#include "admin/doctor_engine.h"

namespace admin {

void examine_containerd(Engine& engine) { judge_first("default-binary", {"runc"}, "built in", {}, engine); }

}  // namespace admin
