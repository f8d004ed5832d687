#include "scatter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { KEPT_MOST = 4096, FRAMES = 5 };

static double wall_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int is_stop(zmq_msg_t *frame) {
  return zmq_msg_size(frame) == 4 && memcmp(zmq_msg_data(frame), "STOP", 4) == 0;
}

static void no_limits(void *socket) {
  int none = 0;
  zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none);
  zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none);
}

/* Answers batches until STOP; returns 0 or an error code. */
static int answer_all(void *router, size_t answer_header) {
  static zmq_msg_t kept[KEPT_MOST];
  size_t count = 0;
  for (;;) {
    zmq_msg_t identity, header, extra;
    zmq_msg_init(&identity);
    zmq_msg_init(&header);
    zmq_msg_init(&extra);
    if (zmq_msg_recv(&identity, router, 0) < 0 || zmq_msg_recv(&header, router, 0) < 0) return zmq_errno();
    if (is_stop(&header) || count == KEPT_MOST) return 0;
    int is_last = *(const uint8_t *)zmq_msg_data(&header) == 1;
    zmq_msg_init(&kept[count]);
    if (zmq_msg_recv(&kept[count++], router, 0) < 0) return zmq_errno();
    while (zmq_msg_more(&kept[count - 1]) && (zmq_msg_recv(&extra, router, 0), zmq_msg_more(&extra))) {}
    if (is_last) {
      for (size_t index = 0; index < count; index++) {
        zmq_msg_t to, answer;
        zmq_msg_init(&to);
        zmq_msg_copy(&to, &identity);
        zmq_msg_init_size(&answer, answer_header);
        memset(zmq_msg_data(&answer), 0, answer_header);
        if (zmq_msg_send(&to, router, ZMQ_SNDMORE) < 0 || zmq_msg_send(&answer, router, ZMQ_SNDMORE) < 0
            || zmq_msg_send(&kept[index], router, 0) < 0) return zmq_errno();
      }
      count = 0;
    }
    zmq_msg_close(&identity);
    zmq_msg_close(&header);
    zmq_msg_close(&extra);
  }
}

int apus_scatter_serve(
  const char *address, const char *secret_key, size_t answer_header,
  void (*listening)(const char *address, void *context), void *context
) {
  void *zmq = zmq_ctx_new();
  void *router = zmq_socket(zmq, ZMQ_ROUTER);
  int one = 1, none = 0, result = 0;
  char bound[256];
  size_t bound_size = sizeof bound;
  zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none);
  no_limits(router);
  zmq_setsockopt(router, ZMQ_CURVE_SERVER, &one, sizeof one);
  if (zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, secret_key, 41) != 0) result = zmq_errno();
  if (result == 0 && zmq_bind(router, address) != 0) result = zmq_errno();
  if (result == 0) {
    zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, bound, &bound_size);
    listening(bound, context);
    result = answer_all(router, answer_header);
  }
  zmq_close(router);
  zmq_ctx_term(zmq);
  return result;
}

/* Copies rows into each message, as a real batch's rows have to be. */
static void send_batch(const apus_scatter_load *load, const zmq_pollitem_t *hosts, const uint8_t *rows) {
  for (size_t index = 0; index < load->part_count; index++) {
    const apus_scatter_part *part = &load->parts[index];
    size_t sizes[FRAMES] = { part->header, part->rows, part->extras[0], part->extras[1], part->extras[2] };
    for (int frame = 0; frame < FRAMES; frame++) {
      zmq_msg_t message;
      zmq_msg_init_size(&message, sizes[frame]);
      memcpy(zmq_msg_data(&message), rows, sizes[frame]);
      if (frame == 0) *(uint8_t *)zmq_msg_data(&message) = part->is_last ? 1 : 0;
      zmq_msg_send(&message, hosts[part->host].socket, frame + 1 < FRAMES ? ZMQ_SNDMORE : 0);
    }
  }
}

/* Returns 0, or -1 when a host is silent. */
static int gather(const apus_scatter_load *load, zmq_pollitem_t *hosts) {
  size_t received = 0;
  zmq_msg_t frame;
  zmq_msg_init(&frame);
  while (received < load->part_count) {
    if (zmq_poll(hosts, load->hosts, 10000) <= 0) return -1;
    for (int index = 0; index < load->hosts; index++) {
      if (!(hosts[index].revents & ZMQ_POLLIN)) continue;
      while (zmq_msg_recv(&frame, hosts[index].socket, ZMQ_DONTWAIT) >= 0)
        if (!zmq_msg_more(&frame)) received++;
    }
  }
  zmq_msg_close(&frame);
  return 0;
}

int apus_scatter_drive(const apus_scatter_load *load, double *seconds) {
  void *zmq = zmq_ctx_new();
  zmq_pollitem_t *hosts = calloc((size_t)load->hosts, sizeof *hosts);
  size_t most = 4;
  int linger = 1000, result = 0;
  for (size_t index = 0; index < load->part_count; index++) {
    const apus_scatter_part *part = &load->parts[index];
    size_t sizes[FRAMES] = { part->header, part->rows, part->extras[0], part->extras[1], part->extras[2] };
    for (int frame = 0; frame < FRAMES; frame++) if (sizes[frame] > most) most = sizes[frame];
  }
  uint8_t *rows = calloc(most, 1);
  zmq_ctx_set(zmq, ZMQ_IO_THREADS, load->hosts);
  for (int index = 0; index < load->hosts; index++) {
    void *peer = zmq_socket(zmq, ZMQ_DEALER);
    zmq_setsockopt(peer, ZMQ_LINGER, &linger, sizeof linger);
    no_limits(peer);
    zmq_setsockopt(peer, ZMQ_CURVE_SERVERKEY, load->server_keys[index], 41);
    zmq_setsockopt(peer, ZMQ_CURVE_PUBLICKEY, load->public_key, 41);
    zmq_setsockopt(peer, ZMQ_CURVE_SECRETKEY, load->secret_key, 41);
    zmq_connect(peer, load->addresses[index]);
    hosts[index].socket = peer;
    hosts[index].events = ZMQ_POLLIN;
  }
  for (int round = 0; round <= load->rounds && result == 0; round++) {
    double start = wall_seconds();
    send_batch(load, hosts, rows);
    result = gather(load, hosts);
    if (round > 0) seconds[round - 1] = wall_seconds() - start;
  }
  for (int index = 0; index < load->hosts; index++) {
    zmq_send(hosts[index].socket, "STOP", 4, 0);
    zmq_close(hosts[index].socket);
  }
  zmq_ctx_term(zmq);
  free(rows);
  free(hosts);
  return result;
}
