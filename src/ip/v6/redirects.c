#include "ip/v6/redirects.h"

#include <string.h>

#include "base/address.h"

static bool is_for(const struct mn_redirect *entry, const struct mnet_address *destination)
{
    return memcmp(entry->destination.bytes, destination->bytes, sizeof destination->bytes) == 0;
}

static bool is_free(const struct mn_redirect *entry)
{
    return mn_address_is_any(&entry->destination);
}

void mn_redirects_put(struct mn_redirects *redirects, struct mnet_address destination, struct mnet_address target)
{
    MN_ASSERT(!mn_address_is_any(&destination) && !mn_address_is_any(&target));
    struct mn_redirect *place = &redirects->entries[redirects->next];
    for (unsigned i = 0; i < MN_REDIRECTS_MAX; i++)
        if (is_for(&redirects->entries[i], &destination))
            place = &redirects->entries[i];
    redirects->count += is_free(place);
    if (place == &redirects->entries[redirects->next])
        redirects->next = (redirects->next + 1) % MN_REDIRECTS_MAX;
    *place = (struct mn_redirect){destination, target};
}

bool mn_redirects_find(const struct mn_redirects *redirects, const struct mnet_address *destination,
                       struct mnet_address *target)
{
    for (unsigned i = 0; redirects->count > 0 && i < MN_REDIRECTS_MAX; i++)
        if (is_for(&redirects->entries[i], destination)) {
            *target = redirects->entries[i].target;
            return true;
        }
    return false;
}

bool mn_redirects_lead_to(const struct mn_redirects *redirects, struct mnet_address target)
{
    for (unsigned i = 0; redirects->count > 0 && i < MN_REDIRECTS_MAX; i++)
        if (!is_free(&redirects->entries[i]) && mn_address_equal(&redirects->entries[i].target, &target))
            return true;
    return false;
}

bool mn_redirects_lead_through(const struct mn_redirects *redirects, struct mnet_address target)
{
    for (unsigned i = 0; redirects->count > 0 && i < MN_REDIRECTS_MAX; i++) {
        const struct mn_redirect *entry = &redirects->entries[i];
        if (!is_free(entry) && mn_address_equal(&entry->target, &target) && !is_for(entry, &target))
            return true;
    }
    return false;
}

void mn_redirects_remove(struct mn_redirects *redirects, struct mnet_address target)
{
    for (unsigned i = 0; redirects->count > 0 && i < MN_REDIRECTS_MAX; i++) {
        struct mn_redirect *entry = &redirects->entries[i];
        if (is_free(entry) || !mn_address_equal(&entry->target, &target))
            continue;
        *entry = (struct mn_redirect){0};
        redirects->count--;
    }
}

void mn_redirects_clear(struct mn_redirects *redirects)
{
    *redirects = (struct mn_redirects){0};
}
