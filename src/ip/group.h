/* The multicast groups of one host, of both families, and how many want each. */
#ifndef MN_IP_GROUP_H
#define MN_IP_GROUP_H

#include <mnet/address.h>

#include "base/base.h"

#define MN_GROUPS_MAX 64

struct mn_group {
    struct mnet_address address;
    uint16_t members;
};

struct mn_groups {
    struct mn_group entries[MN_GROUPS_MAX];
    unsigned count;
};

/* One more wants packets to `address`. False if the table is full. */
bool mn_groups_join(struct mn_groups *groups, struct mnet_address address);
/* One of those who joined `address` does not want its packets any more. */
void mn_groups_leave(struct mn_groups *groups, struct mnet_address address);
/* Returns true if somebody wants packets to `address`. */
bool mn_groups_contain(const struct mn_groups *groups, struct mnet_address address);

#endif
