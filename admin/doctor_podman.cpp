#include "admin/doctor_engine.h"

namespace admin {

void examine_crio(const Engine&) {}
void examine_podman(const Engine&) {}

}  // namespace admin
