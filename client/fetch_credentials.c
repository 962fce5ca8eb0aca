/*
 * fetch_credentials.c - the login of one item: that of its URL, else that of netrc for its host.
 *
 * It goes out as a field of the request, for the daemon to leave out where a redirect leads to
 * another origin.
 */
#include "fetch.h"

#include "url.h"

/* Of user or password of a URL. data is never NULL. */
static void put_decoded(struct text *text, struct span encoded)
{
    if (text_reserve(text, encoded.bytes + 1))
        text->bytes = url_percent_decode(encoded, text->data);
}

/* Basic authentication has no way to write these (RFC 7617, section 2). Those of a URL are the
 * daemon's to refuse. */
static bool can_be_sent(const struct netrc_entry *entry)
{
    struct span parts[] = { entry->login, entry->password };

    for (size_t i = 0; i < 2; i++)
        for (size_t at = 0; at < parts[i].bytes; at++)
            if ((unsigned char)parts[i].data[at] < 0x20 || parts[i].data[at] == 0x7f ||
                (i == 0 && parts[i].data[at] == ':'))
                return false;
    return true;
}

/* For a user without a password, or for nobody in particular. */
static const struct netrc_entry *find_entry(const struct fetch *fetch, const struct url *url,
                                            const struct text *user)
{
    struct span login = { 0 };

    if (url->password.data)
        return NULL;
    if (user->bytes)
        login = text_span(user);
    return netrc_find(&fetch->plan.netrc, span_of(url->host, url->host_bytes), login);
}

static bool has_field(struct span fields, struct span name)
{
    struct message_field field;

    while (message_next_field(&fields, &field))
        if (span_equals_nocase(field.name, name))
            return true;
    return false;
}

/* user has the one of the URL, if there is one. */
static enum fetch_login add_login(struct fetch *fetch, const struct url *url, struct text *user)
{
    const struct netrc_entry *entry = find_entry(fetch, url, user);
    struct text password, value;

    if (entry && !entry->login.data && !entry->password.data)
        entry = NULL; /* "machine NAME" alone: no login there, nor that of "default" */
    if (entry && !can_be_sent(entry))
        return FETCH_LOGIN_BAD;
    if (!entry && !url->user.data)
        return FETCH_LOGIN_NONE;
    text_init(&password);
    text_init(&value);
    if (url->password.data)
        put_decoded(&password, url->password);
    else if (entry)
        text_put_span(&password, entry->password);
    plan_put_basic(&value, user->bytes || !entry ? text_span(user) : entry->login,
                   text_span(&password));
    plan_put_field(&fetch->fields, SPAN_LITERAL("Authorization"), text_span(&value));
    text_deinit(&password);
    text_deinit(&value);
    return FETCH_LOGIN_ADDED;
}

enum fetch_login fetch_add_login(struct fetch *fetch, const struct input_item *in,
                                 const struct url *url)
{
    enum fetch_login verdict;
    struct text user;

    if (!url || fetch->plan.has_authorization ||
        has_field(in->fields, SPAN_LITERAL("Authorization")))
        return FETCH_LOGIN_NONE;
    if (!url->user.data && !fetch->plan.netrc.count)
        return FETCH_LOGIN_NONE;
    text_init(&user);
    if (url->user.data)
        put_decoded(&user, url->user);
    verdict = add_login(fetch, url, &user);
    text_deinit(&user);
    return verdict;
}
