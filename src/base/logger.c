#include "base/logger.h"

#include "base/format.h"

MN_RARE bool mn_log_claim(const struct mnet_log *log, enum mnet_log_level level, struct mn_log_limit *limit,
                          unsigned burst, uint64_t now)
{
    MN_ASSERT(burst >= 1);
    uint64_t paid_ns = MN_MAX(limit->paid_ns, now);
    if (!mn_log_wanted(log, level) || paid_ns - now > (burst - 1) * MN_LOG_INTERVAL)
        return false;
    limit->paid_ns = paid_ns + MN_LOG_INTERVAL;
    return true;
}

void mn_log(const struct mnet_log *log, enum mnet_log_level level, const char *format, ...)
{
    if (!mn_log_wanted(log, level))
        return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    mn_format_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    log->write(log->context, level, text);
}
