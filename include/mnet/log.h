/* Logging: one hook per stack. */
#ifndef MNET_LOG_H
#define MNET_LOG_H

/* How much is logged; each level includes those before it. */
enum mnet_log_level {
    MNET_LOG_ERROR,
    MNET_LOG_WARNING,
    MNET_LOG_INFO,
    MNET_LOG_DEBUG,
};

/* Receives one line without a newline; `text` is valid during the call only. Lines about a connection begin with both its
 * ends, "tcp 10.0.0.2:80 > 10.0.0.1:40112: ...". Must not call back into the stack. */
struct mnet_log {
    void (*write)(void *context, enum mnet_log_level level, const char *text);
    void *context;
    enum mnet_log_level level; /* lines above this level are not even formatted */
};

#endif
