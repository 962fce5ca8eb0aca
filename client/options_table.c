/*
 * options_table.c - every flag of the contract, one row each.
 *
 * A row that applies to two verbs stands once, with both bits. A letter may have a row per verb: -i
 * is --include of get and --input of batch. The order is that of `haul help`.
 */
#include "options.h"

#define AT(member) offsetof(struct options, member)
#define FLAG(long_name, short_letter, for_verbs, member, text)                                     \
    {                                                                                              \
        .name = long_name, .letter = short_letter, .verbs = for_verbs, .kind = OPTION_FLAG,        \
        .offset = AT(member), .help = text                                                         \
    }
#define VALUE(long_name, short_letter, for_verbs, value_kind, member, what, text)                  \
    {                                                                                              \
        .name = long_name, .letter = short_letter, .verbs = for_verbs, .kind = value_kind,         \
        .offset = AT(member), .argument = what, .help = text                                       \
    }
#define DATA(long_name, short_letter, for_verbs, data_sub, text)                                   \
    {                                                                                              \
        .name = long_name, .letter = short_letter, .verbs = for_verbs, .kind = OPTION_DATA,        \
        .sub = data_sub, .argument = "DATA", .help = text                                          \
    }
#define LATER(long_name, for_verbs)                                                                \
    {                                                                                              \
        .name = long_name, .verbs = for_verbs, .kind = OPTION_REFUSED,                             \
        .help = "is not in this build"                                                             \
    }

