/* Logging: one hook for each stack. */
#ifndef MNET_LOG_H
#define MNET_LOG_H

/* How much is logged. Each level includes those before it. */
enum mnet_log_level {
    MNET_LOG_ERROR,
    MNET_LOG_WARNING,
    MNET_LOG_INFO,
    MNET_LOG_DEBUG,
};

/* The receiver of a stack's log. */
struct mnet_log {
    /* Takes one line without a newline. `text` is valid during the call only. A line about a
     * connection begins with its two ends: "tcp 10.0.0.2:80 > 10.0.0.1:40112: ". Must not call the
     * stack. */
    void (*write)(void *context, enum mnet_log_level level, const char *text);
    void *context;
    enum mnet_log_level level; /* lines above this level are not even formatted */
};

#endif
