/* A limit on the memory of a command and all it starts that holds at every moment, not only when somebody looks.
 *
 * The best that may be had here, in this order:
 * - cgroup-v2, cgroup-v1: a control group of its own below or beside our own. Where the kernel cannot take file pages
 *   back, it ends a process of the group, and nobody else's. Pages of a mapped model file count, but are taken back
 *   first, so such a group holds an engine a little above the limit that the guard watches, not below it.
 * - data-limit: RLIMIT_DATA, for each process on its own: what it may write and is not a file. A mapped model does not
 *   count; memory that is reserved and never touched does, so this limit is wider. Above it allocations fail.
 * - watched: neither; the guard's looks at resident memory stand alone.
 */
#ifndef APUS_HARD_LIMIT_H
#define APUS_HARD_LIMIT_H

enum hard_limit_kind { HARD_LIMIT_NONE, HARD_LIMIT_CGROUP_V2, HARD_LIMIT_CGROUP_V1, HARD_LIMIT_DATA };

struct hard_limit {
  enum hard_limit_kind kind;
  long long bytes; /* that are held */
  char group[4096]; /* the control group's directory */
};

/* Chooses and prepares, before the command is started.
 * - watched_bytes: the limit the guard watches; 0 for no limit at all.
 * - wanted: "auto", "cgroup", "data" or "watch"; what may not be had falls back to the next.
 * Returns 0 when `wanted` is none of these. */
int hard_limit_prepare(struct hard_limit *limit, long long watched_bytes, const char *wanted);

/* Puts the calling process under it: the command, before it is executed. Returns 0 when the system refused. */
int hard_limit_enter(const struct hard_limit *limit);

/* How many processes the kernel ended for it so far. */
long long hard_limit_kills(const struct hard_limit *limit);

/* Takes the control group away again, once no process is in it. */
void hard_limit_remove(struct hard_limit *limit);

const char *hard_limit_name(const struct hard_limit *limit);

#endif
