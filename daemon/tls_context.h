/*
 * tls_context.h - what the TLS connections of one route have in common: whom they trust, who they
 * are, which versions they speak.
 *
 * A context, its connections and its sessions belong to one thread.
 */
#ifndef HAULD_TLS_CONTEXT_H
#define HAULD_TLS_CONTEXT_H

#include "fault.h"
#include "span.h"

struct tls_context;

enum tls_version {
    TLS_VERSION_DEFAULT = 0,
    TLS_VERSION_1_2 = 12,
    TLS_VERSION_1_3 = 13,
};

struct tls_options {
    bool insecure;       /* any certificate of any host will do */
    uint8_t version_min; /* enum tls_version; the default is 1.2 */
    uint8_t version_max; /* likewise; the default is 1.3 */
    struct span ca_pem; /* trusted in place of the system's store, which is used if this is empty */
    struct span cert_pem; /* the client's certificate, then those up to its issuer; or empty */
    struct span key_pem;  /* its private key; if empty it is looked for in cert_pem */
    uint8_t id[32];       /* tls_options_seal */
};

/* Fills in id, a digest of all else: equal ids mean equal options. */
void tls_options_seal(struct tls_options *options);

/* NULL and *ret_fault when out of memory, or when the options are wrong: input/argument and a
 * clause that says which and how. The spans are not needed afterwards and no copy of them is kept.
 * With insecure, ca_pem must still be well formed. The system's store (what SSL_CERT_FILE and
 * SSL_CERT_DIR name, else OpenSSL's default) is opened once per process, by the first context that
 * needs it. Whoever makes a context holds it. */
struct tls_context *tls_context_new(const struct tls_options *options, struct fault *ret_fault);

/* OpenSSL's default of these two. */
const char *tls_store_file(void);
const char *tls_store_folder(void);

/* One more holder. A tls and a session hold their context by themselves. */
struct tls_context *tls_context_acquire(struct tls_context *context);
void tls_context_release(struct tls_context *context); /* NULL is fine */

/* The contexts used last, by the id of their options: many routes share few of them. Starts zeroed;
 * of one thread. */
#define TLS_CONTEXTS_MAX 16u
struct tls_contexts {
    struct {
        uint8_t id[32];
        struct tls_context *context; /* NULL: free */
    } rows[TLS_CONTEXTS_MAX];
    unsigned next; /* to be replaced */
};

/* The context of these sealed options, held for the caller; NULL and *ret_fault as tls_context_new.
 */
struct tls_context *tls_contexts_get(struct tls_contexts *contexts,
                                     const struct tls_options *options, struct fault *ret_fault);
void tls_contexts_deinit(struct tls_contexts *contexts);

#endif
