/*
 * dial_scene.h - one dial on a fake ring, and what came of it. The hosts file has one.test,
 * three.test, mixed.test and inside.test; the DNS server never answers.
 */
#ifndef HAUL_DIAL_SCENE_H
#define HAUL_DIAL_SCENE_H

#include "dial.h"
#include "ring_fake.h"
#include "silent_dns.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

struct dial_scene {
    struct ring *ring;
    struct timers timers;
    struct silent_dns dns;
    struct resolve *resolve;
    struct conns conns;
    struct dialer dialer;
    struct dial dial;
    struct conn *conn; /* of a dial that went well; closed at the end */
    unsigned open_count, failed_count;
    struct fault fault;
    char hosts_path[64];
};

extern const struct dial_events dial_scene_events;

/* cmocka's setup and teardown; the latter checks that nothing is left. */
int dial_scene_begin(void **state);
int dial_scene_end(void **state);

void dial_settles(struct dial_scene *t);
void dial_waits(struct dial_scene *t, uint64_t ns);

/* With 5 s for the name and 10 s to connect. */
void dials_route(struct dial_scene *t, const struct dial_route *route);

void fails_with(const struct dial_scene *t, enum fault_code code, enum phase phase);

/* The nth socket was told to go to this IPv4 address, port 8080. */
void went_to(const struct dial_scene *t, unsigned nth, uint32_t address);

#endif
