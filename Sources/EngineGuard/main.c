/* apus-engine-guard [--memory-limit BYTES] [--hard-limit auto|cgroup|data|watch] [--grace SECONDS] [--oom-score N]
 *                   [--status-fd N] -- COMMAND [ARGUMENT...]
 *
 * Runs COMMAND so that it cannot outlive whoever started the guard. A process that gets kill -9 cannot clean up after
 * itself, but the kernel closes its end of a pipe: the guard watches the other end on its standard input.
 *
 * - COMMAND gets a session of its own, /dev/null as input, and inherits output and error.
 * - The command is stopped when standard input closes or the guard gets SIGTERM, SIGINT or SIGHUP: SIGTERM to its
 *   process group, and after the grace (2 s) SIGKILL to every descendant. Descendants that outlive COMMAND go the same way.
 * - The guard is the subreaper of its descendants, so that one that daemonizes is still found, counted and ended.
 * - Every 50 ms the resident memory of all descendants together is compared with the limit; above it they get SIGKILL.
 *   Between two looks a control group or a resource limit holds them (hard_limit.h), unless that is switched off.
 * - With an OOM score (1 to 1000), the kernel ends COMMAND before processes with a lower one when memory runs out.
 * - The status descriptor (standard error unless given) gets `limit KIND BYTES` where there is a memory limit, with KIND
 *   one of cgroup-v2, cgroup-v1, data-limit, watched; then `engine PID`; and one line at the end:
 *   `end HOW CODE max_rss_bytes=N cpu_seconds=S` with HOW one of exited, signalled, stopped, out-of-memory.
 *
 * Exit status: 0 stopped as asked; COMMAND's own status; 128 + signal; 112 (100 + ENOMEM) out of memory;
 * 127 COMMAND not found, 126 not executable; 64 usage; 71 the system refused (sysexits.h).
 */
#define _GNU_SOURCE
#include "hard_limit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 50, RESCAN_MS = 1000, GIVE_UP_MS = 10000 };
enum { EXIT_OUT_OF_MEMORY = 112, EXIT_SYSTEM = 71, EXIT_USAGE = 64 };

struct process { pid_t pid, parent; int is_descendant; };

static struct process *processes; /* a snapshot of /proc */
static size_t process_count, process_capacity;
static int status_fd = STDERR_FILENO;
static const char *oom_score;
static struct hard_limit hard_limit;

