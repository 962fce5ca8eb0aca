/*
 * scene.h - a whole daemon but for its kernel: clients on one side, origins on the other, and the
 * clock in the test's hand.
 *
 * The graph is daemon.c's, built on the fake ring and the fake writer. Each verb lets everything
 * settle before it returns, and after each turn every *_check of the graph runs. The client reads
 * what it is sent at once and holds it to PROTOCOL.md: one RESULT per item and nothing behind it,
 * a BATCH_DONE behind all of them, no byte beyond the window.
 *
 * The hosts file knows origin.test (192.0.2.1), two.test (192.0.2.1, 192.0.2.2) and other.test
 * (192.0.2.9); a name it does not know is never answered.
 */
#ifndef HAUL_SCENE_H
#define HAUL_SCENE_H

#include "control.h"
#include "engine.h"
#include "listener.h"
#include "ring_fake.h"
#include "silent_dns.h"

#define SCENE_MS UINT64_C(1000000)
#define SCENE_S UINT64_C(1000000000)
#define SCENE_ITEMS_MAX 512
#define SCENE_BATCHES_MAX 300
#define SCENE_CLIENTS_MAX 3
#define SCENE_CONNS_MAX 64

/* What a client has got of one item. */
struct scene_item {
    bool is_open; /* submitted, no RESULT yet */
    unsigned results_count;
    unsigned heads_count;
    struct wire_result result;
    struct wire_head head;
    char message[200];
    char *data;
    size_t data_bytes;
    size_t data_capacity;
    unsigned order; /* the how-manyth RESULT it was, from 1 */
};

struct scene_client {
    int fd;
    size_t read_bytes; /* of what was sent to it */
    bool is_stream;
    bool is_closed_by_us;
    struct scene_item items[SCENE_ITEMS_MAX];
    struct wire_batch_done batches_done[SCENE_BATCHES_MAX]; /* fixed_bytes 0: not yet */
    unsigned results_count;
    unsigned pongs_count;
    uint64_t last_pong_id;
    unsigned goaways_count;
    uint32_t error_code; /* of the ERROR, 0 = none */
    size_t window_used;
    unsigned cookies_count; /* of COOKIE_BACK frames */
    char cookies[1024];     /* as far as they fit: "domain path name=value|" each */
    char varlink[1024];     /* the last reply */
};

struct scene;

/* Answers a request that an origin received on its connection fd; may do nothing. */
typedef void (*scene_answer)(struct scene *t, int fd, struct span request);

struct scene {
    struct ring *ring;
    struct timers timers;
    struct silent_dns dns;
    struct config config;
    struct resolve *resolve;
    struct writer *writer;
    struct engine engine;
    struct front front;
    struct sessions sessions;
    struct control control;
    char hosts_path[64];
    bool is_random;
    bool is_stopped;
    unsigned sessions_gone;
    unsigned requests_count;     /* that origins have received */
    const char *answer;          /* to every request; NULL: none */
    scene_answer answer_by;      /* instead, when set */
    struct scene_client *client; /* who acts in the client_ verbs */
    struct scene_client *clients[SCENE_CLIENTS_MAX];
    unsigned clients_count;
    struct listener *listener; /* of the test, told when a session is gone; or NULL */
};

struct scene_options {
    uint64_t seed;                 /* 0: an orderly world */
    unsigned conns_max;            /* 0: SCENE_CONNS_MAX */
    unsigned per_origin_total_max; /* 0: none */
    uint64_t rate_per_origin_uhz;  /* 0: none */
};

void scene_begin(struct scene *t, const struct scene_options *options);
/* Hangs up all clients, closes the engine and asserts that nothing is left: no op, no socket. */
void scene_end(struct scene *t);
/* Both as cmocka's fixtures: a scene without options, and any scene. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* Turns until nothing moves, without time passing. */
void scene_settle(struct scene *t);
/* Lets time pass as the daemon's loop does: from deadline to deadline. */
void time_passes(struct scene *t, uint64_t ns);
/* The daemon is told to stop, as daemon.c does it. */
void daemon_stops(struct scene *t);

/* ---- clients ---- */

