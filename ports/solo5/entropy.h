/* The sources of randomness of a Solo5 guest: Solo5 itself has none. */
#ifndef MN_SOLO5_ENTROPY_H
#define MN_SOLO5_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

#define MN_ENTROPY_OPTION "--entropy="

enum mn_entropy {
    MN_ENTROPY_ABSENT, /* the option is not there */
    MN_ENTROPY_GIVEN,
    MN_ENTROPY_WRONG, /* it is, and what follows is not 64 hexadecimal digits */
};

/* Looks for the word --entropy=HEX in a command line, and takes it out: blanks take its place.
 * If it is right, `seed` has its bytes. */
enum mn_entropy mn_entropy_take_option(char *command_line, uint8_t seed[MN_RANDOM_SEED]);

#endif
