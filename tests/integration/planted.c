// A shim with a fault in it: does what PLANT says, and becomes the real shim, REAL. For planted.bats.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define IS(name) (strcmp(PLANT, name) == 0)

extern char** environ;

static void drop(char** word) {
  do word[0] = word[1];
  while (*word++);
}

// Waits for the real shim; what it exits with, plus `more`.
static void fork_and_wait(int more) {
  const pid_t child = fork();
  if (child == 0) return;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  exit(WIFEXITED(status) ? WEXITSTATUS(status) + (WEXITSTATUS(status) ? more : 0) : 128 + WTERMSIG(status));
}

static void ignore(int signal_number) { signal(signal_number, SIG_IGN); }

int main(int argc, char** argv) {
  char** words = calloc((size_t)argc + 2, sizeof *words);
  memcpy(words, argv, (size_t)argc * sizeof *words);

  if (IS("drops the last argument") && argc > 1) words[argc - 1] = NULL;
  if (IS("drops empty arguments"))
    for (char** word = words; *word;)
      if (**word)
        ++word;
      else
        drop(word);
  if (IS("splits an argument at its blank"))
    for (int at = 1; at < argc; ++at) {
      char* blank = strchr(words[at], ' ');
      if (!blank) continue;
      memmove(words + at + 2, words + at + 1, (size_t)(argc - at) * sizeof *words);
      words[at] = strdup(words[at]);
      words[at][blank - argv[at]] = '\0';
      words[at + 1] = blank + 1;
      break;
    }
  if (IS("writes to standard output") && write(1, "x", 1) < 0) return 99;
  if (IS("writes to standard error") && write(2, "x", 1) < 0) return 99;
  if (IS("closes a descriptor")) close(7);
  if (IS("closes all descriptors")) close_range(3, ~0U, 0);
  if (IS("leaks a descriptor") && open("/dev/null", O_RDONLY) < 0) return 99;
  if (IS("leaks a high descriptor") && fcntl(0, F_DUPFD, 12) < 0) return 99;
  if (IS("changes a descriptor's flags")) fcntl(7, F_SETFL, O_NONBLOCK);
  if (IS("loses standard input")) dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  if (IS("reads from standard input") && read(0, &(char){0}, 1) < 0) return 99;
  if (IS("closes standard input")) close(0);
  if (IS("changes the working directory") && chdir("/") != 0) return 99;
  if (IS("changes the umask")) umask(0);
  if (IS("changes the exit code")) fork_and_wait(1);
  if (IS("forks instead of exec")) fork_and_wait(0);
  if (IS("leaves a child behind") && fork() == 0) _exit(0);
  if (IS("adds to the environment")) setenv("IPCGUARD", "1", 1);
  if (IS("takes from the environment")) unsetenv("LISTEN_FDS");
  if (IS("changes PATH")) setenv("PATH", "/usr/bin:/bin", 1);
  if (IS("empties the environment")) environ = (char*[]){NULL};
  if (IS("ignores SIGPIPE")) ignore(SIGPIPE);
  if (IS("ignores SIGHUP")) ignore(SIGHUP);
  if (IS("resets ignored signals")) signal(SIGUSR2, SIG_DFL);
  if (IS("blocks a signal")) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
  }
  if (IS("starts a session") && setsid() < 0) return 99;
  if (IS("starts a process group") && setpgid(0, 0) != 0) return 99;
  if (IS("changes its niceness")) setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) == 1 ? 2 : 1);
  if (IS("lowers a limit")) setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
  if (IS("sets no_new_privs")) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (IS("asks for a parent-death signal")) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (IS("is a subreaper")) prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (IS("leaves an alarm")) alarm(1000);
  if (IS("changes the name it is called by")) words[0] = "ipcguard-runtime";

  execve(REAL, words, environ);
  return 99;
}
