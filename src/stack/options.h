/* The standard command-line options, the same on every port (see mnet/env.h). */
#ifndef MN_OPTIONS_H
#define MN_OPTIONS_H

#include <mnet/stack.h>

#define MN_OPTIONS_NETS 8
#define MN_OPTIONS_ERROR 160 /* bytes that hold every error text */

/* Texts are borrowed from the command line. */
struct mn_net {
    const char *name, *host; /* --net:NAME=HOST; `name` is not terminated: */
    size_t name_len;
};

struct mn_options {
    struct mnet_config config; /* the fields that options were given for; the others are zero */
    bool log_given;            /* config.log.level is meant */
    bool help;
    const char *capture; /* NULL: none */
    struct mn_net nets[MN_OPTIONS_NETS];
    unsigned net_count;
};

/* Reads the standard options among argv[1..*argc-1] and takes them out of argv, which stays terminated by NULL.
 * Everything from "--" on, and whatever does not begin like a standard option, is left for the application. 0, or
 * MNET_E_INVALID with one line, without newline, in `error` of `size` bytes.
 */
int mn_options_parse(struct mn_options *options, int *argc, char **argv, char *error, size_t size);

/* What --help prints: several lines. */
extern const char mn_options_help[];

#endif
