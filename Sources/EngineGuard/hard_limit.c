#define _GNU_SOURCE
#include "hard_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_file(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  size_t length = 0;
  for (ssize_t count; length < size - 1 && (count = read(fd, text + length, size - 1 - length)) > 0;)
    length += (size_t)count;
  close(fd);
  text[length] = 0;
  return 1;
}

static int read_in(const char *directory, const char *name, char *text, size_t size) {
  char path[4400];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return read_file(path, text, size);
}

static int write_in(const char *directory, const char *name, const char *text) {
  char path[4400];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  int written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return written;
}

/* Whether `word` is one of the words in `list`, which `separators` set apart. */
static int has_word(const char *list, const char *word, const char *separators) {
  size_t length = strlen(word);
  for (const char *at = list; *at;) {
    size_t span = strcspn(at, separators);
    if (span == length && strncmp(at, word, length) == 0) return 1;
    at += span + (at[span] != 0);
  }
  return 0;
}

/* The directory of our own group in the hierarchy that controls memory: of version 2, or of version 1. */
static int own_group(int version, char *directory, size_t size) {
  static char groups[65536], mounts[262144];
  if (!read_file("/proc/self/cgroup", groups, sizeof groups)) return 0;
  if (!read_file("/proc/self/mountinfo", mounts, sizeof mounts)) return 0;
  char path[4096] = "";
  char *rest = groups;
  for (char *line; (line = strsep(&rest, "\n"));) {
    /* hierarchy:controllers:path; version 2 is hierarchy 0 without controllers */
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *controllers++ = 0, *group++ = 0;
    int is_ours = version == 2 ? strcmp(line, "0") == 0 : has_word(controllers, "memory", ",");
    if (is_ours) snprintf(path, sizeof path, "%s", group);
  }
  if (!path[0]) return 0;
  rest = mounts;
  for (char *line; (line = strsep(&rest, "\n"));) {
    /* id parent device root point options [tags] - type source options (proc_pid_mountinfo(5)) */
    char root[4096], point[4096], type[64], options[4096];
    char *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2) continue;
    if (sscanf(tail, " - %63s %*s %4095s", type, options) != 2) continue;
    if (strcmp(type, version == 2 ? "cgroup2" : "cgroup") != 0) continue;
    if (version == 1 && !has_word(options, "memory", ",")) continue;
    const char *below = path;
    if (strcmp(root, "/") != 0) {
      size_t length = strlen(root);
      if (strncmp(path, root, length) != 0 || (path[length] && path[length] != '/'))
        continue; /* this mount does not show our group */
      below += length;
    }
    int length = snprintf(directory, size, "%s%s", point, strcmp(below, "/") == 0 ? "" : below);
    return length > 0 && (size_t)length < size;
  }
  return 0;
}

/* Makes a group in `parent` with a memory limit. */
static int make_group(struct hard_limit *limit, int version, const char *parent) {
  char text[4096];
  if (version == 2) {
    if (!read_in(parent, "cgroup.controllers", text, sizeof text) || !has_word(text, "memory", " \n")) return 0;
    if (!read_in(parent, "cgroup.subtree_control", text, sizeof text)) return 0;
    /* Refused where the parent has processes of its own, unless it is the root. */
    if (!has_word(text, "memory", " \n") && !write_in(parent, "cgroup.subtree_control", "+memory")) return 0;
  }
  if ((size_t)snprintf(limit->group, sizeof limit->group, "%s/apus-engine-%d", parent, getpid()) >= sizeof limit->group)
    return 0;
  if (mkdir(limit->group, 0755) < 0 && errno != EEXIST) return 0;
  snprintf(text, sizeof text, "%lld", limit->bytes);
  int is_limited = write_in(limit->group, version == 2 ? "memory.max" : "memory.limit_in_bytes", text);
  if (is_limited) {
    /* Swapping an engine out would measure the disk. A kernel without swap accounting has no such file. */
    if (version == 2) write_in(limit->group, "memory.swap.max", "0"), write_in(limit->group, "memory.oom.group", "1");
    else write_in(limit->group, "memory.memsw.limit_in_bytes", text);
    return 1;
  }
  rmdir(limit->group);
  return 0;
}

