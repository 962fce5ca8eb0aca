/*
 * control.c - a table of Varlink methods.
 *
 * Adding a method: (1) its line in the interface below, (2) a handler, (3) a row in control_init,
 * (4) PROTOCOL.md.
 */
#include "control.h"

static const struct varlink_interface control_interfaces[] = {
    { .name = "io.haul.Manager",
      .description = "# Looks after the daemon.\n"
                     "interface io.haul.Manager\n"
                     "\n"
                     "# What runs here, under which bounds, and what it has done so far.\n"
                     "method Describe() -> (version: string, pid: int, uptime_ns: int,\n"
                     "  ring: object, limits: object, counters: object)\n" },
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
    *control = (struct control){
        .ops = *ops,
        .methods = { { .name = "io.haul.Manager.Describe",
                       .handler = control_on_describe,
                       .ctx = control },
                     { .name = "io.haul.Stream.Open", .handler = control_on_open } },
        .service = { .vendor = "haul",
                     .product = "hauld",
                     .version = HAUL_VERSION,
                     .url = "https://github.com/haul/haul",
                     .interfaces = control_interfaces,
                     .interfaces_count = sizeof(control_interfaces) / sizeof(control_interfaces[0]),
                     .methods = control->methods,
                     .methods_count = CONTROL_METHODS },
    };
}
