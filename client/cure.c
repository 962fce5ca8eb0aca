/*
 * cure.c - cures by fault; only those that help someone who does not know haul.
 */
#include "cure.h"

const char *cure_of_fault(enum fault_code code)
{
    static const char *const cures[FAULT_CODE_COUNT] = {
        [FAULT_ADMISSION_DRAINING] = "try again when the daemon is back, or use --private",
        [FAULT_DNS_NOT_FOUND] = "check the name, or give its address with --resolve",
        [FAULT_DNS_FAILED] = "check /etc/resolv.conf; `haul doctor` looks at it",
        [FAULT_CONNECT_REFUSED] = "is a server listening there?",
        [FAULT_CONNECT_UNREACHABLE] = "check the route, or try -4 or -6",
        [FAULT_CONNECT_PROXY] = "-U USER:PASSWORD is its login; --noproxy HOST goes without it",
        [FAULT_DNS_PROXY] = "check -x, or what http_proxy, https_proxy and all_proxy say",
        [FAULT_TLS_VERIFY] = "--cacert FILE trusts its issuer; -k gives up the check",
        [FAULT_TIMEOUT_TLS] = "--tls-timeout gives it longer",
        [FAULT_TIMEOUT_DNS] = "--dns-timeout gives it longer",
        [FAULT_TIMEOUT_CONNECT] = "--connect-timeout gives it longer",
        [FAULT_TIMEOUT_FIRST_BYTE] = "--ttfb-timeout gives it longer",
        [FAULT_TIMEOUT_IDLE] = "--idle-timeout gives it longer",
        [FAULT_TIMEOUT_TOTAL] = "--max-time gives it longer",
        [FAULT_HTTP_TOO_BIG] = "--max-body sets the limit for bodies",
        [FAULT_SINK_WRITE] = "check the directory, its rights and the room on its disk",
        [FAULT_LOCAL_NO_DESCRIPTORS] = "raise the hard limit (ulimit -Hn), or lower -c",
        [FAULT_LOCAL_NO_PORTS] = "lower -c, or widen net.ipv4.ip_local_port_range",
    };

    return code < FAULT_CODE_COUNT && cures[code] ? cures[code] : "";
}
