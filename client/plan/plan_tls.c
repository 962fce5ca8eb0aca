/*
 * plan_tls.c - -k, --cacert, --cert, --key, --tls-min and --tls-max.
 */
#include "plan_tls.h"

#include "slurp.h"
#include "why.h"

#include <errno.h>

static bool parse_version(const char *flag, const char *text, uint8_t *ret_version, char **why)
{
    if (strcmp(text, "1.2") == 0)
        *ret_version = 12;
    else if (strcmp(text, "1.3") == 0)
        *ret_version = 13;
    else
        return why_fail(why, "%s %s: 1.2 and 1.3 are the versions of TLS spoken here", flag, text);
    return true;
}

static bool read_pem(const char *flag, const char *path, struct text *out, char **why)
{
    int r = slurp(path, WIRE_PEM_BYTES_MAX, out);

    if (r == -EFBIG)
        return why_fail(why, "%s %s: more than 256 KiB", flag, path);
    if (r < 0)
        return why_fail(why, "%s %s: %s", flag, path, strerror(-r));
    if (!out->bytes || !memmem(out->data, out->bytes, "-----BEGIN ", 11))
        return why_fail(why, "%s %s: is no PEM file", flag, path);
    return true;
}

bool plan_add_tls(struct plan *plan, const struct options *options, char **why)
{
    if (options->insecure)
        plan->profile.flags |= WIRE_PROFILE_INSECURE;
    if (options->key && !options->cert)
        return why_fail(why, "--key means nothing without --cert");
    if ((options->tls_min &&
         !parse_version("--tls-min", options->tls_min, &plan->profile.tls_min, why)) ||
        (options->tls_max &&
         !parse_version("--tls-max", options->tls_max, &plan->profile.tls_max, why)))
        return false;
    if (plan->profile.tls_min == 13 && plan->profile.tls_max == 12)
        return why_fail(why, "--tls-min is above --tls-max");
    if ((options->cacert && !read_pem("--cacert", options->cacert, &plan->ca_pem, why)) ||
        (options->cert && !read_pem("--cert", options->cert, &plan->cert_pem, why)) ||
        (options->key && !read_pem("--key", options->key, &plan->key_pem, why)))
        return false;
    if (plan->ca_pem.bytes + plan->cert_pem.bytes + plan->key_pem.bytes > WIRE_PEM_BYTES_MAX)
        return why_fail(why, "--cacert, --cert and --key have more than 256 KiB together");
    return true;
}

void plan_forget_tls(struct plan *plan)
{
    if (plan->key_pem.data)
        explicit_bzero(plan->key_pem.data, plan->key_pem.bytes);
    if (plan->cert_pem.data) /* it may hold the key */
        explicit_bzero(plan->cert_pem.data, plan->cert_pem.bytes);
    text_deinit(&plan->key_pem);
    text_deinit(&plan->cert_pem);
    text_deinit(&plan->ca_pem);
}
