/* The list of all congestion controls. */
#include "tcp/congestion/congestion.h"

static const struct mn_congestion_ops *const modules[] = {
    [MNET_CONGESTION_DEFAULT] = &mn_congestion_cubic,
    [MNET_CONGESTION_CUBIC] = &mn_congestion_cubic,
    [MNET_CONGESTION_RENO] = &mn_congestion_reno,
    [MNET_CONGESTION_BBR] = &mn_congestion_bbr,
};

const struct mn_congestion_ops *mn_congestion_of(enum mnet_congestion which)
{
    MN_ASSERT((unsigned)which < MN_COUNT_OF(modules));
    return modules[which];
}
