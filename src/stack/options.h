/* The command line: the standard options, which are the same on every port (see mnet/env.h), those
 * that a port adds, and those that the program describes. options.c has the table of the standard
 * options. options_line.c reads command lines and writes --help from the table.
 */
#ifndef MN_OPTIONS_H
#define MN_OPTIONS_H

#include <mnet/env.h>

#define MN_OPTIONS_NETS 8
#define MN_OPTIONS_CORES 64
#define MN_OPTIONS_ERROR 240 /* bytes that hold every error text */

/* Texts are borrowed from the command line. */
struct mn_net_option {
    const char *name, *host; /* --net:NAME=HOST; `name` is not terminated: */
    size_t name_len;
};

struct mn_options {
    struct mnet_config config; /* the fields that options were given for; the others are zero */
    bool log_given;            /* config.log.level is meant */
    bool help, version;
    const char *capture; /* NULL: none */
    const char *status;  /* NULL: nobody may ask */
    uint16_t cores;      /* 0: not given */
    struct mn_net_option nets[MN_OPTIONS_NETS];
    unsigned net_count;
    uint64_t given; /* one bit for each row of the table */
};

/* A standard option: a row of the table. */
struct mn_option {
    const char *name;    /* "--dhcp"; one with a value ends in '=' or ':' */
    const char *value;   /* its value in --help; NULL: it has none */
    const char *help;    /* one line; NULL: not listed */
    const char *expects; /* the values that `set` takes, for the one line after a wrong one */
    bool (*set)(struct mn_options *options, const char *value);
    bool many; /* may be given more than once */
};

extern const struct mn_option mn_options_table[];
extern const size_t mn_options_count;

/* The other things that the command line may have. */
struct mn_options_known {
    const struct mnet_program *program;     /* NULL: any words, and no options of its own */
    const struct mnet_program_option *port; /* the port has taken them out already; NULL: none */
};

/* Reads the options among argv[1..*argc-1] and takes the standard ones out of argv, which stays
 * terminated by NULL. Words, options of the program, and everything from "--" on stay for the
 * application. Returns 0, or MNET_E_INVALID with one line, without newline, in `error` of `size`
 * bytes. Reads no further than --help or --version. */
int mn_options_parse(struct mn_options *options, const struct mn_options_known *known, int *argc, char **argv,
                     char *error, size_t size);
/* Checks that the options fit together. Returns as mn_options_parse. */
int mn_options_check(const struct mn_options *options, char *error, size_t size);

/* Writes the usage of a program called `name`, one line with its newline. Returns the length of the
 * whole line, which may be more than fits. */
size_t mn_options_usage(const struct mnet_program *program, const char *name, char *text, size_t size);
/* Gives each further line of --help to `line`. */
void mn_options_help(const struct mn_options_known *known, void (*line)(void *context, const char *text),
                     void *context);

#endif
