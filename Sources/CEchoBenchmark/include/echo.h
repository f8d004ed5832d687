#pragma once
#include <stddef.h>
#include <stdint.h>

/* A plain C ROUTER that sends every message back, and peers that keep it busy: the yardstick for what the coordinator
   spends on a message (scatter.h has the one for experts). The server belongs in a process of its own, so that its CPU time is its own. */

typedef struct {
  uint64_t messages;      /* echoed while it was measured */
  double cpu_seconds;     /* user and system, all threads of the process, over those messages */
} apus_echo_cost;

/* Serves until a peer sends the frame "STOP".
   secret_key: the server's CURVE key (Z85), NULL for no encryption.
   listening: told the bound address once, before the first message.
   skipped: messages before the measurement begins, such as the first of each peer.
   Returns 0, or the libzmq error code. */
int apus_echo_serve(
  const char *address, const char *secret_key, uint64_t skipped,
  void (*listening)(const char *address, void *context), void *context, apus_echo_cost *cost);

typedef struct {
  const char *address;
  /* All three NULL for no encryption. Each peer uses the same pair. */
  const char *server_key, *public_key, *secret_key;
  int peers;
  int in_flight;          /* messages each peer has under way */
  uint64_t round_trips;   /* over all peers; each peer's first is on top */
  /* Messages sent in turns, so that an echo can carry what a coordinator carries. */
  const uint8_t *const *bodies;
  const size_t *body_sizes;
  size_t body_count;
} apus_echo_load;

/* Drives a server and stops it. Returns seconds of wall time from the first measured message to the last answer, or a
   negative number when the server does not answer for ten seconds. */
double apus_echo_drive(const apus_echo_load *load);
