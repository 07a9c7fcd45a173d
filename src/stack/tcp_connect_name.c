/* Connecting to a host by its name: the first half of Happy Eyeballs (RFC 8305 3).
 *
 * Both families are asked for at once, AAAA first. The race of tcp_connect_any.c begins as soon as
 * one address is known: at once if it is of IPv6, or if there is none of IPv6; otherwise IPv6 has
 * 50 ms more. Addresses that become known while the race runs are sorted into those that were not
 * tried.
 */
#include "stack/dns.h"
#include "stack/race.h"
#include "stack/source.h"

#define RESOLUTION_DELAY (50 * MNET_MILLISECOND) /* HE-3-4, HE-8-1 */

struct name_race {
    struct mn_race race;
    struct mn_name_wait wait;
    struct mn_blocked blocked;
    bool added[2]; /* the family's addresses are in the race */
};

/* Adds the addresses of a family once they are known. Returns whether there are new ones. */
static bool add_family(struct name_race *names, unsigned which)
{
    struct mnet_address addresses[MNET_TCP_ADDRESSES_MAX];
    if (names->added[which] || !mn_names_known(&names->wait, which))
        return false;
    names->added[which] = true;
    unsigned before = names->race.count;
    unsigned count = mn_names_append_addresses(&names->wait, which, addresses, 0, MNET_TCP_ADDRESSES_MAX / 2);
    for (unsigned i = 0; i < count; i++)
        /* no address of a host: as if it were not there */
        (void)mn_race_add(&names->race, addresses[i]);
    return names->race.count > before;
}

static bool add_known(struct mn_race *race)
{
    struct name_race *names = MN_CONTAINER(race, struct name_race, race);
    bool some = race->count > 0, more = add_family(names, 0);
    more |= add_family(names, 1);
    if (more)
        mn_race_sort(race); /* HE-3-7, HE-6-2 */
    if (more && !some && !names->added[0])
        race->next_ns = mnet_now() + RESOLUTION_DELAY; /* IPv4 is known first */
    if (race->next == 0 && names->added[0])
        race->next_ns = 0; /* HE-3-3, HE-3-5 */
    return !names->added[0] || !names->added[1];
}

/* Waits until the name has an address, or is known to have none. Returns 0 or an error. */
static int await_address(struct name_race *names, uint64_t deadline)
{
    const struct mn_name_wait *wait = &names->wait;
    int error = MNET_OK;
    while (error == MNET_OK) {
        bool known = mn_names_known(wait, 0) && mn_names_known(wait, 1);
        for (unsigned i = 0; i < 2; i++)
            if (mn_names_known(wait, i) && mn_names_status(wait, i) == MNET_OK)
                return MNET_OK;
        if (known)
            return mn_names_combine(wait);
        error = mn_block(&names->blocked, deadline);
    }
    return error;
}

static int race_for(struct name_race *names, uint64_t deadline, struct mnet_flow **flow)
{
    struct mn_race *race = &names->race;
    race->more = add_known;
    race->more_blocked = &names->blocked;
    race->expecting = add_known(race);
    int error = mn_stack_await_source(race->stack, race->addresses, race->count, deadline);
    return error < 0 ? error : mn_race_run(race, deadline, flow);
}

/* Tries one complete name. */
static int try_name(struct mnet_stack *stack, const struct mn_dns_name *name, uint16_t port,
                    const struct mnet_connect_options *options, uint64_t deadline, struct mnet_flow **flow)
{
    struct name_race names = {.added = {false}};
    mn_race_init(&names.race, stack, port, options);
    int error = mn_names_begin_host(&names.wait, stack, name);
    if (error < 0)
        return error;
    mn_block_begin(&names.blocked, &names.wait.waiters);
    error = await_address(&names, deadline);
    if (error == MNET_OK)
        error = race_for(&names, deadline, flow);
    mn_block_end(&names.blocked);
    mn_names_end(&names.wait);
    return error;
}

int mnet_tcp_connect_name(struct mnet_stack *stack, const char *text, uint16_t port,
                          const struct mnet_connect_options *options, struct mnet_flow **flow, uint64_t deadline)
{
    struct mnet_address known[MNET_DNS_ADDRESSES_MAX];
    struct mn_dns_search search;
    struct mn_dns_name name, tried;
    bool complete;
    if (flow == NULL)
        return MNET_E_INVALID;
    *flow = NULL;
    if (stack == NULL || text == NULL || port == 0)
        return MNET_E_INVALID;
    if (stack->ended)
        return MNET_E_CLOSED;
    int count = mn_names_parse(stack, text, known, &name, &complete);
    if (count != 0)
        return count < 0 ? count : mnet_tcp_connect_any(stack, known, (unsigned)count, port, options, flow, deadline);
    mn_names_get_search(stack, &search);
    int error = MNET_E_NO_NAME;
    for (unsigned i = 0; mn_dns_search_name(&search, &name, complete, i, &tried); i++) {
        error = try_name(stack, &tried, port, options, deadline, flow);
        if (error != MNET_E_NO_NAME && error != MNET_E_NO_DATA)
            break;
    }
    return error;
}
