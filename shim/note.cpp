// By this note host::is_shim knows this program. From the section's name the assembler takes that it is a note, which
// makes a segment of it (elf(5), PT_NOTE) that the linker and strip keep.
#include "host/shim_note.h"

extern const host::ShimNote ipcguard_note;  // or it would be this file's own, and left out
[[gnu::section(".note.ipcguard"), gnu::used, gnu::aligned(4)]] constinit const host::ShimNote ipcguard_note;
