/*
 * test_client.c - the client's side of the stream, against a daemon that is a script: the other
 * end of a socket pair.
 */
#include "haul_client.h"
#include "items.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLY(slots)                                                                               \
    "{\"parameters\":{\"version\":1,\"features\":[],\"slots\":" slots                              \
    ",\"body_window\":4096,\"frame_bytes_max\":1048576}}"

static const struct client_request_fds no_fds = { -1, -1 };

struct scene {
    struct client client;
    struct client_handlers handlers;
    int daemon; /* its end */
    uint64_t results;
    uint64_t body_bytes;
    uint64_t window_bytes;
    uint64_t pongs;
};

static void on_data(void *ctx, uint64_t id, uint8_t flags, struct span body, size_t window_bytes)
{
    struct scene *scene = ctx;

    (void)id;
    (void)flags;
    scene->body_bytes += body.bytes;
    scene->window_bytes += window_bytes;
}

static void on_result(void *ctx, uint64_t id, const struct message_result *result)
{
    struct scene *scene = ctx;

    (void)id;
    (void)result;
    scene->results++;
}

static void on_pong(void *ctx, uint64_t id)
{
    struct scene *scene = ctx;

    (void)id;
    scene->pongs++;
}

/* What the daemon says before the client has spoken waits in the socket. */
static int client_opens(struct scene *scene, struct span said)
{
    int fds[2];

    *scene = (struct scene){ 0 };
    scene->handlers = (struct client_handlers){
        .ctx = scene, .on_data = on_data, .on_result = on_result, .on_pong = on_pong
    };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    scene->daemon = fds[1];
    if (said.bytes)
        assert_int_equal(write(fds[1], said.data, said.bytes), said.bytes);
    else
        assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
    return client_open(&scene->client, fds[0], 50, &scene->handlers);
}

static void scene_ends(struct scene *scene)
{
    client_close(&scene->client);
    (void)close(scene->daemon);
}

static void daemon_sends(struct scene *scene, const char *frame, size_t bytes)
{
    assert_int_equal(write(scene->daemon, frame, bytes), bytes);
}

/* Reads what the client has sent since; the Varlink call is skipped by the caller. -1 in the place
 * of what did not come. */
