#include "echo.h"

#include <string.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double wall_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int is_stop(zmq_msg_t *body) {
  return zmq_msg_size(body) == 4 && memcmp(zmq_msg_data(body), "STOP", 4) == 0;
}

/* Echoes until STOP; returns 0 or an error code. */
static int echo_all(void *router, uint64_t skipped, apus_echo_cost *cost) {
  uint64_t count = 0;
  double start = cpu_seconds();
  zmq_msg_t identity, body;
  zmq_msg_init(&identity);
  zmq_msg_init(&body);
  for (;;) {
    if (zmq_msg_recv(&identity, router, 0) < 0 || zmq_msg_recv(&body, router, 0) < 0) return zmq_errno();
    if (is_stop(&body)) break;
    /* Sending empties the messages, so both can be received into again. */
    if (zmq_msg_send(&identity, router, ZMQ_SNDMORE) < 0 || zmq_msg_send(&body, router, 0) < 0) return zmq_errno();
    if (++count == skipped) start = cpu_seconds();
  }
  cost->messages = count > skipped ? count - skipped : 0;
  cost->cpu_seconds = cpu_seconds() - start;
  zmq_msg_close(&identity);
  zmq_msg_close(&body);
  return 0;
}

int apus_echo_serve(
  const char *address, const char *secret_key, uint64_t skipped,
  void (*listening)(const char *address, void *context), void *context, apus_echo_cost *cost
) {
  void *zmq = zmq_ctx_new();
  void *router = zmq_socket(zmq, ZMQ_ROUTER);
  int one = 1, none = 0, result = 0;
  char bound[256];
  size_t bound_size = sizeof bound;
  zmq_setsockopt(router, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
  zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none);
  if (secret_key) {
    zmq_setsockopt(router, ZMQ_CURVE_SERVER, &one, sizeof one);
    if (zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, secret_key, 41) != 0) result = zmq_errno();
  }
  if (result == 0 && zmq_bind(router, address) != 0) result = zmq_errno();
  if (result == 0) {
    zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, bound, &bound_size);
    listening(bound, context);
    result = echo_all(router, skipped, cost);
  }
  zmq_close(router);
  zmq_ctx_term(zmq);
  return result;
}

static void *connect_peer(void *zmq, const apus_echo_load *load) {
  void *peer = zmq_socket(zmq, ZMQ_DEALER);
  int linger = 1000, patience = 10000;
  zmq_setsockopt(peer, ZMQ_LINGER, &linger, sizeof linger);
  zmq_setsockopt(peer, ZMQ_RCVTIMEO, &patience, sizeof patience);
  if (load->server_key) {
    zmq_setsockopt(peer, ZMQ_CURVE_SERVERKEY, load->server_key, 41);
    zmq_setsockopt(peer, ZMQ_CURVE_PUBLICKEY, load->public_key, 41);
    zmq_setsockopt(peer, ZMQ_CURVE_SECRETKEY, load->secret_key, 41);
  }
  zmq_connect(peer, load->address);
  return peer;
}

/* Sends the next message in turn. */
static void send_next(const apus_echo_load *load, void *peer, uint64_t *sent) {
  size_t index = *sent % load->body_count;
  zmq_send(peer, load->bodies[index], load->body_sizes[index], 0);
  ++*sent;
}

/* Keeps every peer's messages in flight until all came back; returns 0, or -1 when the server falls silent. */
static int drive_all(const apus_echo_load *load, zmq_pollitem_t *peers) {
  uint64_t sent = 0, received = 0;
  zmq_msg_t answer;
  zmq_msg_init(&answer);
  for (int depth = 0; depth < load->in_flight; depth++)
    for (int index = 0; index < load->peers && sent < load->round_trips; index++)
      send_next(load, peers[index].socket, &sent);
  while (received < load->round_trips) {
    if (zmq_poll(peers, load->peers, 10000) <= 0) return -1;
    for (int index = 0; index < load->peers; index++) {
      if (!(peers[index].revents & ZMQ_POLLIN)) continue;
      while (zmq_msg_recv(&answer, peers[index].socket, ZMQ_DONTWAIT) >= 0) {
        received++;
        if (sent < load->round_trips) send_next(load, peers[index].socket, &sent);
      }
    }
  }
  zmq_msg_close(&answer);
  return 0;
}

double apus_echo_drive(const apus_echo_load *load) {
  void *zmq = zmq_ctx_new();
  zmq_pollitem_t *peers = calloc((size_t)load->peers, sizeof *peers);
  double seconds = -1;
  int is_ready = 1;
  for (int index = 0; index < load->peers; index++) {
    peers[index].socket = connect_peer(zmq, load);
    peers[index].events = ZMQ_POLLIN;
  }
  for (int index = 0; index < load->peers && is_ready; index++) {
    zmq_msg_t answer;
    zmq_msg_init(&answer);
    zmq_send(peers[index].socket, load->bodies[0], load->body_sizes[0], 0);
    is_ready = zmq_msg_recv(&answer, peers[index].socket, 0) >= 0;
    zmq_msg_close(&answer);
  }
  if (is_ready) {
    double start = wall_seconds();
    if (drive_all(load, peers) == 0) seconds = wall_seconds() - start;
  }
  zmq_send(peers[0].socket, "STOP", 4, 0);
  for (int index = 0; index < load->peers; index++) zmq_close(peers[index].socket);
  zmq_ctx_term(zmq);
  free(peers);
  return seconds;
}
