// Meddles with a program by ptrace(2), where strace cannot. Ends as the program does.
//   meddle kill N FILE COMMAND...: its first child is killed as it enters its Nth system call;
//   meddle hang N FILE COMMAND...: the child stops there for good. FILE gets the line "hit", and "ended" when the child ended.
//   meddle jump SECONDS COMMAND...: its clock is that far ahead.

#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t program;
static long number;  // of the system call, or of seconds
static const char* file;

static struct __ptrace_syscall_info info_of(pid_t pid) {
  struct __ptrace_syscall_info info = {0};
  ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
  return info;
}

static void note(const char* line) {
  FILE* out = fopen(file, "a");
  if (!out || fputs(line, out) < 0 || fclose(out) != 0) exit(99);
}

// Hides the vDSO from a program that was just executed, which then asks the kernel for the time.
static void hide_vdso(void) {
  unsigned long at = info_of(program).stack_pointer, word = sizeof word;
  at += (1 + (unsigned long)ptrace(PTRACE_PEEKDATA, program, at, 0) + 1) * word;  // argc, argv
  while (ptrace(PTRACE_PEEKDATA, program, at, 0) != 0) at += word;               // environment
  for (at += word; ptrace(PTRACE_PEEKDATA, program, at, 0) != AT_NULL; at += 2 * word)
    if (ptrace(PTRACE_PEEKDATA, program, at, 0) == AT_SYSINFO_EHDR) ptrace(PTRACE_POKEDATA, program, at, AT_IGNORE);
}

static void jump(const struct __ptrace_syscall_info* info) {
  static struct __ptrace_syscall_info call;
  if (info->op == PTRACE_SYSCALL_INFO_ENTRY) call = *info;
  if (info->op != PTRACE_SYSCALL_INFO_EXIT || info->exit.rval != 0) return;
  if (call.entry.nr != SYS_clock_gettime || call.entry.args[0] != CLOCK_REALTIME) return;
  const long seconds = ptrace(PTRACE_PEEKDATA, program, call.entry.args[1], 0);
  ptrace(PTRACE_POKEDATA, program, call.entry.args[1], seconds + number);
}

int main(int argc, char** argv) {
  if (argc < 4) return 99;
  const int jumps = strcmp(argv[1], "jump") == 0, hangs = strcmp(argv[1], "hang") == 0;
  number = atol(argv[2]);
  if (!jumps) file = argv[3];
  program = fork();
  if (program == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    execvp(argv[jumps ? 3 : 4], argv + (jumps ? 3 : 4));
    _exit(98);
  }
  int status = 0;
  waitpid(program, &status, 0);
  ptrace(PTRACE_SETOPTIONS, program, 0,
         PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE);
  ptrace(PTRACE_SYSCALL, program, 0, 0);
  pid_t child = 0, pid;
  for (long calls = 0; (pid = waitpid(-1, &status, __WALL)) > 0;) {
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == program) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      if (!jumps && pid == child && calls >= number) note("ended\n");
      continue;
    }
    if (pid != program && child == 0) child = pid;
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
      const struct __ptrace_syscall_info info = info_of(pid);
      signal = 0;
      if (jumps && pid == program) jump(&info);
      if (!jumps && pid == child && info.op == PTRACE_SYSCALL_INFO_ENTRY && ++calls == number) {
        note("hit\n");
        if (hangs) continue;
        kill(pid, SIGKILL);
      }
    } else if (signal == SIGTRAP || signal == SIGSTOP) {  // an exec or a clone, and the child's beginning
      if (jumps && status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8)) && pid == program) hide_vdso();
      signal = 0;
    }
    ptrace(PTRACE_SYSCALL, pid, 0, signal);
  }
  return 97;
}
