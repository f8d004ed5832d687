#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  int listener;
  uint16_t upstream;
} relay;

/* Two connections, each of which gets what comes from the other. */
typedef struct pair {
  struct end {
    int socket;
    struct pair *pair;
  } ends[2];
  struct pair *next_closed;
} pair;

static struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void watch(int poller, int socket, void *data) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
  epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
}

static void accept_one(const relay *relay, int poller) {
  int client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
  if (client < 0) return;
  int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = loopback(relay->upstream);
  pair *made = calloc(1, sizeof *made);
  if (!made || upstream < 0 || connect(upstream, (struct sockaddr *)&address, sizeof address) != 0) {
    close(client);
    if (upstream >= 0) close(upstream);
    free(made);
    return;
  }
  int sockets[2] = {client, upstream};
  for (int end = 0; end < 2; end++) {
    setsockopt(sockets[end], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    made->ends[end] = (struct end){sockets[end], made};
    watch(poller, sockets[end], &made->ends[end]);
  }
}

/* Passes on what has come; returns 0 when either side is gone. */
static int pass_on(const struct end *from) {
  static _Thread_local char bytes[1 << 16];
  const struct end *to = &from->pair->ends[from == &from->pair->ends[0]];
  ssize_t count = recv(from->socket, bytes, sizeof bytes, MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  for (ssize_t sent = 0; sent < count;) {
    ssize_t now = send(to->socket, bytes + sent, (size_t)(count - sent), MSG_NOSIGNAL);
    if (now < 0) return 0;
    sent += now;
  }
  return count > 0;
}

static void *run(void *argument) {
  const relay *relay = argument;
  int poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[64];
  watch(poller, relay->listener, NULL);
  for (;;) {
    pair *closed = NULL;
    int count = epoll_wait(poller, events, 64, -1);
    for (int index = 0; index < count; index++) {
      struct end *end = events[index].data.ptr;
      if (!end) {
        accept_one(relay, poller);
      } else if (end->socket >= 0 && !pass_on(end)) {
        /* The other end may have an event in this very batch, so the pair is freed after it. */
        for (int each = 0; each < 2; each++) {
          close(end->pair->ends[each].socket);
          end->pair->ends[each].socket = -1;
        }
        end->pair->next_closed = closed;
        closed = end->pair;
      }
    }
    while (closed) {
      pair *next = closed->next_closed;
      free(closed);
      closed = next;
    }
  }
}

int apus_relay_start(int hops, uint16_t upstream) {
  uint16_t next = upstream;
  for (int hop = 0; hop < hops; hop++) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    relay *made = malloc(sizeof *made);
    pthread_t thread;
    if (!made) return -1;
    made->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    made->upstream = next;
    if (bind(made->listener, (struct sockaddr *)&address, size) != 0 || listen(made->listener, 512) != 0
        || getsockname(made->listener, (struct sockaddr *)&address, &size) != 0
        || pthread_create(&thread, NULL, run, made) != 0)
      return -1;
    pthread_detach(thread);
    next = ntohs(address.sin_port);
  }
  return next;
}
