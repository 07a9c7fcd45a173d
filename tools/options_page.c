/* options_page - writes docs/options.md from the tables of the stack: the standard options of the
 * command line, and the numbers of struct mnet_config. `make check` compares. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mnet/time.h>

#include "stack/config.h"
#include "stack/options.h"

static void print_options(void)
{
    puts("## Command line\n\n"
         "These are the same for every program and port. A value that is not one of those named ends the\n"
         "program with one line that says so. [mnet/env.h](../include/mnet/env.h) has the rules.\n\n"
         "| option | meaning | value | |\n"
         "| --- | --- | --- | --- |");
    for (size_t i = 0; i < mn_options_count; i++) {
        const struct mn_option *option = &mn_options_table[i];
        if (option->help != NULL)
            printf("| `%s%s` | %s | %s | %s |\n", option->name, option->value != NULL ? option->value : "",
                   option->help, option->expects != NULL ? option->expects : "", option->many ? "repeatable" : "");
    }
}

/* Writes a number in the largest unit that leaves it whole. */
static void print_value(uint64_t value, enum mn_config_unit unit)
{
    static const struct {
        uint64_t size;
        const char *name;
    } units[2][3] = {
        {{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}},
        {{60 * MNET_SECOND, " min"}, {MNET_SECOND, " s"}, {1, " ns"}},
    };
    for (size_t i = 0; unit != MN_CONFIG_COUNT && i < 3; i++) {
        uint64_t size = units[unit == MN_CONFIG_TIME][i].size;
        if (value >= size && value % size == 0 && (value > size || unit != MN_CONFIG_TIME)) {
            printf("%" PRIu64 "%s", value / size, units[unit == MN_CONFIG_TIME][i].name);
            return;
        }
    }
    printf("%" PRIu64 "%s", value,
           unit == MN_CONFIG_TIME    ? " ns"
           : unit == MN_CONFIG_COUNT ? ""
           : value == 1              ? " byte"
                                     : " bytes");
}

static void print_default(const struct mn_config_number *number)
{
    if (number->part_of != NULL) {
        printf("1/%" PRIu32 " of `%s`", number->share, number->part_of);
        return;
    }
    bool fixed = number->standard != SIZE_MAX;
    if (fixed)
        print_value(number->standard, number->unit);
    if (number->share == 0)
        return;
    printf("%s", fixed ? ", or if that is less, " : "");
    if (number->unit == MN_CONFIG_BYTES)
        printf("1/%" PRIu32 " of `memory_size`", number->share);
    else {
        printf("one for each ");
        print_value(number->share, MN_CONFIG_BYTES);
        printf(" of `memory_size`");
    }
}

static void print_limit(uint64_t limit, const struct mn_config_number *number)
{
    if (limit >= SIZE_MAX)
        printf("none");
    else
        print_value(limit, number->unit);
}

static void print_numbers(void)
{
    puts("\n## Numbers of a configuration\n\n"
         "These fields of `struct mnet_config` are numbers. 0 stands for the default. A stack with a number\n"
         "beyond its limits is not created: `MNET_E_INVALID`. [mnet/config.h](../include/mnet/config.h)\n"
         "describes each of them.\n\n"
         "| field | default | least | most |\n"
         "| --- | --- | --- | --- |");
    for (size_t i = 0; i < mn_config_number_count; i++) {
        const struct mn_config_number *number = &mn_config_numbers[i];
        printf("| `%s` | ", number->name);
        print_default(number);
        printf(" | ");
        print_limit(number->least, number);
        printf(" | ");
        print_limit(number->most, number);
        puts(" |");
    }
}

int main(void)
{
    puts("# Options and limits\n\n"
         "`make options` writes this page from the tables in `src/stack/options.c` and\n"
         "`src/stack/config.c`.\n");
    print_options();
    print_numbers();
    return 0;
}
