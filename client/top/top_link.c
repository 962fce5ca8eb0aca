/*
 * top_link.c - the questions go out in one write, and are answered in their order.
 *
 * They are some 200 bytes to a socket whose last answers were all read: a buffer without room for
 * them is a daemon that does not read, and an error.
 */
#include "top_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536u

/* Each with the NUL that ends it. */
static const char questions[] = "{\"method\":\"io.haul.Manager.Describe\"}\0"
                                "{\"method\":\"io.haul.Metrics.Get\","
                                "\"parameters\":{\"openmetrics\":true}}\0"
                                "{\"method\":\"io.haul.Manager.Origins\"}";

void top_link_init(struct top_link *link)
{
    *link = (struct top_link){ .fd = -1, .answered = TOP_QUESTIONS };
    varlink_reader_init(&link->reader);
}

static void drop_answers(struct top_link *link)
{
    for (unsigned i = 0; i < TOP_QUESTIONS; i++) {
        yyjson_doc_free(link->answers[i]);
        link->answers[i] = NULL;
    }
}

void top_link_open(struct top_link *link, int fd)
{
    top_link_close(link);
    link->fd = fd;
}

void top_link_close(struct top_link *link)
{
    drop_answers(link);
    varlink_reader_deinit(&link->reader);
    if (link->fd >= 0)
        (void)close(link->fd); /* only asked and read: nothing is lost */
    top_link_init(link);
}

int top_link_ask(struct top_link *link)
{
    ssize_t sent = send(link->fd, questions, sizeof(questions), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0)
        return -errno;
    if ((size_t)sent < sizeof(questions))
        return -EAGAIN;
    drop_answers(link);
    link->answered = 0;
    return 0;
}

static int take_message(struct top_link *link, struct span message)
{
    yyjson_doc *answer = yyjson_read(message.data, message.bytes, 0);

    if (!answer || link->answered == TOP_QUESTIONS) {
        yyjson_doc_free(answer);
        return -EPROTO;
    }
    link->answers[link->answered++] = answer;
    return 0;
}

int top_link_read(struct top_link *link)
{
    static char bytes[READ_BYTES];
    ssize_t got = recv(link->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    struct span in, message;
    int r = 0;

    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (got == 0)
        return -ECONNRESET;
    in = span_of(bytes, (size_t)got);
    while (r == 0 && in.bytes) {
        switch (varlink_next(&link->reader, &in, &message)) {
        case VARLINK_READY:
            r = take_message(link, message);
            break;
        case VARLINK_NEED_MORE:
            return 0;
        case VARLINK_TOO_BIG:
            return -EMSGSIZE;
        case VARLINK_NO_MEMORY:
            return -ENOMEM;
        }
    }
    return r < 0 ? r : link->answered == TOP_QUESTIONS;
}
