/* Command lines: words cut out of the input at newlines, for a program with options of its own on a
 * port with options. Any of them is accepted, or refused with one line that is not empty. */
#include "fuzz/fuzz.h"
#include "stack/options.h"
#include "stack/stack.h"

#define WORDS_MAX 24

static const struct mnet_program_option own_options[] = {{"-l", NULL, "listen"}, {"--root=", "FOLDER", "files"}, {0}};
static const struct mnet_program_option port_options[] = {{"--console-time", NULL, "times"}, {0}};
static const struct mnet_program program = {.arguments = "PORT", .options = own_options};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[2048];
    char *argv[WORDS_MAX + 2] = {(char *)"fuzz"}, error[MN_OPTIONS_ERROR] = "";
    int argc = 1;
    size = MN_MIN(size, sizeof text - 1);
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *word = strtok(text, "\n"); word != NULL && argc <= WORDS_MAX; word = strtok(NULL, "\n"))
        argv[argc++] = word;
    struct mn_options options;
    const struct mn_options_known known = {size % 2 == 0 ? &program : NULL, port_options};
    int words = argc, result = mn_options_parse(&options, &known, &argc, argv, error, sizeof error);
    MN_ASSERT(result == MNET_OK || result == MNET_E_INVALID);
    MN_ASSERT(result == MNET_OK || (error[0] != '\0' && strchr(error, '\0') < error + sizeof error));
    MN_ASSERT(result != MNET_OK || (argc >= 1 && argc <= words && argv[argc] == NULL));
    /* A stack accepts every configuration that a command line can express. */
    bool whole = result == MNET_OK && !options.help && !options.version;
    MN_ASSERT(!whole || !mn_config_has_address(&options.config) || mn_config_network_ok(&options.config));
    return 0;
}