static size_t daemon_reads_fds(struct scene *scene, char *bytes, size_t room, int ret_fds[2])
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec iov = { .iov_base = bytes, .iov_len = room };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t got = recvmsg(scene->daemon, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

    ret_fds[0] = ret_fds[1] = -1;
    if (header) {
        assert_true(header->cmsg_len <= CMSG_LEN(2 * sizeof(int)));
        memcpy(ret_fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    }
    return got < 0 ? 0 : (size_t)got;
}

static size_t daemon_reads(struct scene *scene, char *bytes, size_t room, int *ret_fd)
{
    int fds[2];
    size_t got = daemon_reads_fds(scene, bytes, room, fds);

    assert_int_equal(fds[1], -1);
    *ret_fd = fds[0];
    return got;
}

static void opens_a_stream_and_reads_frames_behind_the_reply(void **state)
{
    char said[256];
    size_t bytes = sizeof(REPLY("7"));
    struct scene scene;

    (void)state;
    memcpy(said, REPLY("7"), bytes);
    bytes += message_encode_fixed(said + bytes, WIRE_PONG, 0, 1, NULL, 0);
    assert_int_equal(client_opens(&scene, span_of(said, bytes)), 0);
    assert_int_equal(scene.pongs, 1);
    assert_int_equal(scene.client.slots, 7);
    assert_int_equal(scene.client.body_window, 4096);
    scene_ends(&scene);
}

static void refuses_answers_that_are_no_stream(void **state)
{
    const struct {
        struct span said;
        int error;
    } rows[] = {
        { SPAN_LITERAL("{}"), -ETIMEDOUT }, /* no NUL */
        { SPAN_LITERAL("x\0"), -EPROTO },
        { SPAN_LITERAL("[]\0"), -EPROTO },
        { SPAN_LITERAL("{\"error\":\"org.varlink.service.MethodNotFound\"}\0"), -EPROTO },
        { SPAN_LITERAL("{\"parameters\":{\"version\":2}}\0"), -EPROTO },
        { SPAN_LITERAL(REPLY("1") "\0garbage-garbage-garbage"), -EPROTO },
        { { NULL, 0 }, -ECONNRESET },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene;

        assert_int_equal(client_opens(&scene, rows[i].said), rows[i].error);
        assert_false(client_is_open(&scene.client));
        assert_true(scene.client.why[0] != '\0');
        scene_ends(&scene);
    }
}

static struct message_request request_of(const char *url)
{
    return (struct message_request){ .fixed = { .batch_id = 1, .profile_id = 1 },
                                     .url = span_of_string(url) };
}

static void never_sends_more_requests_than_slots(void **state)
{
    struct message_request request = request_of("http://a/");
    size_t bytes = message_request_bytes(&request);
    struct wire_credit credit = { .slots = 1 };
    struct scene scene;
    char frame[64];

    (void)state;
    assert_int_equal(client_opens(&scene, span_of(REPLY("2"), sizeof(REPLY("2")))), 0);
    assert_int_equal(client_request(&scene.client, 1, &request, &no_fds), 0);
    assert_int_equal(client_request(&scene.client, 2, &request, &no_fds), 0);
    assert_false(client_has_room(&scene.client, bytes));
    client_release(&scene.client, bytes);
    assert_true(client_has_room(&scene.client, bytes));
    daemon_sends(&scene, frame,
                 message_encode_fixed(frame, WIRE_CREDIT, 0, 0, &credit, sizeof(credit)));
    assert_int_equal(client_receive(&scene.client), 0);
    assert_false(client_has_room(&scene.client, bytes)); /* a total, not an increment */
    client_release(&scene.client, bytes);
    assert_true(client_has_room(&scene.client, bytes));
    assert_false(client_has_room(&scene.client, WIRE_REQUEST_BYTES_PER_SESSION + 1));
    scene_ends(&scene);
}

/* A descriptor must come with its own frame: not before the frame in front of it is complete. */
static void a_descriptor_comes_with_the_first_byte_of_its_frame(void **state)
{
    struct message_request request = request_of("http://a/");
    size_t bytes = message_request_bytes(&request);
    char read_bytes[4096];
    struct client_request_fds with_file = no_fds;
    struct scene scene;
    int pipe_fds[2];
    int fd;

    (void)state;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    with_file.file = pipe_fds[1];
    assert_int_equal(client_opens(&scene, span_of(REPLY("9"), sizeof(REPLY("9")))), 0);
    (void)daemon_reads(&scene, read_bytes, sizeof(read_bytes), &fd);
    assert_int_equal(fd, -1);
    assert_int_equal(client_request(&scene.client, 1, &request, &no_fds), 0);
    assert_int_equal(client_request(&scene.client, 2, &request, &with_file), 0);
    assert_int_equal(client_request(&scene.client, 3, &request, &no_fds), 0);
    assert_int_equal(client_request(&scene.client, 4, &request, &with_file), 0);
    assert_int_equal(client_flush(&scene.client), 0);
    assert_false(client_has_output(&scene.client));
    assert_int_equal(daemon_reads(&scene, read_bytes, bytes, &fd), bytes);
    assert_int_equal(fd, -1);
    assert_int_equal(daemon_reads(&scene, read_bytes, 2 * bytes, &fd), 2 * bytes);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(daemon_reads(&scene, read_bytes, 2 * bytes, &fd), bytes);
    assert_true(fd >= 0);
    (void)close(fd);
    scene_ends(&scene);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static bool is_same_file(int a, int b)
{
    struct stat of_a, of_b;

    assert_int_equal(fstat(a, &of_a), 0);
    assert_int_equal(fstat(b, &of_b), 0);
    return of_a.st_ino == of_b.st_ino && of_a.st_dev == of_b.st_dev;
}

static void sends_the_descriptor_of_a_body_before_that_of_a_file(void **state)
{
    struct message_request request = request_of("http://a/");
    size_t bytes = message_request_bytes(&request);
    struct client_request_fds both;
    char read_bytes[4096];
    struct scene scene;
    int body[2], file[2];
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(body, O_CLOEXEC), 0);
    assert_int_equal(pipe2(file, O_CLOEXEC), 0);
    both = (struct client_request_fds){ .body = body[0], .file = file[1] };
    assert_int_equal(client_opens(&scene, span_of(REPLY("99"), sizeof(REPLY("99")))), 0);
    (void)daemon_reads_fds(&scene, read_bytes, sizeof(read_bytes), fds);
    for (uint64_t id = 1; id <= CLIENT_FDS_MAX / 2; id++) {
        assert_true(client_has_room(&scene.client, bytes));
        assert_int_equal(client_request(&scene.client, id, &request, &both), 0);
    }
    assert_false(client_has_room(&scene.client, bytes)); /* before some have been sent */
    assert_int_equal(client_flush(&scene.client), 0);
    assert_true(client_has_room(&scene.client, bytes));
    for (unsigned i = 0; i < CLIENT_FDS_MAX / 2; i++) {
        assert_int_equal(daemon_reads_fds(&scene, read_bytes, sizeof(read_bytes), fds), bytes);
        assert_int_equal(((struct wire_header *)(void *)read_bytes)->fd_count, 2);
        assert_true(is_same_file(fds[0], body[0]) && is_same_file(fds[1], file[1]));
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
    scene_ends(&scene);
    for (unsigned i = 0; i < 2; i++) {
        (void)close(body[i]);
        (void)close(file[i]);
    }
}

static void gives_the_body_window_back_in_portions(void **state)
{
    char frame[64] = { 0 };
    char read_bytes[4096];
    struct wire_credit credit;
    struct scene scene;
    int fd;

    (void)state;
    assert_int_equal(client_opens(&scene, span_of(REPLY("1"), sizeof(REPLY("1")))), 0);
    (void)daemon_reads(&scene, read_bytes, sizeof(read_bytes), &fd);
    message_encode_data_head(frame, WIRE_DATA_LAST, 1, 5);
    daemon_sends(&scene, frame, 32);
    assert_int_equal(client_receive(&scene.client), 0);
    assert_int_equal(scene.body_bytes, 5);
    assert_int_equal(scene.window_bytes, 16); /* the payload, padding included */
    client_consume(&scene.client, 1023);
    assert_false(client_has_output(&scene.client));
    client_consume(&scene.client, 1);
    assert_int_equal(client_flush(&scene.client), 0);
    assert_int_equal(daemon_reads(&scene, read_bytes, sizeof(read_bytes), &fd), 32);
    memcpy(&credit, read_bytes + 16, sizeof(credit));
    assert_int_equal(credit.body_bytes, 1024);
    scene_ends(&scene);
}

static void says_why_the_session_ended(void **state)
{
    char frame[MESSAGE_ERROR_BYTES_MAX];
    struct scene scene;

    (void)state;
    assert_int_equal(client_opens(&scene, span_of(REPLY("1"), sizeof(REPLY("1")))), 0);
    daemon_sends(&scene, frame,
                 message_encode_error(frame, WIRE_ERROR_SLOW, SPAN_LITERAL("too slow")));
    assert_int_equal(client_receive(&scene.client), -EPROTO);
    assert_non_null(strstr(scene.client.why, "too slow"));
    assert_false(client_is_open(&scene.client));
    scene_ends(&scene);
    assert_int_equal(client_opens(&scene, span_of(REPLY("1"), sizeof(REPLY("1")))), 0);
    assert_int_equal(shutdown(scene.daemon, SHUT_RDWR), 0);
    assert_int_equal(client_receive(&scene.client), -ECONNRESET);
    assert_non_null(strstr(scene.client.why, "went away"));
    scene_ends(&scene);
}

static void items_are_found_only_while_they_live(void **state)
{
    struct items items;
    struct item *item;
    uint64_t old;

    (void)state;
    items_init(&items, 100);
    for (uint32_t i = 0; i < 100; i++)
        assert_non_null(items_acquire(&items));
    assert_null(items_acquire(&items));
    item = items_find(&items, 5ull << 32 | 5);
    assert_non_null(item);
    old = item->id;
    items_release(&items, item);
    assert_null(items_find(&items, old));
    item = items_acquire(&items);
    assert_non_null(item);
    assert_true(item->id != old);
    assert_ptr_equal(items_find(&items, item->id), item);
    assert_null(items_find(&items, old));
    assert_null(items_find(&items, 0));
    assert_null(items_find(&items, UINT64_MAX));
    items_deinit(&items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_a_stream_and_reads_frames_behind_the_reply),
        cmocka_unit_test(refuses_answers_that_are_no_stream),
        cmocka_unit_test(never_sends_more_requests_than_slots),
        cmocka_unit_test(a_descriptor_comes_with_the_first_byte_of_its_frame),
        cmocka_unit_test(sends_the_descriptor_of_a_body_before_that_of_a_file),
        cmocka_unit_test(gives_the_body_window_back_in_portions),
        cmocka_unit_test(says_why_the_session_ended),
        cmocka_unit_test(items_are_found_only_while_they_live),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
