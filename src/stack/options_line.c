/* Reading a command line, and writing --help.
 *
 * A word that begins with '-' is an option. The program's options are looked through first, then
 * the standard ones, then the port's. If none has this name, the error names the nearest known
 * option: the one with the fewest letters changed, left out, put in or swapped with the next one,
 * or one that contains the word.
 */
#include "stack/options.h"

#include <string.h>

#include "base/base.h"
#include "base/format.h"

/* Names longer than this are compared up to here. */
#define NAME_MAX_LEN 31
/* Columns of --help in front of the explanation. */
#define HELP_INDENT "                               "

/* ---- Matching ---- */

enum option_match {
    MATCH_NONE,
    MATCH_VALUE,       /* *value is the text behind the name, "" for an option without a value */
    MATCH_MISSING,     /* the option is there but its value is not */
    MATCH_SUPERFLUOUS, /* the option has no value, and there is one */
};

/* The length of a name without the '=' or ':' at its end. */
static size_t word_len(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && (name[len - 1] == '=' || name[len - 1] == ':') ? len - 1 : len;
}

/* "--log" without a value, and "--dhcp=x" with one, are recognised in order to be refused. */
static enum option_match match_name(const char *name, const char *argument, const char **value)
{
    size_t len = word_len(name);
    char separator = name[len];
    if (strncmp(argument, name, len) != 0)
        return MATCH_NONE;
    if (separator != '\0' && argument[len] == separator) {
        *value = argument + len + 1;
        return separator == '=' && argument[len + 1] == '\0' ? MATCH_MISSING : MATCH_VALUE;
    }
    *value = "";
    if (argument[len] == '\0')
        return separator != '\0' ? MATCH_MISSING : MATCH_VALUE;
    return separator == '\0' && argument[len] == '=' ? MATCH_SUPERFLUOUS : MATCH_NONE;
}

/* ---- Nearest names ---- */

/* Returns the number of letters to change between two names: Levenshtein's distance, with swapped
 * neighbours as one change. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    uint8_t rows[3][NAME_MAX_LEN + 1]; /* in turns: the last two rows, and the current one */
    a_len = MN_MIN(a_len, NAME_MAX_LEN);
    b_len = MN_MIN(b_len, NAME_MAX_LEN);
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a_len; i++) {
        uint8_t *row = rows[i % 3];
        const uint8_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned least = above[j - 1] + (a[i - 1] != b[j - 1]);
            least = MN_MIN(least, above[j] + 1u);
            least = MN_MIN(least, row[j - 1] + 1u);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                least = MN_MIN(least, two_above[j - 2] + 1u);
            row[j] = (uint8_t)least;
        }
    }
    return rows[a_len % 3][b_len];
}

/* Returns true if the argument's word, without its dashes, is a part of the name. */
static bool part_of(const char *argument, size_t len, const char *name)
{
    for (; len > 0 && *argument == '-'; len--)
        argument++;
    if (len < 3)
        return false;
    for (; *name != '\0'; name++) {
        if (strncmp(name, argument, len) == 0)
            return true;
    }
    return false;
}

/* The known option that is nearest to a word. */
struct nearest {
    const char *word;
    size_t len;
    const char *name, *value; /* NULL: none is near enough */
    unsigned distance;
};

static void try_name(struct nearest *nearest, const char *name, const char *value)
{
    size_t len = word_len(name);
    unsigned far = distance(nearest->word, nearest->len, name, len);
    if (part_of(nearest->word, nearest->len, name))
        far = MN_MIN(far, 1);
    if (far >= nearest->distance || far * 3 > MN_MAX(len, nearest->len))
        return;
    nearest->distance = far;
    nearest->name = name;
    nearest->value = value != NULL ? value : "";
}

static void try_names(struct nearest *nearest, const struct mnet_program_option *options)
{
    for (; options != NULL && options->name != NULL; options++)
        try_name(nearest, options->name, options->value);
}

static struct nearest find_nearest(const struct mn_options_known *known, const char *argument)
{
    struct nearest nearest = {.word = argument, .distance = NAME_MAX_LEN};
    while (argument[nearest.len] != '\0' && argument[nearest.len] != '=' && argument[nearest.len] != ':')
        nearest.len++;
    try_names(&nearest, known->program != NULL ? known->program->options : NULL);
    for (size_t i = 0; i < mn_options_count; i++) {
        if (mn_options_table[i].help != NULL)
            try_name(&nearest, mn_options_table[i].name, mn_options_table[i].value);
    }
    try_names(&nearest, known->port);
    return nearest;
}

/* ---- Reading ---- */

struct line {
    struct mn_options *options;
    const struct mn_options_known *known;
    char *error;
    size_t size;
};

/* What became of an argument; an error is MNET_E_INVALID. */
enum {
    NOT_OURS = 0,
    TAKEN = 1,
    LEFT = 2, /* it is the application's */
};

static int refuse_unknown(const struct line *line, const char *argument, const char *what)
{
    struct nearest nearest = find_nearest(line->known, argument);
    if (nearest.name != NULL)
        mn_format(line->error, line->size, "%.60s: %s; did you mean %.40s%.40s?", argument, what, nearest.name,
                  nearest.value);
    else
        mn_format(line->error, line->size, "%.60s: %s; --help lists all", argument, what);
    return MNET_E_INVALID;
}

