/* Writing to a stack's log hook. */
#ifndef MN_LOGGER_H
#define MN_LOGGER_H

#include <mnet/log.h>

#include "base/base.h"

static inline bool mn_log_wanted(const struct mnet_log *log, enum mnet_log_level level)
{
    return log->write != NULL && level <= log->level;
}

/* Formats one line of at most 255 characters (see format.h) and passes it to the hook. */
void mn_log(const struct mnet_log *log, enum mnet_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