/* One more client, in Varlink; it is the one who acts from now on. */
void client_connects(struct scene *t);
void client_connects_as(struct scene *t, struct ucred peer);
void client_is(struct scene *t, unsigned nth); /* from 1 */
void client_says(struct scene *t, struct span bytes);
/* Calls io.haul.Stream.Open and expects the stream. */
void client_opens_stream(struct scene *t);
void client_sends_fixed(struct scene *t, enum wire_type type, uint8_t flags, uint64_t id,
                        const void *payload, size_t payload_bytes);

/* PROFILE of this id; NULL: bodies as DATA and nothing else. */
void client_shares(struct scene *t, uint64_t id, const struct message_profile *profile);
void client_begins_batch(struct scene *t, uint64_t id, unsigned concurrency,
                         unsigned max_per_origin);
/* With a jar; flags are WIRE_BATCH_*. */
void client_begins_batch_with(struct scene *t, uint64_t id, uint32_t flags);
/* COOKIE for the batch; the line is one of a cookie file. */
void client_gives_cookie(struct scene *t, uint64_t batch_id, const char *line);
void client_ends_batch(struct scene *t, uint64_t id);

struct scene_request {
    const char *method; /* NULL: GET */
    const char *url;
    const char *body;    /* NULL: none */
    uint64_t batch_id;   /* 0: 1 */
    uint64_t profile_id; /* 0: 1 */
    uint64_t planned_ns;
    uint64_t timeout_ns;
    uint8_t body_mode; /* enum wire_body_mode; 0: the profile's */
    bool is_discarded; /* body_mode DISCARD */
    bool is_replayable;
    const int *fd; /* goes with the frame */
};

void client_submits_as(struct scene *t, uint64_t id, const struct scene_request *request);
/* To batch 1 with profile 1. */
void client_submits(struct scene *t, uint64_t id, const char *url);
/* A stream with profile 1 (bodies as DATA) and batch 1 of that concurrency, in one go. */
void client_begins(struct scene *t, unsigned concurrency);
void client_cancels(struct scene *t, uint64_t id);
void client_cancels_batch(struct scene *t, uint64_t id);
void client_cancels_what_waits(struct scene *t, uint64_t id, uint8_t flags); /* of CANCEL */
void client_credits(struct scene *t, size_t bytes);
void client_pings(struct scene *t, uint64_t id);
void client_hangs_up(struct scene *t);
void client_ends_input(struct scene *t); /* only its writing half */
/* It reads nothing of what is sent from now on, and again all. */
void client_stops_reading(struct scene *t);
void client_reads_again(struct scene *t);
bool client_is_connected(const struct scene *t);

/* What it must have got by now. */
const struct scene_item *client_item(const struct scene *t, uint64_t id);
void client_receives(struct scene *t, uint64_t id, unsigned status, const char *body);
void client_receives_fault(struct scene *t, uint64_t id, enum fault_code code, enum phase phase);
void client_receives_nothing(const struct scene *t, uint64_t id); /* no RESULT */
const struct wire_batch_done *client_receives_batch_done(const struct scene *t, uint64_t id);
void client_is_refused(const struct scene *t, enum wire_error_code code);
size_t client_window_left(const struct scene *t);

/* Used by scene.c after each turn. */
void scene_client_reads(struct scene *t, struct scene_client *c);
void scene_client_free(struct scene_client *c);

/* ---- origins: connections are counted from 1, in order of their sockets ---- */

void origin_answers(struct scene *t, const char *text); /* every request from now on */
void origin_answers_by(struct scene *t, scene_answer answer_by);
void origin_replies(struct scene *t, unsigned nth, const char *text); /* now */
void origin_replies_bytes(struct scene *t, unsigned nth, struct span bytes);
void origin_hangs_up(struct scene *t, unsigned nth);
void origin_resets(struct scene *t, unsigned nth);
unsigned origin_conns_seen(const struct scene *t);
unsigned origin_conns_open(const struct scene *t);
int origin_fd(const struct scene *t, unsigned nth);
struct span origin_got(const struct scene *t, unsigned nth);
bool origin_is_hung_up_on(const struct scene *t, unsigned nth);

#endif
