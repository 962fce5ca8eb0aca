/*
 * tls_failure.c - says what went wrong in words a user can act on.
 *
 * OpenSSL tells by a reason in its queue of errors, by a verification error in a callback, or not
 * at all (a server that speaks something else is "wrong version number" to it). Its own words are
 * used where they are good; they are static text of the library.
 *
 * Names from the certificate of an unverified server go into terminals and logs: what is not a
 * letter, a digit or "-._*:" becomes '?'.
 */
#include "tls_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define NAMES_SHOWN_MAX 3
#define NAME_BYTES_MAX 64

#define ALERT(name) (SSL_AD_REASON_OFFSET + SSL_AD_##name)

static const struct {
    int reason;
    enum fault_code code;
    const char *why;
} reasons[] = {
    { ALERT(HANDSHAKE_FAILURE), FAULT_TLS_HANDSHAKE,
      "the server refused the handshake: no cipher in common, or it wants a client certificate" },
    { ALERT(PROTOCOL_VERSION), FAULT_TLS_HANDSHAKE, "no protocol version in common" },
    { SSL_R_UNSUPPORTED_PROTOCOL, FAULT_TLS_HANDSHAKE, "no protocol version in common" },
    { SSL_R_NO_PROTOCOLS_AVAILABLE, FAULT_TLS_HANDSHAKE,
      "OpenSSL is configured not to speak this TLS version" },
    { ALERT(CERTIFICATE_REQUIRED), FAULT_TLS_HANDSHAKE, "the server wants a client certificate" },
    { ALERT(BAD_CERTIFICATE), FAULT_TLS_HANDSHAKE, "the server refused the client certificate" },
    { ALERT(UNSUPPORTED_CERTIFICATE), FAULT_TLS_HANDSHAKE,
      "the server refused this kind of client certificate" },
    { ALERT(CERTIFICATE_REVOKED), FAULT_TLS_HANDSHAKE,
      "the server says that the client certificate is revoked" },
    { ALERT(CERTIFICATE_EXPIRED), FAULT_TLS_HANDSHAKE,
      "the server says that the client certificate has expired" },
    { ALERT(CERTIFICATE_UNKNOWN), FAULT_TLS_HANDSHAKE,
      "the server refused the client certificate" },
    { ALERT(UNKNOWN_CA), FAULT_TLS_HANDSHAKE,
      "the server does not know the issuer of the client certificate" },
    { ALERT(ACCESS_DENIED), FAULT_TLS_HANDSHAKE,
      "the server denied access with this client certificate" },
    { ALERT(UNRECOGNIZED_NAME), FAULT_TLS_HANDSHAKE, "the server does not know this host" },
    { ALERT(NO_APPLICATION_PROTOCOL), FAULT_TLS_ALPN, "the server does not speak HTTP/1.1" },
    { SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, FAULT_TLS_HANDSHAKE,
      "the server is too old to renegotiate safely (RFC 5746)" },
    { SSL_R_DH_KEY_TOO_SMALL, FAULT_TLS_HANDSHAKE, "the server's key exchange is too weak" },
};

const char tls_other_protocol[] = "the server chose another protocol than HTTP/1.1";

void tls_fail(struct tls *tls, enum fault_code code, enum phase phase, const char *why)
{
    tls_enter(tls, TLS_FAILED);
    fault_set(&tls->fault, code, phase, 0, why);
}

static const char *non_tls_why(const struct tls_wire *wire)
{
    if (!wire->first_bytes || wire->first[0] == SSL3_RT_HANDSHAKE ||
        wire->first[0] == SSL3_RT_ALERT)
        return NULL;
    if (span_equals(span_of(wire->first, wire->first_bytes), SPAN_LITERAL("HTTP/")))
        return "the server speaks no TLS: it answers in plain HTTP";
    return "the server speaks no TLS";
}

void tls_fail_unfinished(struct tls *tls)
{
    const char *why = non_tls_why(&tls->wire);

    tls_fail(tls, FAULT_TLS_HANDSHAKE, PHASE_TLS,
             why ? why : "the server ended the connection during the handshake");
}

/* The first error of libssl, else the first of all: what comes later is a consequence, and what is
 * of libcrypto is detail. Empties the queue. */
static unsigned long take_error(bool *ret_is_of_alpn)
{
    const char *function = "";
    unsigned long first = 0;
    unsigned long error;

    *ret_is_of_alpn = false;
    while ((error = ERR_get_error_all(NULL, NULL, &function, NULL, NULL))) {
        if (first && (ERR_GET_LIB(error) != ERR_LIB_SSL || ERR_GET_LIB(first) == ERR_LIB_SSL))
            continue;
        first = error;
        /* A protocol that was not offered is to newer versions just a "bad extension". */
        *ret_is_of_alpn = strcmp(function, "tls_parse_stoc_alpn") == 0;
    }
    return first;
}

