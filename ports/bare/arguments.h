/* The command line of a machine: one string. */
#ifndef MN_BARE_ARGUMENTS_H
#define MN_BARE_ARGUMENTS_H

#include <stdbool.h>

/* Cuts `line` at blanks, in place: argv[0] is `program`, argv[*argc] is NULL. Between a pair of "
 * or of ' a blank is a character like others, and the quotes go. Stores at most `max` arguments
 * besides the NULL. False if there are more, or a quote has no end. */
bool mn_arguments_split(char *line, char *program, char **argv, int max, int *argc);

/* Removes the words for a kernel from a machine's arguments, because loaders add such words. If
 * there is a "--", these are all words before it. Otherwise they are those of a list (arguments.c;
 * docs/unikernel.md shows it). Returns NULL, or an option before the "--" that is neither. */
const char *mn_arguments_leave_kernel(char **argv, int *argc);

#endif
