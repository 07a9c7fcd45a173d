/* The command line of a machine: see arguments.h. */
#include "ports/bare/arguments.h"

#include <stddef.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes one argument from *from, and stores it at *to without its quotes. False where one of them has no end. */
static bool take_argument(char **from, char **to)
{
    char quote = '\0';
    for (; **from != '\0' && (quote != '\0' || !is_blank(**from)); ++*from) {
        char c = **from;
        if (c == quote)
            quote = '\0';
        else if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else
            *(*to)++ = c;
    }
    return quote == '\0';
}

bool mn_arguments_split(char *line, char *program, char **argv, int max, int *argc)
{
    char *from = line, *to = line;
    *argc = 0;
    argv[(*argc)++] = program;
    for (;;) {
        while (is_blank(*from))
            from++;
        if (*from == '\0')
            break;
        if (*argc == max)
            return false;
        argv[(*argc)++] = to;
        if (!take_argument(&from, &to))
            return false;
        bool last = *from == '\0';
        *to++ = '\0'; /* never behind `from` */
        if (last)
            break;
        from++;
    }
    argv[*argc] = NULL;
    return true;
}
