/*
 * idn.c - libidn2 by dlopen, and what it must not be believed in.
 *
 * As curl: non-transitional processing of UTS #46 on input in normal form C. Its mapping knows no
 * URLs: U+FF0F in a name becomes a slash, U+FF1A a colon, and full-width digits an address. What
 * comes out is taken only if it is a name; else the request would go to another host than the one
 * that is read in the URL.
 *
 * Rejected: curl's second try with transitional processing. It takes emoji, but makes "ab" of "a",
 * a joiner and "b" too: a name that somebody else owns.
 * Rejected: linking it. It brings libunistring, 2 MB to map and relocate for a name that few lists
 * have: a start would take 5.7 ms of CPU in place of 4.8 (getrusage over 500 starts of `haul
 * version`, release build).
 */
#include "idn.h"

#include <dlfcn.h>
#include <idn2.h>

#define INPUT_BYTES_MAX 1024u

struct idn {
    int (*lookup)(const uint8_t *src, uint8_t **lookupname, int flags);
    void (*release)(void *ptr);
};

static bool idn_open(struct idn *ret_idn)
{
    void *library = dlopen(IDN_LIBRARY, RTLD_NOW | RTLD_NODELETE);
    void *lookup = library ? dlsym(library, "idn2_lookup_u8") : NULL;
    void *release = library ? dlsym(library, "idn2_free") : NULL;

    if (library)
        (void)dlclose(library); /* RTLD_NODELETE: what we found stays */
    if (!lookup || !release)
        return false;
    memcpy(&ret_idn->lookup, &lookup, sizeof(lookup));
    memcpy(&ret_idn->release, &release, sizeof(release));
    return true;
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

static enum idn_verdict refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return IDN_REFUSED;
}

static const char *why_of_code(int code)
{
    switch (code) {
    case IDN2_MALLOC:
        return "out of memory";
    case IDN2_ENCODING_ERROR:
        return "the host is not UTF-8";
    case IDN2_PUNYCODE_BIG_OUTPUT:
    case IDN2_TOO_BIG_DOMAIN:
    case IDN2_TOO_BIG_LABEL:
        return "the host, or a label of it, is too long";
    case IDN2_HYPHEN_STARTEND:
    case IDN2_2HYPHEN:
        return "a label of the host has a hyphen where IDNA2008 allows none";
    case IDN2_BIDI:
        return "a label of the host mixes directions of writing in a way IDNA2008 does not allow";
    case IDN2_DISALLOWED:
    case IDN2_UNASSIGNED:
    case IDN2_CONTEXTJ:
    case IDN2_CONTEXTJ_NO_RULE:
    case IDN2_CONTEXTO:
    case IDN2_CONTEXTO_NO_RULE:
    case IDN2_LEADING_COMBINING:
        return "the host has a character that IDNA2008 does not allow there";
    default:
        return "the host is no name of IDNA2008";
    }
}

/* Letters, digits, '-', '_' and dots; url_parse sees to the labels. */
static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return text.bytes > 0;
}

/* A name of which url_parse would make an address. */
static bool ends_in_number(struct span name)
{
    size_t start;

    if (name.bytes && name.data[name.bytes - 1] == '.')
        name.bytes--;
    for (start = name.bytes; start > 0 && name.data[start - 1] != '.'; start--)
        ;
    span_advance(&name, start);
    if (name.bytes >= 2 && strncasecmp(name.data, "0x", 2) == 0)
        return strspn(name.data + 2, "0123456789abcdefABCDEF") >= name.bytes - 2;
    return name.bytes > 0 && strspn(name.data, "0123456789") >= name.bytes;
}

static enum idn_verdict take_name(const char *converted, char *out, const char **ret_why)
{
    struct span name = span_of_string(converted);

    if (name.bytes >= IDN_NAME_BYTES)
        return refuse(ret_why, "the host, or a label of it, is too long");
    if (!is_name(name))
        return refuse(ret_why, "a character of the host stands for one that no name has");
    if (ends_in_number(name))
        return refuse(ret_why, "the host stands for a number: write an address in ASCII");
    memcpy(out, converted, name.bytes + 1);
    return IDN_CONVERTED;
}

enum idn_verdict idn_convert_name(struct span name, char *out, const char **ret_why)
{
    uint8_t input[INPUT_BYTES_MAX + 1];
    uint8_t *converted = NULL;
    enum idn_verdict verdict;
    struct idn idn;
    int code;

    if (is_ascii(name))
        return IDN_IS_ASCII;
    if (name.bytes > INPUT_BYTES_MAX)
        return refuse(ret_why, "the host, or a label of it, is too long");
    if (memchr(name.data, '\0', name.bytes))
        return refuse(ret_why, "the host is no name of IDNA2008");
    if (!idn_open(&idn))
        return refuse(ret_why, "a host that is not ASCII needs " IDN_LIBRARY
                               ", which is not on this machine; write it as xn--...");
    memcpy(input, name.data, name.bytes);
    input[name.bytes] = '\0';
    code = idn.lookup(input, &converted, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (code != IDN2_OK)
        return refuse(ret_why, why_of_code(code));
    verdict = take_name((const char *)converted, out, ret_why);
    idn.release(converted);
    return verdict;
}

/* The host within a URL as url_parse sees it: between "://" or the user's '@', and the port or what
 * ends the authority. Empty when there is none, or a literal. */
static struct span host_of(struct span url)
{
    const char *start = memmem(url.data, url.bytes, "://", 3);
    const char *at, *colon;
    size_t bytes = 0;

    if (!start)
        return (struct span){ 0 };
    span_advance(&url, (size_t)(start - url.data) + 3);
    while (bytes < url.bytes && !memchr("/?#", url.data[bytes], 3))
        bytes++;
    url.bytes = bytes;
    at = memrchr(url.data, '@', url.bytes);
    if (at)
        span_advance(&url, (size_t)(at - url.data) + 1);
    colon = memrchr(url.data, ':', url.bytes);
    if (colon)
        url.bytes = (size_t)(colon - url.data);
    return url.bytes && url.data[0] == '[' ? (struct span){ 0 } : url;
}

enum idn_verdict idn_convert_url(struct span url, struct text *out, const char **ret_why)
{
    struct span host = host_of(url);
    char name[IDN_NAME_BYTES];
    enum idn_verdict verdict = idn_convert_name(host, name, ret_why);

    if (verdict != IDN_CONVERTED)
        return verdict;
    text_put(out, url.data, (size_t)(host.data - url.data));
    text_put_string(out, name);
    span_advance(&url, (size_t)(host.data - url.data) + host.bytes);
    text_put_span(out, url);
    return IDN_CONVERTED;
}
