#include "ip/group.h"

static struct mn_group *find(struct mn_groups *groups, struct mnet_address address)
{
    for (unsigned i = 0; i < groups->count; i++)
        if (mnet_address_equal(groups->entries[i].address, address))
            return &groups->entries[i];
    return NULL;
}

bool mn_groups_join(struct mn_groups *groups, struct mnet_address address)
{
    MN_ASSERT(mnet_address_is_multicast(address));
    struct mn_group *group = find(groups, address);
    if (group == NULL) {
        if (groups->count == MN_GROUPS_MAX)
            return false;
        group = &groups->entries[groups->count++];
        *group = (struct mn_group){.address = address};
    }
    if (group->members == UINT16_MAX)
        return false;
    group->members++;
    return true;
}

void mn_groups_leave(struct mn_groups *groups, struct mnet_address address)
{
    struct mn_group *group = find(groups, address);
    MN_ASSERT(group != NULL && group->members > 0);
    if (--group->members == 0)
        *group = groups->entries[--groups->count];
}

bool mn_groups_contain(const struct mn_groups *groups, struct mnet_address address)
{
    for (unsigned i = 0; i < groups->count; i++)
        if (mnet_address_equal(groups->entries[i].address, address))
            return true;
    return false;
}
