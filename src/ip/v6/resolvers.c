#include "ip/v6/resolvers.h"

#include <string.h>

#include "base/address.h"
#include "ip/v6/lifetime.h"

/* --- servers --- */

static unsigned find_server(const struct mn_resolvers *resolvers, struct mnet_address address)
{
    unsigned at = 0;
    while (at < resolvers->server_count && !mn_address_equal(&resolvers->servers[at].address, &address))
        at++;
    return at;
}

static void remove_server(struct mn_resolvers *resolvers, unsigned at)
{
    MN_ASSERT(at < resolvers->server_count);
    resolvers->server_count--;
    memmove(&resolvers->servers[at], &resolvers->servers[at + 1],
            (resolvers->server_count - at) * sizeof resolvers->servers[0]);
    resolvers->generation++;
}

static unsigned first_server_to_end(const struct mn_resolvers *resolvers)
{
    MN_DEBUG_ASSERT(resolvers->server_count > 0);
    unsigned first = 0;
    for (unsigned i = 1; i < resolvers->server_count; i++)
        if (resolvers->servers[i].until_ns < resolvers->servers[first].until_ns)
            first = i;
    return first;
}

/* Returns whether the server has its place at `at`. It has none if the list is full of servers that
 * end no earlier. */
static bool insert_server(struct mn_resolvers *resolvers, unsigned at, struct mn_resolver server)
{
    MN_DEBUG_ASSERT(find_server(resolvers, server.address) == resolvers->server_count);
    if (resolvers->server_count == MN_RESOLVERS_MAX) { /* RDNSS-6.2-2 */
        unsigned victim = first_server_to_end(resolvers);
        if (victim < at || server.until_ns < resolvers->servers[victim].until_ns)
            return false;
        remove_server(resolvers, victim);
    }
    MN_ASSERT(at <= resolvers->server_count);
    memmove(&resolvers->servers[at + 1], &resolvers->servers[at],
            (resolvers->server_count - at) * sizeof resolvers->servers[0]);
    resolvers->servers[at] = server;
    resolvers->server_count++;
    resolvers->generation++;
    return true;
}

void mn_resolvers_input(struct mn_resolvers *resolvers, const struct mn_resolver_option *option, uint64_t now)
{
    unsigned added = 0;
    uint64_t until_ns = mn_lifetime_end(now, option->lifetime_s);
    for (unsigned i = 0; i < option->count; i++) {
        struct mnet_address address = option->addresses[i];
        if (mn_address_is_any(&address) || mn_address_is_multicast(&address)) /* RDNSS-5.3.1-2 */
            continue;
        unsigned at = find_server(resolvers, address);
        if (at == resolvers->server_count && option->lifetime_s > 0)
            /* RDNSS-6.2-1 */
            added += insert_server(resolvers, added, (struct mn_resolver){address, until_ns});
        else if (at < resolvers->server_count && option->lifetime_s > 0)
            resolvers->servers[at].until_ns = until_ns;
        else if (at < resolvers->server_count)
            remove_server(resolvers, at); /* RDNSS-5.1-2 */
    }
}

/* --- search names --- */

static uint8_t lower_case(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool name_equal(const struct mn_search_name *a, const uint8_t *bytes, size_t len)
{
    if (a->len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower_case(a->bytes[i]) != lower_case(bytes[i])) /* lengths of labels are below 64 */
            return false;
    return true;
}

static unsigned find_name(const struct mn_resolvers *resolvers, const struct mn_search_option *option)
{
    unsigned at = 0;
    while (at < resolvers->name_count && !name_equal(&resolvers->names[at], option->name, option->len))
        at++;
    return at;
}

static void remove_name(struct mn_resolvers *resolvers, unsigned at)
{
    MN_ASSERT(at < resolvers->name_count);
    resolvers->name_count--;
    memmove(&resolvers->names[at], &resolvers->names[at + 1],
            (resolvers->name_count - at) * sizeof resolvers->names[0]);
    resolvers->generation++;
}

static unsigned first_name_to_end(const struct mn_resolvers *resolvers)
{
    MN_DEBUG_ASSERT(resolvers->name_count > 0);
    unsigned first = 0;
    for (unsigned i = 1; i < resolvers->name_count; i++)
        if (resolvers->names[i].until_ns < resolvers->names[first].until_ns)
            first = i;
    return first;
}

/* As insert_server. */
static bool insert_name(struct mn_resolvers *resolvers, unsigned at, const struct mn_search_option *option,
                        uint64_t until_ns)
{
    MN_DEBUG_ASSERT(option->len > 0 && option->len <= MN_SEARCH_NAME_BYTES);
    if (resolvers->name_count == MN_SEARCH_NAMES_MAX) {
        unsigned victim = first_name_to_end(resolvers);
        if (victim < at || until_ns < resolvers->names[victim].until_ns)
            return false;
        remove_name(resolvers, victim);
    }
    MN_ASSERT(at <= resolvers->name_count);
    memmove(&resolvers->names[at + 1], &resolvers->names[at],
            (resolvers->name_count - at) * sizeof resolvers->names[0]);
    struct mn_search_name *name = &resolvers->names[at];
    *name = (struct mn_search_name){.len = (uint8_t)option->len, .until_ns = until_ns};
    memcpy(name->bytes, option->name, option->len);
    resolvers->name_count++;
    resolvers->generation++;
    return true;
}

void mn_resolvers_input_names(struct mn_resolvers *resolvers, const struct mn_search_option *names, unsigned count,
                              uint64_t now)
{
    unsigned added = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct mn_search_option *option = &names[i];
        if (option->len == 0 || option->len > MN_SEARCH_NAME_BYTES)
            continue;
        unsigned at = find_name(resolvers, option);
        uint64_t until_ns = mn_lifetime_end(now, option->lifetime_s);
        if (at == resolvers->name_count && option->lifetime_s > 0)
            added += insert_name(resolvers, added, option, until_ns);
        else if (at < resolvers->name_count && option->lifetime_s > 0)
            resolvers->names[at].until_ns = until_ns;
        else if (at < resolvers->name_count)
            remove_name(resolvers, at); /* RDNSS-5.1-2 */
    }
}

/* --- both --- */

void mn_resolvers_clear(struct mn_resolvers *resolvers)
{
    resolvers->server_count = resolvers->name_count = 0;
    resolvers->generation++;
}

void mn_resolvers_expire(struct mn_resolvers *resolvers, uint64_t now)
{
    for (unsigned i = resolvers->server_count; i-- > 0;)
        if (now >= resolvers->servers[i].until_ns)
            remove_server(resolvers, i);
    for (unsigned i = resolvers->name_count; i-- > 0;)
        if (now >= resolvers->names[i].until_ns)
            remove_name(resolvers, i);
}

uint64_t mn_resolvers_deadline(const struct mn_resolvers *resolvers)
{
    uint64_t first = MNET_NEVER;
    if (resolvers->server_count > 0)
        first = resolvers->servers[first_server_to_end(resolvers)].until_ns;
    if (resolvers->name_count > 0)
        first = MN_MIN(first, resolvers->names[first_name_to_end(resolvers)].until_ns);
    return first;
}