const struct option_row option_rows[] = {
    /* request */
    VALUE("method", 'X', VERB_REQUEST, OPTION_TEXT, method, "METHOD", "request method"),
    VALUE("request", 0, VERB_REQUEST, OPTION_TEXT, method, "METHOD", "same as --method"),
    VALUE("header", 'H', VERB_REQUEST, OPTION_LIST, headers, "LINE",
          "add or replace a field; 'Name:' removes it, 'Name;' sends it empty; @FILE: lines of a "
          "file"),
    DATA(
        "data", 'd', VERB_FETCH, DATA_FORM,
        "send a body with POST; repeated: joined with &; @FILE, @-: from there, without line ends"),
    DATA("data", 0, VERB_BENCH, DATA_FORM, "send a body with POST; @FILE, @-: from there"),
    DATA("data-raw", 0, VERB_REQUEST, DATA_RAW, "like -d, but @ has no meaning"),
    DATA("data-binary", 0, VERB_REQUEST, DATA_BINARY, "like -d, files as they are"),
    DATA("data-urlencode", 0, VERB_REQUEST, DATA_URLENCODE,
         "like -d, percent-encoded: TEXT, =TEXT, NAME=TEXT, @FILE, NAME@FILE"),
    DATA("json", 0, VERB_REQUEST, DATA_JSON, "send JSON with POST; @FILE, @-: from there"),
    VALUE("upload-file", 'T', VERB_FETCH, OPTION_LIST, upload, "FILE",
          "put FILE (- = standard input) to the URL; one that ends in / gets its name"),
    FLAG("get", 'G', VERB_REQUEST, data_in_url, "put the data into the query of a GET"),
    VALUE("user-agent", 'A', VERB_REQUEST, OPTION_TEXT, user_agent, "NAME", "User-Agent"),
    VALUE("referer", 'e', VERB_REQUEST, OPTION_TEXT, referer, "URL", "Referer"),
    VALUE("user", 'u', VERB_REQUEST, OPTION_TEXT, user, "USER:PASSWORD", "basic authentication"),
    VALUE("bearer", 0, VERB_REQUEST, OPTION_TEXT, bearer, "TOKEN", "Authorization: Bearer"),
    FLAG("netrc", 'n', VERB_FETCH, netrc, "logins from ~/.netrc, by host"),
    FLAG("netrc-optional", 0, VERB_FETCH, netrc_optional, "likewise, if the file is there"),
    VALUE("netrc-file", 0, VERB_FETCH, OPTION_TEXT, netrc_file, "FILE", "logins from FILE"),
    VALUE("range", 'r', VERB_REQUEST, OPTION_TEXT, range, "FROM-TO", "part of the resource"),
    FLAG("head", 'I', VERB_REQUEST, head, "HEAD: the header only"),
    FLAG("compressed", 0, VERB_REQUEST, compressed,
         "ask for gzip, deflate, br or zstd, and decode the body"),
    /* cookies */
    VALUE("cookie", 'b', VERB_REQUEST, OPTION_LIST, cookies, "TEXT|FILE",
          "send 'a=1; b=2'; without '=': a file of cookies to begin with, and keep what is set"),
    VALUE("cookie-jar", 'c', VERB_GET, OPTION_TEXT, cookie_jar, "FILE",
          "keep cookies, and write them to FILE at the end"),
    VALUE("cookie-jar", 0, VERB_BATCH, OPTION_TEXT, cookie_jar, "FILE",
          "keep cookies, and write them to FILE at the end"),
    FLAG("junk-session-cookies", 'j', VERB_FETCH, junk_session_cookies,
         "leave the session cookies of -b FILE out"),
    /* following */
    FLAG("location", 'L', VERB_REQUEST, follow, "follow redirects (batch does without being told)"),
    FLAG("no-location", 0, VERB_REQUEST, no_follow, "a redirect is the answer"),
    VALUE("max-redirs", 0, VERB_REQUEST, OPTION_TEXT, max_redirs, "N",
          "at most so many redirects (get 50, batch 10)"),
    VALUE("proto-redir", 0, VERB_REQUEST, OPTION_TEXT, proto_redir, "LIST",
          "schemes a redirect may lead to: =https, http,https, -http"),
    /* conditions */
    VALUE("time-cond", 'z', VERB_FETCH, OPTION_TEXT, time_cond, "DATE|FILE",
          "only if it is newer than that; -DATE: only if not"),
    VALUE("etag-save", 0, VERB_FETCH, OPTION_TEXT, etag_save, "FILE", "keep the ETag in FILE"),
    VALUE("etag-compare", 0, VERB_FETCH, OPTION_TEXT, etag_compare, "FILE",
          "only if the ETag is not the one in FILE"),
    VALUE("continue-at", 'C', VERB_FETCH, OPTION_TEXT, continue_at, "-",
          "fetch what the file lacks; a number: it must have so many bytes"),
    /* where to */
    VALUE("resolve", 0, VERB_REQUEST, OPTION_LIST, resolve, "HOST:PORT:ADDR",
          "use this address instead of asking DNS"),
    VALUE("connect-to", 0, VERB_REQUEST, OPTION_LIST, connect_to, "HOST:PORT:HOST2:PORT2",
          "connect elsewhere; an empty part matches any or stays"),
    VALUE("unix-socket", 0, VERB_REQUEST, OPTION_TEXT, unix_socket, "PATH",
          "connect to a unix socket"),
    VALUE("proxy", 'x', VERB_REQUEST, OPTION_TEXT, proxy, "[http://]HOST[:PORT]",
          "go through this proxy (port 1080); '' = none, whatever the environment says"),
    VALUE("proxy-user", 'U', VERB_REQUEST, OPTION_TEXT, proxy_user, "USER:PASSWORD",
          "its basic authentication"),
    VALUE("noproxy", 0, VERB_REQUEST, OPTION_TEXT, noproxy, "LIST",
          "hosts, domains and networks without a proxy; '*' = all"),
    VALUE("interface", 0, VERB_REQUEST, OPTION_TEXT, interface, "ADDR", "local address to use"),
    FLAG("ipv4", '4', VERB_REQUEST, ipv4, "IPv4 addresses only"),
    FLAG("ipv6", '6', VERB_REQUEST, ipv6, "IPv6 addresses only"),
    FLAG("public-only", 0, VERB_REQUEST, public_only,
         "no private or loopback address, redirects too; of a proxy only its own counts"),
    /* TLS */
    FLAG("insecure", 'k', VERB_REQUEST, insecure, "do not check the server's certificate"),
    VALUE("cacert", 0, VERB_REQUEST, OPTION_TEXT, cacert, "FILE",
          "trust these PEM certificates instead of the system's"),
    VALUE("cert", 'E', VERB_REQUEST, OPTION_TEXT, cert, "FILE", "client certificate, PEM"),
    VALUE("key", 0, VERB_REQUEST, OPTION_TEXT, key, "FILE", "its private key, if not in --cert"),
    VALUE("tls-min", 0, VERB_REQUEST, OPTION_TEXT, tls_min, "VERSION", "1.2 (default) or 1.3"),
    VALUE("tls-max", 0, VERB_REQUEST, OPTION_TEXT, tls_max, "VERSION", "1.2 or 1.3 (default)"),
    /* time */
    VALUE("max-time", 'm', VERB_REQUEST, OPTION_TIMEOUT, max_time_ns, "TIME",
          "for the whole item (batch: 5m); of this and the next, 0 = no limit"),
    VALUE("connect-timeout", 0, VERB_REQUEST, OPTION_TIMEOUT, connect_timeout_ns, "TIME",
          "over all addresses (10s)"),
    VALUE("dns-timeout", 0, VERB_REQUEST, OPTION_TIMEOUT, dns_timeout_ns, "TIME", "(5s)"),
    VALUE("tls-timeout", 0, VERB_REQUEST, OPTION_TIMEOUT, tls_timeout_ns, "TIME", "(10s)"),
    VALUE("ttfb-timeout", 0, VERB_REQUEST, OPTION_TIMEOUT, first_byte_timeout_ns, "TIME",
          "until the first byte of the answer (60s)"),
    VALUE("idle-timeout", 0, VERB_REQUEST, OPTION_TIMEOUT, idle_timeout_ns, "TIME",
          "between two pieces of a body (60s)"),
    /* retry */
    VALUE("retry", 0, VERB_FETCH, OPTION_TEXT, retry, "N", "try again up to N times"),
    VALUE("retry-delay", 0, VERB_FETCH, OPTION_DURATION, retry_delay_ns, "TIME",
          "before each retry (random, up to 1s doubled each time)"),
    VALUE("retry-max-time", 0, VERB_FETCH, OPTION_DURATION, retry_max_time_ns, "TIME",
          "no retry begins later than this"),
    VALUE("retry-on", 0, VERB_FETCH, OPTION_TEXT, retry_on, "LIST",
          "429,5xx,connect,timeout,... (what may pass)"),
    FLAG("retry-all-methods", 0, VERB_FETCH, retry_all_methods,
         "POST and PATCH too, though they may then act twice"),
    /* politeness */
    VALUE("concurrency", 'c', VERB_BATCH, OPTION_COUNT, concurrency, "N",
          "items in progress at once (100)"),
    VALUE("max-per-origin", 0, VERB_FETCH, OPTION_COUNT, max_per_origin, "N",
          "connections per origin (the daemon's 16; a private daemon: -c)"),
    VALUE("rate", 0, VERB_FETCH, OPTION_TEXT, rate, "RATE",
          "requests per second at most, over all origins: 100, 6/m, 20/h"),
    VALUE("rate-per-origin", 0, VERB_FETCH, OPTION_TEXT, rate_per_origin, "RATE",
          "the same for each origin"),
    /* body */
    VALUE("output", 'o', VERB_FETCH, OPTION_LIST, output, "FILE", "write the body to FILE"),
    FLAG("remote-name", 'O', VERB_FETCH, remote_name, "name the file after the URL"),
    VALUE("output-dir", 0, VERB_FETCH, OPTION_TEXT, output_dir, "DIR",
          "write bodies into DIR, named after their URLs"),
    VALUE("output-template", 0, VERB_FETCH, OPTION_TEXT, output_template, "TEMPLATE",
          "name files below DIR as in '{host}/{path}'"),
    FLAG("skip-existing", 0, VERB_FETCH, skip_existing, "do not fetch what has its file already"),
    { .name = "hash",
      .verbs = VERB_FETCH,
      .kind = OPTION_CHOICE,
      .offset = AT(hash),
      .choices = "none sha256 xxh3",
      .argument = "KIND",
      .help = "sha256 or xxh3" },
    VALUE("expect-hash", 0, VERB_FETCH, OPTION_TEXT, expect_hash, "HASH",
          "fail unless the body has it: sha256:HEX or xxh3:HEX"),
    FLAG("discard", 0, VERB_FETCH, discard, "count the body, keep nothing (default of batch)"),
    FLAG("inline", 0, VERB_FETCH, body_inline, "put the body into the record"),
    VALUE("max-body", 0, VERB_FETCH, OPTION_BYTES, body_bytes_max, "SIZE", "refuse larger bodies"),
    /* result */
    FLAG("fail", 'f', VERB_FETCH, fail_status, "a status of 400 or more is a failure"),
    FLAG("silent", 's', VERB_FETCH, silent, "no progress, summary or error lines"),
    FLAG("show-error", 'S', VERB_FETCH, show_error, "error lines even with -s"),
    VALUE("write-out", 'w', VERB_FETCH, OPTION_TEXT, write_out, "TEMPLATE",
          "print this after each item, with curl's %{variables}; batch: in place of records"),
    FLAG("headers", 0, VERB_FETCH, headers_in_record, "put the response header into the record"),
    FLAG("timeline", 0, VERB_FETCH, timeline, "draw when each request connected, waited, received"),
    VALUE("report", 0, VERB_REQUEST | VERB_REPORT, OPTION_LIST, report, "FILE",
          "write the run: .json, .hgrm, .hlog, .csv, .txt"),
    { .name = "records",
      .verbs = VERB_FETCH,
      .kind = OPTION_CHOICE,
      .offset = AT(records),
      .choices = "default all failed none",
      .argument = "WHICH",
      .help = "all, failed or none" },
    FLAG("fail-early", 0, VERB_FETCH, fail_early, "stop at the first failure"),
    FLAG("serial", 0, VERB_FETCH, serial, "one at a time: the synchronous client"),
    FLAG("include", 'i', VERB_GET, include_head, "write the response header before the body"),
    /* bench */
    VALUE("connections", 'c', VERB_BENCH, OPTION_COUNT, concurrency, "N", "connections (50)"),
    VALUE("requests", 'n', VERB_BENCH, OPTION_COUNT, requests_max, "N",
          "so many requests, however long they take"),
    VALUE("duration", 'd', VERB_BENCH, OPTION_PERIOD, duration_ns, "TIME", "(10s)"),
    { .name = "run-time",
      .letter = 'z',
      .verbs = VERB_BENCH,
      .kind = OPTION_PERIOD,
      .offset = AT(duration_ns),
      .argument = "TIME",
      .help = "same as -d" },
    VALUE("rate", 'R', VERB_BENCH, OPTION_TEXT, bench_rate, "RATE",
          "open loop: so many requests begin per second, whatever the server does"),
    { .name = "arrival",
      .verbs = VERB_BENCH,
      .kind = OPTION_CHOICE,
      .offset = AT(arrival),
      .choices = "fixed poisson",
      .argument = "HOW",
      .help = "fixed or poisson" },
    VALUE("ramp", 0, VERB_BENCH, OPTION_DURATION, ramp_ns, "TIME",
          "let the rate rise for so long before"),
    VALUE("warm-up", 0, VERB_BENCH, OPTION_DURATION, warm_up_ns, "TIME",
          "run for so long before; counted apart"),
    FLAG("fresh-conn", 0, VERB_BENCH, fresh_conn, "a new connection for each request"),
    VALUE("name", 0, VERB_BENCH, OPTION_TEXT, name, "TEXT", "what reports call the run"),
    VALUE("slo", 0, VERB_BENCH, OPTION_LIST, slo, "BOUND",
          "exit 5 when missed: 'p99<50ms', 'mean<..', 'max<..', 'errors<0.1%'"),
    FLAG("strict", 0, VERB_BENCH, strict, "exit 3 when the verdict is INVALID"),
    VALUE("save", 0, VERB_BENCH, OPTION_TEXT, save, "NAME", "same as --report NAME.json"),
    FLAG("plot", 0, VERB_BENCH | VERB_REPORT, plot, "draw the curve of percentiles"),
    { .name = "format",
      .verbs = VERB_BENCH | VERB_REPORT,
      .kind = OPTION_CHOICE,
      .offset = AT(format),
      .choices = "text json csv hgrm hlog",
      .argument = "HOW",
      .help = "on standard output: text (default), json, csv, hgrm, hlog" },
    { .name = "by",
      .verbs = VERB_BATCH | VERB_BENCH,
      .kind = OPTION_CHOICE,
      .offset = AT(by),
      .choices = "none url host status",
      .argument = "WHAT",
      .help = "tell requests apart by url, host or status" },
    /* input */
    VALUE("input", 'i', VERB_BATCH | VERB_BENCH, OPTION_LIST, input, "FILE",
          "a URL or JSON per line; - = stdin"),
    /* global */
    VALUE("socket", 0, VERB_ANY, OPTION_TEXT, socket, "PATH", "the daemon's socket"),
    FLAG("private", 0, VERB_ANY, is_private, "always start a private daemon"),
    FLAG("no-private", 0, VERB_ANY, no_private, "never start one; exit 4 if none is reachable"),
    FLAG("quiet", 'q', VERB_ANY, quiet, "nothing on stderr"),
    FLAG("verbose", 'v', VERB_ANY, verbose, "say more; get: request > and response < lines"),
    { .name = "color",
      .verbs = VERB_ANY,
      .kind = OPTION_CHOICE,
      .offset = AT(color),
      .choices = "auto always never",
      .argument = "WHEN",
      .help = "auto, always or never" },
    FLAG("version", 0, VERB_ANY, version, "print the version"),
    FLAG("help", 'h', VERB_ANY, help, "print this help"),
    /* in the contract, not in this build */
    /* never: the nearest way */
    { .name = "form",
      .letter = 'F',
      .verbs = VERB_FETCH,
      .kind = OPTION_REFUSED,
      .help = "is not offered; send the finished body with --data-binary and "
              "-H 'Content-Type: multipart/form-data; boundary=...'" },
    { .name = "config",
      .letter = 'K',
      .verbs = VERB_FETCH,
      .kind = OPTION_REFUSED,
      .help = "is not offered; put the URLs into a file for `haul batch -i FILE` and the flags "
              "into a script" },
    { .name = "parallel",
      .letter = 'Z',
      .verbs = VERB_FETCH,
      .kind = OPTION_REFUSED,
      .help = "is not offered; `haul batch URL...` fetches in parallel" },
};

const size_t option_rows_count = sizeof(option_rows) / sizeof(option_rows[0]);
