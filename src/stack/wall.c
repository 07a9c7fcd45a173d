/* The time of day of a stack: that of SNTP, or else its platform's. */
#include <mnet/time.h>

#include "base/date.h"
#include "base/logger.h"
#include "stack/stack.h"

uint64_t mnet_wall_clock(const struct mnet_stack *stack)
{
    const struct mnet_platform *platform = &stack->config.platform;
    uint64_t told = stack->wall != NULL ? stack->wall(stack) : 0;
    if (told != 0)
        return told;
    return platform->wall != NULL ? platform->wall(platform->context) : 0;
}

void mn_wall_tell(const struct mnet_stack *stack)
{
    char text[MN_DATE_TEXT];
    uint64_t wall = mnet_wall_clock(stack);
    if (wall != 0)
        mn_log(&stack->config.log, MNET_LOG_INFO, "time: %s UTC", mn_date_format(wall / MNET_SECOND, text));
    else
        mn_log(&stack->config.log, MNET_LOG_INFO, "time: not known");
}
