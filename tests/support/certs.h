/*
 * certs.h - certificates made while a test runs, good ones and bad ones.
 */
#ifndef HAUL_CERTS_H
#define HAUL_CERTS_H

#include "span.h"

#include <openssl/x509.h>

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};

struct cert_plan {
    const char *name;          /* the subject's common name */
    const char *hosts;         /* subjectAltName as openssl.cnf writes it: "DNS:a.test,IP:::1" */
    struct span raw_host;      /* one DNS name more, any bytes */
    const struct cert *issuer; /* NULL: signs itself */
    bool is_ca;
    int from_days; /* relative to now; both 0: yesterday to tomorrow */
    int to_days;
};

void cert_init(struct cert *cert, const struct cert_plan *plan);
void cert_deinit(struct cert *cert);

/* Text to be freed; passphrase NULL: the key is in the clear. */
char *cert_pem(const struct cert *cert);
char *cert_key_pem(const struct cert *cert, const char *passphrase);

#endif