static int refuse_value(const struct line *line, const char *argument, enum option_match match, const char *name,
                        const char *value, const char *expects)
{
    if (match == MATCH_SUPERFLUOUS)
        mn_format(line->error, line->size, "%.60s: expected no value", argument);
    else if (expects == NULL)
        mn_format(line->error, line->size, "%.60s: expected %.40s%.40s", argument, name, value);
    else if (match == MATCH_MISSING)
        mn_format(line->error, line->size, "%.60s: expected %.40s%.40s, %s", argument, name, value, expects);
    else
        mn_format(line->error, line->size, "%.60s: expected %s", argument, expects);
    return MNET_E_INVALID;
}

static int take_standard(const struct line *line, const char *argument)
{
    for (size_t i = 0; i < mn_options_count; i++) {
        const struct mn_option *option = &mn_options_table[i];
        const char *value;
        enum option_match match = match_name(option->name, argument, &value);
        if (match == MATCH_NONE)
            continue;
        uint64_t bit = UINT64_C(1) << i;
        if ((line->options->given & bit) != 0 && !option->many) {
            mn_format(line->error, line->size, "%.60s: %.*s is given twice", argument, (int)word_len(option->name),
                      option->name);
            return MNET_E_INVALID;
        }
        if (match != MATCH_VALUE || !option->set(line->options, value))
            return refuse_value(line, argument, match, option->name, option->value, option->expects);
        line->options->given |= bit;
        return TAKEN;
    }
    return NOT_OURS;
}

/* An option out of a description: it must have a value if it is described with one. */
static int look_up(const struct line *line, const struct mnet_program_option *options, const char *argument)
{
    for (; options != NULL && options->name != NULL; options++) {
        const char *value;
        enum option_match match = match_name(options->name, argument, &value);
        if (match == MATCH_VALUE)
            return LEFT;
        if (match != MATCH_NONE)
            return refuse_value(line, argument, match, options->name, options->value != NULL ? options->value : "",
                                NULL);
    }
    return NOT_OURS;
}

static int read_word(const struct line *line, const char *word)
{
    const struct mnet_program *program = line->known->program;
    bool takes_words = program == NULL || (program->arguments != NULL && program->arguments[0] != '\0');
    return takes_words ? LEFT : refuse_unknown(line, word, "unknown argument");
}

static int read_argument(const struct line *line, const char *argument)
{
    const struct mnet_program *program = line->known->program;
    if (argument[0] != '-' || argument[1] == '\0')
        return read_word(line, argument);
    int what = program != NULL ? look_up(line, program->options, argument) : NOT_OURS;
    if (what == NOT_OURS)
        what = take_standard(line, argument);
    if (what == NOT_OURS)
        what = look_up(line, line->known->port, argument);
    return what != NOT_OURS ? what : refuse_unknown(line, argument, "unknown option");
}

int mn_options_parse(struct mn_options *options, const struct mn_options_known *known, int *argc, char **argv,
                     char *error, size_t size)
{
    const struct line line = {options, known, error, size};
    int kept = *argc < 1 ? 0 : 1, at = kept;
    *options = (struct mn_options){0};
    for (; at < *argc && strcmp(argv[at], "--") != 0 && !options->help && !options->version; at++) {
        int what = read_argument(&line, argv[at]);
        if (what < 0)
            return what;
        if (what == LEFT)
            argv[kept++] = argv[at];
    }
    while (at < *argc)
        argv[kept++] = argv[at++];
    argv[kept] = NULL;
    *argc = kept;
    return options->help || options->version ? MNET_OK : mn_options_check(options, error, size);
}

/* ---- Help ---- */

size_t mn_options_usage(const struct mnet_program *program, const char *name, char *text, size_t size)
{
    const char *arguments = program == NULL ? "[ARGUMENT...]" : program->arguments != NULL ? program->arguments : "";
    return mn_format(text, size, "usage: %s [OPTIONS]%s%s\n", name, arguments[0] != '\0' ? " " : "", arguments);
}

static void list_option(const char *name, const char *value, const char *help,
                        void (*line)(void *context, const char *text), void *context)
{
    char text[200];
    size_t len = mn_format(text, sizeof text, "  %s%s ", name, value != NULL ? value : "");
    const char *indent = len < sizeof HELP_INDENT - 1 ? &HELP_INDENT[len] : "";
    mn_format(text, sizeof text, "  %s%s %s%s\n", name, value != NULL ? value : "", indent, help);
    line(context, text);
}

static void list_options(const struct mnet_program_option *options, const char *title,
                         void (*line)(void *context, const char *text), void *context)
{
    if (options == NULL || options->name == NULL)
        return;
    line(context, title);
    for (; options->name != NULL; options++)
        list_option(options->name, options->value, options->help != NULL ? options->help : "", line, context);
}

void mn_options_help(const struct mn_options_known *known, void (*line)(void *context, const char *text), void *context)
{
    const struct mnet_program *program = known->program;
    if (program != NULL && program->summary != NULL) {
        line(context, program->summary);
        line(context, "\n");
    }
    if (program != NULL)
        list_options(program->options, "Options of this program:\n", line, context);
    line(context, "Standard options:\n");
    for (size_t i = 0; i < mn_options_count; i++) {
        const struct mn_option *option = &mn_options_table[i];
        if (option->help != NULL)
            list_option(option->name, option->value, option->help, line, context);
    }
    list_options(known->port, "Options of this port:\n", line, context);
}
