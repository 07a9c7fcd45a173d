/* For programs that check what they see, on Linux and in a machine. */
#ifndef PEERS_EXPECT_H
#define PEERS_EXPECT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program with the line that failed. */
#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            printf("line %d: %s (%s)\n", __LINE__, #condition, strerror(errno)); \
            exit(1); \
        } \
    } while (0)

#endif
