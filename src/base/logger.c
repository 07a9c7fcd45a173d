#include "base/logger.h"

#include "base/format.h"

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
