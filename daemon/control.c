/*
 * control.c - a table of Varlink methods.
 *
 * Adding a method: (1) its line in the interface below, (2) a handler, (3) a row in control_init,
 * (4) PROTOCOL.md. Who calls is struct ucred, as the session knows its peer.
 */
#include "control.h"

#include "fetch_call.h"

#include <stdlib.h>
#include <sys/socket.h>

static const struct varlink_interface control_interfaces[] = {
    { .name = "io.haul.Manager",
      .description =
          "# Looks after the daemon.\n"
          "interface io.haul.Manager\n"
          "\n"
          "# What runs here, under which bounds, and what it has done so far.\n"
          "method Describe() -> (version: string, pid: int, uptime_ns: int,\n"
          "  ring: object, limits: object, counters: object, isolation: object)\n"
          "\n"
          "# Origins that are in use or remembered; at most 1000. For root and the daemon's own\n"
          "# user, as Reload and Drain.\n"
          "type Origin (origin: string, active: int, waiting: int, active_max: int,\n"
          "  rate_per_s: float, cooling_ns: int)\n"
          "method Origins() -> (origins: []Origin, complete: bool)\n"
          "\n"
          "# Items that have begun at least so long ago; at most 1000. A caller that may not "
          "operate\n"
          "# the daemon sees those of its own user.\n"
          "type Item (id: int, url: string, uid: int, state: string, age_ns: int, attempts: int,\n"
          "  redirects: int)\n"
          "method Inflight(slower_ns: ?int) -> (items: []Item, complete: bool)\n"
          "\n"
          "# Reads the settings again.\n"
          "method Reload() -> ()\n"
          "\n"
          "# What was admitted may end, then the daemon does.\n"
          "method Drain() -> (clients: int, items: int, time_ns: int)\n"
          "\n"
          "error PermissionDenied ()\n"
          "# The answer to any call of a user who may not use the daemon, or not once more.\n"
          "error AccessDenied (reason: string)\n"
          "# All is as it was.\n"
          "error ConfigInvalid (reason: string)\n" },
    { .name = "io.haul.Metrics",
      .description = "# Figures for a monitoring system.\n"
                     "interface io.haul.Metrics\n"
                     "\n"
                     "# In the text format of Prometheus 0.0.4, or of OpenMetrics 1.0.\n"
                     "method Get(openmetrics: ?bool) -> (text: string)\n" },
    { .name = "io.haul.Fetch", .description = fetch_call_description },
    { .name = "io.haul.Stream",
      .description = "# The binary stream for batches, see PROTOCOL.md.\n"
                     "interface io.haul.Stream\n"
                     "\n"
                     "# Turns the connection into a stream; call it with upgrade.\n"
                     "method Open(version: int, features: ?[]string) -> (version: int,\n"
                     "  features: []string, slots: int, body_window: int, frame_bytes_max: int)\n"
                     "\n"
                     "# The daemon speaks another version.\n"
                     "error VersionMismatch (version: int)\n"
                     "# Open was called without upgrade.\n"
                     "error UpgradeRequired ()\n" },
};

static void control_on_describe(void *ctx, const struct varlink_call *call,
                                struct varlink_reply *reply)
{
    const struct control *control = ctx;

    (void)call; /* no parameters */
    reply->parameters = yyjson_mut_obj(reply->doc);
    control->ops.describe(control->ops.ctx, reply->doc, reply->parameters);
}

/* Whoever could end or trace the process anyway. */
static bool may_operate(const struct control *control, const struct varlink_call *call)
{
    const struct ucred *caller = call->caller;

    return caller && (caller->uid == 0 || caller->uid == control->ops.uid);
}

static void control_on_origins(void *ctx, const struct varlink_call *call,
                               struct varlink_reply *reply)
{
    const struct control *control = ctx;

    if (!may_operate(control, call)) { /* hosts are data of those who ask them */
        reply->error_name = "io.haul.Manager.PermissionDenied";
        return;
    }
    reply->parameters = yyjson_mut_obj(reply->doc);
    control->ops.origins(control->ops.ctx, reply->doc, reply->parameters);
}

static void control_on_inflight(void *ctx, const struct varlink_call *call,
                                struct varlink_reply *reply)
{
    const struct control *control = ctx;
    const struct ucred *caller = call->caller;
    yyjson_val *slower = yyjson_obj_get(call->parameters, "slower_ns");
    struct control_inflight wanted = { .slower_ns = yyjson_get_uint(slower),
                                       .all_users = may_operate(control, call),
                                       .uid = caller ? caller->uid : UINT32_MAX };

    if (slower && !yyjson_is_null(slower) && !yyjson_is_uint(slower)) {
        varlink_refuse_parameter(reply, "slower_ns");
        return;
    }
    reply->parameters = yyjson_mut_obj(reply->doc);
    control->ops.inflight(control->ops.ctx, &wanted, reply->doc, reply->parameters);
}

