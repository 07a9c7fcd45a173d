/* Writing to a stack's log hook. */
#ifndef MN_LOGGER_H
#define MN_LOGGER_H

#include <mnet/log.h>
#include <mnet/time.h>

#include "base/base.h"

static inline bool mn_log_wanted(const struct mnet_log *log, enum mnet_log_level level)
{
    return log->write != NULL && level <= log->level;
}

/* Limits lines of one kind that other hosts can bring about. All zeros: none was written yet. */
struct mn_log_limit {
    uint64_t paid_ns; /* each line costs MN_LOG_INTERVAL; those so far are paid at this time */
};

#define MN_LOG_INTERVAL (10 * MNET_SECOND)
#define MN_LOG_BURST 16 /* for most kinds: as many as there are automatic addresses */

/* Claims one line: at most `burst` of a kind at once, and one for each MN_LOG_INTERVAL in the long
 * run. Returns false if there is none left, or if the program does not want it. */
bool mn_log_claim(const struct mnet_log *log, enum mnet_log_level level, struct mn_log_limit *limit, unsigned burst,
                  uint64_t now);

/* Formats one line of at most 255 characters (see format.h) and passes it to the hook. */
void mn_log(const struct mnet_log *log, enum mnet_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