static bool is_about_client_certificate(int alert)
{
    return alert == SSL_AD_CERTIFICATE_REQUIRED ||
           (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED;
}

static void tls_fail_with_reason(struct tls *tls, enum phase phase, unsigned long error)
{
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    int alert = reason - SSL_AD_REASON_OFFSET; /* below 0: none came */
    const char *why = ERR_reason_error_string(error);

    if (is_about_client_certificate(alert))
        phase = PHASE_TLS;
    for (size_t i = 0; phase == PHASE_TLS && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].reason == reason) {
            tls_fail(tls, reasons[i].code, phase, reasons[i].why);
            return;
        }
    }
    if (alert >= 0)
        (void)snprintf(tls->text, sizeof(tls->text), "the server sent the alert \"%s\"",
                       SSL_alert_desc_string_long(alert));
    tls_fail(tls,
             phase == PHASE_TLS       ? FAULT_TLS_HANDSHAKE
             : phase == PHASE_RECEIVE ? FAULT_IO_RECV
                                      : FAULT_IO_SEND,
             phase, why ? why : "OpenSSL failed without a reason");
}

void tls_fail_as_told(struct tls *tls, enum phase phase)
{
    bool is_of_alpn;
    unsigned long error = take_error(&is_of_alpn);
    const char *non_tls = phase == PHASE_TLS ? non_tls_why(&tls->wire) : NULL;

    switch (tls->wire.failure) {
    case TLS_WIRE_SOUND:
        break;
    case TLS_WIRE_NO_MEMORY:
        tls_fail(tls, FAULT_LOCAL_NO_MEMORY, phase, "out of memory");
        return;
    case TLS_WIRE_FLOODED:
        tls_fail(tls, FAULT_IO_RECV, phase, "the server asks for new keys without end");
        return;
    }
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        tls_fail(tls, FAULT_LOCAL_NO_MEMORY, phase, "out of memory");
    else if (tls->verify_error != X509_V_OK && phase == PHASE_TLS)
        tls_fail(tls, FAULT_TLS_VERIFY, phase, X509_verify_cert_error_string(tls->verify_error));
    else if (is_of_alpn)
        tls_fail(tls, FAULT_TLS_ALPN, phase, tls_other_protocol);
    else if (non_tls)
        tls_fail(tls, FAULT_TLS_HANDSHAKE, phase, non_tls);
    else
        tls_fail_with_reason(tls, phase, error);
}

/* ---- whom the certificate is for ------------------------------------------------------------ */

/* Writes at most room - 1 bytes and a NUL. */
static void write_name(const GENERAL_NAME *general, char *room, size_t room_bytes)
{
    const ASN1_STRING *string = GENERAL_NAME_get0_value(general, NULL);
    const unsigned char *data = ASN1_STRING_get0_data(string);
    size_t bytes = (size_t)ASN1_STRING_length(string);

    if (general->type == GEN_IPADD) {
        if ((bytes != 4 && bytes != 16) ||
            !inet_ntop(bytes == 4 ? AF_INET : AF_INET6, data, room, (socklen_t)room_bytes))
            (void)snprintf(room, room_bytes, "?");
        return;
    }
    if (bytes > room_bytes - 1)
        bytes = room_bytes - 1;
    for (size_t i = 0; i < bytes; i++) {
        char c = (char)data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || (c && strchr("-._*", c));

        room[i] = is_plain ? c : '?';
    }
    room[bytes] = '\0';
}

/* Returns how many hosts there are, of which the first are written as "a, b, c". */
static unsigned write_names(const GENERAL_NAMES *names, char *room, size_t room_bytes)
{
    size_t used = 0;
    unsigned count = 0;

    room[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *general = sk_GENERAL_NAME_value(names, i);
        char name[NAME_BYTES_MAX];

        if ((general->type != GEN_DNS && general->type != GEN_IPADD) || ++count > NAMES_SHOWN_MAX)
            continue;
        write_name(general, name, sizeof(name));
        used +=
            (size_t)snprintf(room + used, room_bytes - used, "%s%s", count > 1 ? ", " : "", name);
        assert(used < room_bytes);
    }
    return count;
}

static void tls_tell_names(struct tls *tls, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char shown[NAMES_SHOWN_MAX * (NAME_BYTES_MAX + 2)];
    char others[32] = "";
    unsigned count = write_names(names, shown, sizeof(shown));

    GENERAL_NAMES_free(names);
    if (count > NAMES_SHOWN_MAX)
        (void)snprintf(others, sizeof(others), " and %u more", count - NAMES_SHOWN_MAX);
    if (count)
        (void)snprintf(tls->text, sizeof(tls->text),
                       "the certificate is not for %.100s, but for %s%s", tls->host, shown, others);
    else
        (void)snprintf(tls->text, sizeof(tls->text),
                       "the certificate is not for %.100s: it names no host (subjectAltName)",
                       tls->host);
}

int tls_on_verify(int is_good, X509_STORE_CTX *verification)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = SSL_get_app_data(ssl);

    if (is_good)
        return is_good;
    tls->verify_error = X509_STORE_CTX_get_error(verification);
    if (tls->verify_error == X509_V_ERR_HOSTNAME_MISMATCH ||
        tls->verify_error == X509_V_ERR_IP_ADDRESS_MISMATCH)
        tls_tell_names(tls, X509_STORE_CTX_get0_cert(verification));
    return 0;
}
