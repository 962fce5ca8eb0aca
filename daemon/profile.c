/*
 * profile.c - a PROFILE frame, copied once and decoded once.
 */
#include "profile.h"

#include <stdlib.h>

static uint64_t timeout_or(uint64_t asked_ns, uint64_t default_ns, uint64_t ceiling_ns)
{
    uint64_t ns = asked_ns ? asked_ns : default_ns;

    return ns < ceiling_ns ? ns : ceiling_ns;
}

struct profile *profile_new(const struct frame *frame, uint32_t uid, const struct config *config,
                            message_error *ret_error)
{
    struct profile *profile = malloc(sizeof(*profile) + frame->payload.bytes);
    const struct wire_profile *fixed;
    struct frame copy = *frame;

    *ret_error = 0;
    if (!profile)
        return NULL;
    memcpy(profile->bytes, frame->payload.data, frame->payload.bytes);
    copy.payload.data = profile->bytes;
    *ret_error = message_decode_profile(&copy, &profile->message);
    if (*ret_error || request_defaults_init(&profile->defaults, profile->message.headers) < 0) {
        free(profile);
        return NULL;
    }
    if (proxies_init(&profile->proxies, &profile->message) < 0) {
        request_defaults_deinit(&profile->defaults);
        free(profile);
        return NULL;
    }
    fixed = &profile->message.fixed;
    list_init(&profile->link);
    profile->id = frame->header.id;
    profile->dns_timeout_ns =
        timeout_or(fixed->dns_timeout_ns, config->dns_timeout_ns, config->item_time_max_ns);
    profile->connect_timeout_ns =
        timeout_or(fixed->connect_timeout_ns, config->connect_timeout_ns, config->item_time_max_ns);
    profile->tls_timeout_ns =
        timeout_or(fixed->tls_timeout_ns, config->tls_timeout_ns, config->item_time_max_ns);
    profile->first_byte_timeout_ns = timeout_or(
        fixed->first_byte_timeout_ns, config->first_byte_timeout_ns, config->item_time_max_ns);
    profile->idle_timeout_ns =
        timeout_or(fixed->idle_timeout_ns, config->idle_timeout_ns, config->item_time_max_ns);
    profile->total_timeout_ns =
        timeout_or(fixed->total_timeout_ns, config->item_time_max_ns, config->item_time_max_ns);
    profile->retry = (struct retry_policy){
        .delay_ns = fixed->retry_delay_ns,
        .max_time_ns = fixed->retry_max_time_ns,
        .retries_max = fixed->retries_max,
        .all_methods = fixed->flags & WIRE_PROFILE_RETRY_ALL,
    };
    message_profile_retry_on(fixed, &profile->retry.on);
    profile->tls = (struct tls_options){
        .insecure = fixed->flags & WIRE_PROFILE_INSECURE,
        .version_min = fixed->tls_min,
        .version_max = fixed->tls_max,
        .ca_pem = profile->message.ca_pem,
        .cert_pem = profile->message.cert_pem,
        .key_pem = profile->message.key_pem,
    };
    tls_options_seal(&profile->tls);
    profile->policy = fixed->flags & WIRE_PROFILE_PUBLIC_ONLY ? POLICY_PUBLIC_ONLY
                      : config_denies_private(config, uid)    ? POLICY_DENY_PRIVATE
                                                              : POLICY_ANY;
    profile->unix_denied = false;
    return profile;
}

static void wipe(struct span secret)
{
    explicit_bzero((char *)(uintptr_t)secret.data, secret.bytes); /* our own copy */
}

void profile_free(struct profile *profile)
{
    if (!profile)
        return;
    request_defaults_deinit(&profile->defaults);
    proxies_deinit(&profile->proxies);
    wipe(profile->message.key_pem);
    wipe(profile->message.proxy_http);
    wipe(profile->message.proxy_https);
    free(profile);
}

struct message_pin profile_pin(const struct profile *profile, enum profile_pins which,
                               struct span host, uint16_t port)
{
    struct span pins = profile->message.pins;
    struct message_pin pin;

    while (message_next_pin(&pins, &pin)) {
        if ((which == PROFILE_PINS_LOOKUPS && !pin.to_is_address) ||
            (which == PROFILE_PINS_MOVES && pin.to_is_address) || (pin.port && pin.port != port) ||
            (pin.host.bytes && !span_equals_nocase(pin.host, host)))
            continue;
        if (!pin.to_host.bytes)
            pin.to_host = host;
        if (!pin.to_port)
            pin.to_port = port;
        return pin;
    }
    return (struct message_pin){ .to_host = host, .to_port = port };
}
