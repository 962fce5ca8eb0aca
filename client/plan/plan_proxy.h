/*
 * plan_proxy.h - from -x, -U, --noproxy and the environment to a profile's proxies.
 */
#ifndef HAUL_PLAN_PROXY_H
#define HAUL_PLAN_PROXY_H

#include "plan.h"

/* Reads http_proxy, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, no_proxy and NO_PROXY: the
 * daemon never does. False and *why: the flags make no sense. */
bool plan_add_proxies(struct plan *plan, const struct options *options, char **why);

/* Wipes the credentials. */
void plan_forget_proxies(struct plan *plan);

#endif
