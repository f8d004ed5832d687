#pragma once
#include <stdint.h>

/* Plain C relays of TCP streams, one behind the other: the yardstick for what the way through gateway, coordinator and worker
   costs a request and a token. Bytes are passed on as they come and never looked at; each relay has one thread and keeps its
   connections. */

/* Starts `hops` relays on 127.0.0.1, the last of which passes everything on to the port `upstream` there. They run until the
   process ends. Returns the first one's port, or -1 when the system refuses. */
int apus_relay_start(int hops, uint16_t upstream);
