#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/stream.h"

int write_text(struct mnet_flow *flow, const char *text)
{
    return mnet_tcp_write(flow, text, strlen(text), NULL, MNET_NEVER);
}

int read_runs(struct world *w, struct mnet_flow *flow, size_t run, size_t *total)
{
    static char buffer[8192];
    size_t in_run = 0;
    char letter = 0;
    ptrdiff_t got;
    *total = 0;
    while ((got = mnet_tcp_read(flow, buffer, sizeof buffer, in_ms(100000))) > 0) {
        for (ptrdiff_t i = 0; i < got; i++) {
            if (in_run == 0)
                letter = buffer[i];
            CHECK_EQUAL(buffer[i], letter);
            in_run = (in_run + 1) % run;
        }
        *total += (size_t)got;
    }
    CHECK_EQUAL(got, 0);
    return 0;
}

void count_release(void *context)
{
    ++*(int *)context;
}