static void control_on_metrics(void *ctx, const struct varlink_call *call,
                               struct varlink_reply *reply)
{
    const struct control *control = ctx;
    yyjson_val *is_open = yyjson_obj_get(call->parameters, "openmetrics");
    size_t bytes = 0;
    char *text;

    if (is_open && !yyjson_is_null(is_open) && !yyjson_is_bool(is_open)) {
        varlink_refuse_parameter(reply, "openmetrics");
        return;
    }
    text = control->ops.metrics(control->ops.ctx, yyjson_is_true(is_open), &bytes);
    if (!text)
        bytes = 0;
    reply->parameters = yyjson_mut_obj(reply->doc);
    yyjson_mut_obj_add_strncpy(reply->doc, reply->parameters, "text", text ? text : "", bytes);
    free(text);
}

static void control_on_reload(void *ctx, const struct varlink_call *call,
                              struct varlink_reply *reply)
{
    const struct control *control = ctx;
    char reason[CONTROL_REASON_BYTES];

    if (!may_operate(control, call)) {
        reply->error_name = "io.haul.Manager.PermissionDenied";
        return;
    }
    if (control->ops.reload(control->ops.ctx, reason))
        return;
    reply->error_name = "io.haul.Manager.ConfigInvalid";
    reply->error_parameters = yyjson_mut_obj(reply->doc);
    yyjson_mut_obj_add_strcpy(reply->doc, reply->error_parameters, "reason", reason);
}

static void control_on_drain(void *ctx, const struct varlink_call *call,
                             struct varlink_reply *reply)
{
    const struct control *control = ctx;

    if (!may_operate(control, call)) {
        reply->error_name = "io.haul.Manager.PermissionDenied";
        return;
    }
    reply->parameters = yyjson_mut_obj(reply->doc);
    control->ops.drain(control->ops.ctx, reply->doc, reply->parameters);
}

static void control_on_open(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    yyjson_val *version = yyjson_obj_get(call->parameters, "version");
    yyjson_val *features = yyjson_obj_get(call->parameters, "features");

    (void)ctx; /* the session turns itself into a stream when it sees the upgrade */
    if (!yyjson_is_uint(version)) {
        varlink_refuse_parameter(reply, "version");
        return;
    }
    if (features && !yyjson_is_null(features) && !yyjson_is_arr(features)) {
        varlink_refuse_parameter(reply, "features");
        return;
    }
    if (!call->upgrade) {
        reply->error_name = "io.haul.Stream.UpgradeRequired";
        return;
    }
    if (yyjson_get_uint(version) != WIRE_VERSION) {
        reply->error_name = "io.haul.Stream.VersionMismatch";
        reply->error_parameters = yyjson_mut_obj(reply->doc);
        yyjson_mut_obj_add_uint(reply->doc, reply->error_parameters, "version", WIRE_VERSION);
        return;
    }
    reply->parameters = yyjson_mut_obj(reply->doc);
    yyjson_mut_obj_add_uint(reply->doc, reply->parameters, "version", WIRE_VERSION);
    yyjson_mut_obj_add_val(reply->doc, reply->parameters, "features", yyjson_mut_arr(reply->doc));
    yyjson_mut_obj_add_uint(reply->doc, reply->parameters, "slots", WIRE_SLOTS_PER_SESSION);
    yyjson_mut_obj_add_uint(reply->doc, reply->parameters, "body_window", WIRE_BODY_WINDOW_BYTES);
    yyjson_mut_obj_add_uint(reply->doc, reply->parameters, "frame_bytes_max", WIRE_FRAME_BYTES_MAX);
    reply->upgraded = true;
}

void control_init(struct control *control, const struct control_ops *ops)
{
    static const struct varlink_method methods[CONTROL_METHODS] = {
        { .name = "io.haul.Manager.Describe", .handler = control_on_describe },
        { .name = "io.haul.Manager.Origins", .handler = control_on_origins },
        { .name = "io.haul.Manager.Inflight", .handler = control_on_inflight },
        { .name = "io.haul.Metrics.Get", .handler = control_on_metrics },
        { .name = "io.haul.Manager.Reload", .handler = control_on_reload },
        { .name = "io.haul.Manager.Drain", .handler = control_on_drain },
        { .name = "io.haul.Fetch.Get", .handler = fetch_call_on_get },
        { .name = "io.haul.Stream.Open", .handler = control_on_open },
    };

    *control = (struct control){
        .ops = *ops,
        .service = { .vendor = "haul",
                     .product = "hauld",
                     .version = HAUL_VERSION,
                     .url = "https://github.com/haul/haul",
                     .interfaces = control_interfaces,
                     .interfaces_count = sizeof(control_interfaces) / sizeof(control_interfaces[0]),
                     .methods = control->methods,
                     .methods_count = CONTROL_METHODS },
    };
    memcpy(control->methods, methods, sizeof(methods));
    for (size_t i = 0; i < CONTROL_METHODS; i++)
        control->methods[i].ctx = control;
}
