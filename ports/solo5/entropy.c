/* The seed on the command line: see entropy.h. */
#include "ports/solo5/entropy.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The last word that begins with the option, NULL if none does. */
static char *find_word(char *line)
{
    char *found = NULL;
    for (char *at = line; *at != '\0'; at++) {
        if ((at == line || is_blank(at[-1])) && strncmp(at, MN_ENTROPY_OPTION, sizeof MN_ENTROPY_OPTION - 1) == 0)
            found = at;
    }
    return found;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse(const char *digits, size_t len, uint8_t seed[MN_RANDOM_SEED])
{
    if (len != (size_t)2 * MN_RANDOM_SEED)
        return false;
    for (size_t i = 0; i < MN_RANDOM_SEED; i++) {
        int high = digit_of(digits[2 * i]), low = digit_of(digits[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        seed[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

enum mn_entropy mn_entropy_take_option(char *command_line, uint8_t seed[MN_RANDOM_SEED])
{
    char *word;
    enum mn_entropy result = MN_ENTROPY_ABSENT;
    while ((word = find_word(command_line)) != NULL) {
        char *end = word;
        while (*end != '\0' && !is_blank(*end))
            end++;
        const char *digits = word + sizeof MN_ENTROPY_OPTION - 1;
        bool right = parse(digits, (size_t)(end - digits), seed);
        result = right && result != MN_ENTROPY_WRONG ? MN_ENTROPY_GIVEN : MN_ENTROPY_WRONG;
        memset(word, ' ', (size_t)(end - word)); /* nobody else is to see it */
    }
    return result;
}
