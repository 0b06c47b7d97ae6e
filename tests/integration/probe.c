// A stand-in for the runtime: tells, in the file $PROBE_OUTPUT, everything that a program inherits from who called it.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

// The lines of a file of /proc that begin with one of the words, or all of them.
static void copy(FILE* to, const char* path, const char* words) {
  char line[4096], word[64], wanted[72];
  FILE* from = fopen(path, "re");
  while (from && fgets(line, sizeof line, from))
    if (!words || (sscanf(line, "%63[^:]", word) == 1 && snprintf(wanted, sizeof wanted, " %s ", word) > 0 &&
                   strstr(words, wanted)))
      fputs(line, to);
  if (from) fclose(from);
}

static void descriptors(FILE* to) {
  char path[64], target[4096];
  struct stat status;
  for (int number = 0; number < 1024; ++number) {
    if (fcntl(number, F_GETFD) < 0) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    target[length < 0 ? 0 : length] = '\0';
    const int known = fstat(number, &status) == 0 && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode);
    fprintf(to, "descriptor %d %s flags %o at %ld\n", number, known ? target : "pipe", (unsigned)fcntl(number, F_GETFL),
            (long)lseek(number, 0, SEEK_CUR));
  }
}

int main(int argc, char** argv) {
  // In memory, so that all descriptors that are open are the caller's.
  char* text = NULL;
  size_t length = 0;
  FILE* to = open_memstream(&text, &length);
  if (!to) return 1;
  fprintf(to, "pid %d\n", getpid());
  for (int at = 1; at < argc; ++at) fprintf(to, "argument %s\n", argv[at]);
  for (char** variable = environ; *variable; ++variable) fprintf(to, "variable %s\n", *variable);
  char directory[4096];
  fprintf(to, "directory %s\n", getcwd(directory, sizeof directory));
  descriptors(to);
  copy(to, "/proc/self/status",
       " Umask PPid Uid Gid Groups SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs "
       "Seccomp "
       "Seccomp_filters Cpus_allowed_list Mems_allowed_list THP_enabled CoreDumping ");
  copy(to, "/proc/self/limits", NULL);
  copy(to, "/proc/self/oom_score_adj", NULL);
  copy(to, "/proc/self/cgroup", NULL);
  copy(to, "/proc/self/coredump_filter", NULL);
  fprintf(to, "group %d session %d niceness %d\n", getpgrp(), getsid(0), nice(0));
  const pid_t child = waitpid(-1, NULL, WNOHANG);
  fprintf(to, "children %s\n", child < 0 ? "none" : "some");
  int death_signal = -1, subreaper = -1;
  prctl(PR_GET_PDEATHSIG, &death_signal);
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
  fprintf(to, "parent-death signal %d subreaper %d securebits %d keepcaps %d timer slack %d dumpable %d\n", death_signal,
          subreaper, prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS), prctl(PR_GET_TIMERSLACK), prctl(PR_GET_DUMPABLE));
  for (int which = ITIMER_REAL; which <= ITIMER_PROF; ++which) {
    struct itimerval timer = {0};
    getitimer(which, &timer);
    fprintf(to, "timer %d %s\n", which, timer.it_value.tv_sec || timer.it_value.tv_usec ? "runs" : "none");
  }
  fclose(to);
  FILE* output = fopen(getenv("PROBE_OUTPUT"), "we");
  return !output || fwrite(text, 1, length, output) != length || fclose(output) != 0;
}
