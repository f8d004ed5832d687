#pragma once
#include <stddef.h>
#include <stdint.h>

/* A plain C scatter and gather over ZeroMQ: the yardstick for what sending a batch's rows to hosts of experts and getting
   sums back costs beside the computing. The same messages in the same order, nothing done with them. */

/* A host: keeps what comes until a message says that it is the last of its batch (first byte of its first frame is 1), then
   answers each kept message with a header of `answer_header` bytes and the message's second frame. Serves until a peer sends
   the single frame "STOP".
   listening: told the bound address once.
   Returns 0, or the libzmq error code. */
int apus_scatter_serve(
  const char *address, const char *secret_key, size_t answer_header,
  void (*listening)(const char *address, void *context), void *context);

/* A message to a host. */
typedef struct {
  int host;
  int is_last;             /* of this host's messages */
  size_t header, rows;     /* bytes of the first two frames */
  size_t extras[3];        /* bytes of three more frames */
} apus_scatter_part;

typedef struct {
  const char *const *addresses;
  const char *const *server_keys;
  int hosts;
  const char *public_key, *secret_key;
  const apus_scatter_part *parts;
  size_t part_count;
  int rounds;              /* batches, after one that is not counted */
} apus_scatter_load;

/* Sends each batch and waits for all of it to come back. Writes each counted batch's seconds to `seconds`. Stops the hosts.
   Returns 0, or -1 when a host is silent for ten seconds. */
int apus_scatter_drive(const apus_scatter_load *load, double *seconds);