static void die(int status, const char *what, const char *detail) {
  fprintf(stderr, "apus-engine-guard: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  exit(status);
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void say(const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  /* Nobody may be left to read it, which is harmless: SIGPIPE is ignored. */
  if (write(status_fd, line, (size_t)length) < 0) return;
}

static int read_proc(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  text[length > 0 ? length : 0] = 0;
  return length > 0;
}

/* Fills `processes` from /proc and marks those that descend from this process. */
static void find_descendants(void) {
  process_count = 0;
  DIR *directory = opendir("/proc");
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    pid_t pid = atoi(entry->d_name);
    char path[64], text[512];
    if (pid <= 0) continue;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (!read_proc(path, text, sizeof text)) continue;
    char *after_name = strrchr(text, ')'); /* the name may hold spaces and brackets */
    int parent;
    if (!after_name || sscanf(after_name + 1, " %*c %d", &parent) != 1) continue;
    if (process_count == process_capacity) {
      process_capacity = process_capacity ? 2 * process_capacity : 256;
      processes = realloc(processes, process_capacity * sizeof *processes);
      if (!processes) die(EXIT_SYSTEM, "no memory for the process table", NULL);
    }
    processes[process_count++] = (struct process){pid, parent, parent == getpid()};
  }
  if (directory) closedir(directory);
  for (int changed = 1; changed;) {
    changed = 0;
    for (size_t i = 0; i < process_count; i++)
      for (size_t j = 0; !processes[i].is_descendant && j < process_count; j++)
        if (processes[j].is_descendant && processes[j].pid == processes[i].parent)
          changed = processes[i].is_descendant = 1;
  }
}

static void kill_descendants(void) {
  find_descendants();
  for (size_t i = 0; i < process_count; i++)
    if (processes[i].is_descendant) kill(processes[i].pid, SIGKILL);
}

static long long resident_bytes(void) {
  long long pages = 0;
  for (size_t i = 0; i < process_count; i++) {
    char path[64], text[128];
    long long resident;
    if (!processes[i].is_descendant) continue;
    snprintf(path, sizeof path, "/proc/%d/statm", processes[i].pid);
    if (read_proc(path, text, sizeof text) && sscanf(text, "%*d %lld", &resident) == 1) pages += resident;
  }
  return pages * sysconf(_SC_PAGESIZE);
}

/* How often the kernel ended a process of this machine for lack of memory. */
static long long kernel_kills(void) {
  static char text[65536];
  if (!read_proc("/proc/vmstat", text, sizeof text)) return 0;
  char *line = strstr(text, "\noom_kill ");
  return line ? atoll(line + 10) : 0;
}

static void run_command(char **command, pid_t guard, const sigset_t *signals) {
  sigprocmask(SIG_SETMASK, signals, NULL);
  signal(SIGPIPE, SIG_DFL);
  setsid();
  /* Second line of defence: a guard that is itself killed takes the command with it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(EXIT_SYSTEM);
  /* Raising one's own score is always allowed; a kernel that has none loses only this precaution. */
  int score = oom_score ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
  if (score >= 0 && write(score, oom_score, strlen(oom_score)) < 0) perror("apus-engine-guard: oom_score_adj");
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) _exit(EXIT_SYSTEM);
  if (!hard_limit_enter(&hard_limit)) {
    fprintf(stderr, "apus-engine-guard: cannot put the command under its memory limit: %s\n", strerror(errno));
    _exit(EXIT_SYSTEM);
  }
  say("engine %d\n", getpid()); /* here, so that it is known before anything the command says */
  execvp(command[0], command);
  fprintf(stderr, "apus-engine-guard: cannot run %s: %s\n", command[0], strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

int main(int argc, char **argv) {
  long long memory_limit = 0, grace_ms = 2000;
  const char *wanted_limit = "auto";
  int at = 1;
  for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
    if (at + 1 >= argc) die(EXIT_USAGE, "an option without a value", argv[at]);
    if (strcmp(argv[at], "--memory-limit") == 0) memory_limit = atoll(argv[at + 1]);
    else if (strcmp(argv[at], "--hard-limit") == 0) wanted_limit = argv[at + 1];
    else if (strcmp(argv[at], "--grace") == 0) grace_ms = (long long)(atof(argv[at + 1]) * 1000);
    else if (strcmp(argv[at], "--oom-score") == 0) oom_score = argv[at + 1];
    else if (strcmp(argv[at], "--status-fd") == 0) status_fd = atoi(argv[at + 1]);
    else die(EXIT_USAGE, "unknown option", argv[at]);
  }
  if (at + 1 >= argc || memory_limit < 0 || grace_ms < 0 || status_fd < 1)
    die(EXIT_USAGE, "usage: see the head of Sources/EngineGuard/main.c", NULL);

  /* Descriptors that leaked into the guard would leak into the engine: another engine's pipe, a port. */
  if (status_fd > STDERR_FILENO) {
    if (fcntl(status_fd, F_SETFD, FD_CLOEXEC) < 0) die(EXIT_USAGE, "the status descriptor", strerror(errno));
    if (status_fd > 3) close_range(3, (unsigned)status_fd - 1, 0);
  }
  close_range(status_fd > STDERR_FILENO ? (unsigned)status_fd + 1 : 3, ~0U, 0);
  setsid(); /* Ctrl-C in a terminal is for whoever started the guard, and is passed on by the pipe */
  signal(SIGPIPE, SIG_IGN);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) die(EXIT_SYSTEM, "cannot adopt descendants", strerror(errno));
  sigset_t watched, inherited;
  sigemptyset(&watched);
  sigaddset(&watched, SIGTERM), sigaddset(&watched, SIGINT), sigaddset(&watched, SIGHUP), sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, &inherited);
  struct pollfd sources[2] = {{STDIN_FILENO, POLLIN, 0}, {signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0}};
  if (sources[1].fd < 0) die(EXIT_SYSTEM, "cannot watch signals", strerror(errno));

  if (!hard_limit_prepare(&hard_limit, memory_limit, wanted_limit))
    die(EXIT_USAGE, "a hard limit is auto, cgroup, data or watch, not", wanted_limit);
  if (memory_limit > 0) say("limit %s %lld\n", hard_limit_name(&hard_limit), hard_limit.bytes);
  long long kills_before = kernel_kills();
  pid_t guard = getpid(), command = fork();
  if (command < 0) {
    hard_limit_remove(&hard_limit);
    die(EXIT_SYSTEM, "cannot fork", strerror(errno));
  }
  if (command == 0) run_command(argv + at + 1, guard, &inherited);

  const char *how = NULL; /* why the end was brought about; NULL while COMMAND runs or ended by itself */
  int command_status = 0, command_ended = 0, is_empty = 0;
  long long peak = 0, last_scan = -RESCAN_MS, kill_at = -1, last_kill = 0;
  while (!is_empty) {
    poll(sources, 2, POLL_MS);
    int must_stop = 0;
    if (sources[0].revents) {
      char ignored[256];
      ssize_t length = read(STDIN_FILENO, ignored, sizeof ignored);
      if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN)) must_stop = 1, sources[0].fd = -1;
    }
    struct signalfd_siginfo received;
    while (read(sources[1].fd, &received, sizeof received) == sizeof received)
      if (received.ssi_signo != SIGCHLD) must_stop = 1;

    long long now = now_ms();
    if (now - last_scan >= RESCAN_MS) find_descendants(), last_scan = now;
    long long resident = resident_bytes();
    if (resident > peak) peak = resident;
    /* An engine of which one process was ended for its memory is no engine any more. */
    int is_over = memory_limit > 0 && (resident > memory_limit || hard_limit_kills(&hard_limit) > 0);
    if (is_over && kill_at < 0) how = "out-of-memory", kill_at = now;
    if (must_stop && kill_at < 0) {
      if (!command_ended) how = "stopped";
      kill(-command, SIGTERM);
      kill_at = now + grace_ms;
    }
    if (kill_at >= 0 && now >= kill_at && now - last_kill >= POLL_MS) kill_descendants(), last_kill = now;
    if (kill_at >= 0 && now >= kill_at + GIVE_UP_MS) break; /* unkillable: in the kernel, on a dead disk */

    for (;;) {
      int status;
      pid_t ended = waitpid(-1, &status, WNOHANG);
      if (ended < 0 && errno == ECHILD) is_empty = 1;
      if (ended <= 0) break;
      if (ended != command) continue;
      command_status = status, command_ended = 1;
      if (kill_at < 0) kill(-command, SIGTERM), kill_at = now + grace_ms; /* what it left behind */
    }
  }

  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  if (usage.ru_maxrss * 1024LL > peak) peak = usage.ru_maxrss * 1024LL;
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  if (!how && hard_limit_kills(&hard_limit) > 0) how = "out-of-memory";
  hard_limit_remove(&hard_limit);
  int killed_by = WIFSIGNALED(command_status) ? WTERMSIG(command_status) : 0;
  if (!how && killed_by == SIGKILL && kernel_kills() > kills_before) how = "out-of-memory";
  int code = killed_by ? killed_by : WEXITSTATUS(command_status);
  say("end %s %d max_rss_bytes=%lld cpu_seconds=%.6f\n", how ? how : killed_by ? "signalled" : "exited", code, peak, cpu);
  if (how) return strcmp(how, "stopped") == 0 ? 0 : EXIT_OUT_OF_MEMORY;
  return killed_by ? 128 + killed_by : code;
}