static int prepare_group(struct hard_limit *limit) {
  for (int version = 2; version >= 1; version--) {
    char parent[4096];
    if (!own_group(version, parent, sizeof parent)) continue;
    /* Below our own group; where that may not have children because we are in it, beside it. */
    int is_made = make_group(limit, version, parent);
    char *last = strrchr(parent, '/');
    if (!is_made && version == 2 && last && last != parent) {
      *last = 0;
      is_made = make_group(limit, version, parent);
    }
    if (is_made) {
      limit->kind = version == 2 ? HARD_LIMIT_CGROUP_V2 : HARD_LIMIT_CGROUP_V1;
      return 1;
    }
  }
  return 0;
}

/* All of the machine's memory; a very large number where it cannot be told. */
static long long machine_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (long long)pages * size : 1LL << 62;
}

int hard_limit_prepare(struct hard_limit *limit, long long watched_bytes, const char *wanted) {
  *limit = (struct hard_limit){.kind = HARD_LIMIT_NONE};
  int any = strcmp(wanted, "auto") == 0, group = strcmp(wanted, "cgroup") == 0, data = strcmp(wanted, "data") == 0;
  if (!any && !group && !data && strcmp(wanted, "watch") != 0) return 0;
  if (watched_bytes <= 0) return 1;
  /* An eighth more than is watched: an engine that grows slowly is ended by the guard, which can say by how much. */
  limit->bytes = watched_bytes + watched_bytes / 8;
  if ((any || group) && prepare_group(limit)) return 1;
  if (any || group || data) {
    /* Reserved but never touched: thread stacks (8 MB each), arenas of the allocator, buffers. Still within the machine,
     * as far as the watched limit allows. */
    long long wide = watched_bytes + watched_bytes / 4 + (256LL << 20), most = machine_bytes() / 20 * 19;
    limit->bytes = wide < most ? wide : most > watched_bytes ? most : watched_bytes;
    limit->kind = HARD_LIMIT_DATA;
  }
  return 1;
}

int hard_limit_enter(const struct hard_limit *limit) {
  switch (limit->kind) {
  case HARD_LIMIT_NONE: return 1;
  case HARD_LIMIT_CGROUP_V2:
  case HARD_LIMIT_CGROUP_V1: return write_in(limit->group, "cgroup.procs", "0");
  case HARD_LIMIT_DATA: {
    struct rlimit data = {(rlim_t)limit->bytes, (rlim_t)limit->bytes};
    return setrlimit(RLIMIT_DATA, &data) == 0;
  }
  }
  return 0;
}

long long hard_limit_kills(const struct hard_limit *limit) {
  char text[4096];
  int is_two = limit->kind == HARD_LIMIT_CGROUP_V2;
  if (!is_two && limit->kind != HARD_LIMIT_CGROUP_V1) return 0;
  if (!read_in(limit->group, is_two ? "memory.events" : "memory.oom_control", text, sizeof text)) return 0;
  for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
    if (strncmp(line, "oom_kill ", 9) == 0) return atoll(line + 9);
  return 0;
}

void hard_limit_remove(struct hard_limit *limit) {
  if (limit->kind != HARD_LIMIT_CGROUP_V2 && limit->kind != HARD_LIMIT_CGROUP_V1) return;
  /* A process that has ended leaves its group a moment later. */
  for (int tries = 0; rmdir(limit->group) < 0 && errno == EBUSY && tries < 100; tries++) usleep(10000);
  limit->kind = HARD_LIMIT_NONE;
}

const char *hard_limit_name(const struct hard_limit *limit) {
  switch (limit->kind) {
  case HARD_LIMIT_NONE: break;
  case HARD_LIMIT_CGROUP_V2: return "cgroup-v2";
  case HARD_LIMIT_CGROUP_V1: return "cgroup-v1";
  case HARD_LIMIT_DATA: return "data-limit";
  }
  return "watched";
}
