/* The multicast groups of an endpoint: see udp.h for the scheme. */
#include "udp/udp.h"

static struct mnet_address *find(struct mn_udp_endpoint *endpoint, struct mnet_address group)
{
    for (unsigned i = 0; i < endpoint->group_count; i++)
        if (mn_address_equal(&endpoint->groups[i], &group))
            return &endpoint->groups[i];
    return NULL;
}

bool mn_udp_is_member(const struct mn_udp_endpoint *endpoint, struct mnet_address group)
{
    MN_DEBUG_ASSERT(endpoint->group_count <= MN_COUNT_OF(endpoint->groups));
    for (unsigned i = 0; i < endpoint->group_count; i++)
        if (mn_address_equal(&endpoint->groups[i], &group))
            return true;
    return false;
}

int mn_udp_join(struct mn_udp_endpoint *endpoint, struct mnet_address group)
{
    if (!mn_address_is_multicast(&group) || !mn_udp_takes(endpoint, group))
        return MNET_E_INVALID;
    if (find(endpoint, group) != NULL)
        return MNET_E_IN_USE;
    if (endpoint->group_count == MNET_UDP_GROUPS_MAX)
        return MNET_E_LIMIT;
    endpoint->groups[endpoint->group_count++] = group;
    endpoint->udp->joined++;
    return MNET_OK;
}

int mn_udp_leave(struct mn_udp_endpoint *endpoint, struct mnet_address group)
{
    struct mnet_address *place = find(endpoint, group);
    if (place == NULL)
        return MNET_E_INVALID;
    MN_ASSERT(endpoint->udp->joined > 0);
    *place = endpoint->groups[--endpoint->group_count];
    endpoint->udp->joined--;
    return MNET_OK;
}
