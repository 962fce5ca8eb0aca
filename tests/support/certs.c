/*
 * certs.c - makes certificates, with P-256 because it is fast.
 */
#include "certs.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY_SECONDS (24l * 60 * 60)

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension && X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static void add_raw_host(X509 *x509, struct span host)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    must(names && name && text && ASN1_STRING_set(text, host.data, (int)host.bytes));
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    must(sk_GENERAL_NAME_push(names, name) > 0);
    must(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0) == 1);
    GENERAL_NAMES_free(names);
}

void cert_init(struct cert *cert, const struct cert_plan *plan)
{
    static long serial = 1000;
    bool is_dated = plan->from_days || plan->to_days;
    X509 *x509 = X509_new();
    X509 *issuer = plan->issuer ? plan->issuer->x509 : x509;
    X509_NAME *subject = X509_get_subject_name(x509);

    cert->x509 = x509;
    cert->key = EVP_EC_gen("P-256");
    must(cert->key && X509_set_version(x509, X509_VERSION_3) &&
         ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial) &&
         X509_gmtime_adj(X509_getm_notBefore(x509),
                         is_dated ? plan->from_days * DAY_SECONDS : -DAY_SECONDS) &&
         X509_gmtime_adj(X509_getm_notAfter(x509),
                         is_dated ? plan->to_days * DAY_SECONDS : DAY_SECONDS) &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)plan->name,
                                    -1, -1, 0) &&
         X509_set_issuer_name(x509, X509_get_subject_name(issuer)) &&
         X509_set_pubkey(x509, cert->key));
    add_extension(x509, issuer, NID_basic_constraints,
                  plan->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(x509, issuer, NID_subject_key_identifier, "hash");
    if (plan->hosts)
        add_extension(x509, issuer, NID_subject_alt_name, plan->hosts);
    if (plan->raw_host.bytes)
        add_raw_host(x509, plan->raw_host);
    must(X509_sign(x509, plan->issuer ? plan->issuer->key : cert->key, EVP_sha256()) > 0);
}

void cert_deinit(struct cert *cert)
{
    X509_free(cert->x509);
    EVP_PKEY_free(cert->key);
    *cert = (struct cert){ 0 };
}

static char *take_text(BIO *bio)
{
    char *data;
    size_t bytes = (size_t)BIO_get_mem_data(bio, &data);
    char *text = calloc(1, bytes + 1);

    must(text);
    memcpy(text, data, bytes);
    BIO_free(bio);
    return text;
}

char *cert_pem(const struct cert *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    must(bio && PEM_write_bio_X509(bio, cert->x509));
    return take_text(bio);
}

char *cert_key_pem(const struct cert *cert, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());

    must(bio && PEM_write_bio_PKCS8PrivateKey(bio, cert->key, passphrase ? EVP_aes_128_cbc() : NULL,
                                              passphrase, passphrase ? (int)strlen(passphrase) : 0,
                                              NULL, NULL));
    return take_text(bio);
}
