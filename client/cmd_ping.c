/*
 * cmd_ping.c - haul ping: is a daemon there, and how far away is it?
 */
#include "verbs.h"

#include "clock.h"
#include "exits.h"
#include "interrupt.h"
#include "reach.h"
#include "units.h"

#include <stdio.h>

#define PING_ROUNDS 5u
#define PING_TIMEOUT_NS 5000000000ull

struct ping {
    uint64_t answered_ns; /* 0 = not yet */
};

static void on_pong(void *ctx, uint64_t id)
{
    struct ping *ping = ctx;

    (void)id; /* one at a time */
    ping->answered_ns = clock_ns(CLOCK_MONOTONIC);
}

/* One round trip; 0 when it failed, and then it has been said. */
static uint64_t ping_once(struct client *client, struct ping *ping, struct say *say)
{
    uint64_t sent_ns = clock_ns(CLOCK_MONOTONIC);
    int r = client_ping(client, 1);

    ping->answered_ns = 0;
    while (r == 0 && !ping->answered_ns) {
        struct pollfd ready = { .fd = client->fd, .events = POLLIN };

        r = client_flush(client);
        if (r < 0)
            break;
        if (interrupt_poll(&ready, 1, PING_TIMEOUT_NS) <= 0) {
            say_error(say, "the daemon does not answer a PING");
            return 0;
        }
        r = client_receive(client);
    }
    if (r < 0) {
        say_error(say, "%s", client->why);
        return 0;
    }
    return ping->answered_ns - sent_ns + 1; /* never 0 */
}

static bool ping_rounds(struct client *client, struct ping *ping, struct say *say,
                        uint64_t *ret_best_ns)
{
    uint64_t best_ns = UINT64_MAX;

    for (unsigned i = 0; i < PING_ROUNDS; i++) {
        uint64_t round_ns = ping_once(client, ping, say);

        if (round_ns == 0)
            return false;
        best_ns = round_ns < best_ns ? round_ns : best_ns;
    }
    *ret_best_ns = best_ns;
    return true;
}

int cmd_ping(const struct command *command)
{
    struct ping ping = { 0 };
    const struct client_handlers handlers = { .ctx = &ping, .on_pong = on_pong };
    struct client client = { .fd = -1 };
    char text[UNITS_TEXT_BYTES];
    struct reach reach;
    uint64_t best_ns = 0;
    enum exit_code exit;

    exit = reach_open(&reach, &client, &handlers, command->options, false, command->say);
    if (exit == EXITS_OK && !ping_rounds(&client, &ping, command->say, &best_ns))
        exit = EXITS_UNREACHABLE;
    if (exit == EXITS_OK)
        printf("%s answers in %s\n", reach.path[0] ? reach.path : "a private daemon",
               units_format_duration(best_ns, text, sizeof(text)));
    reach_close(&reach, &client);
    return (int)exit;
}
