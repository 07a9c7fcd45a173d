#include "progress.h"

#include <stdio.h>
#include <string.h>

#include <mnet/mnet.h>

#define BAR 30 /* characters */

/* Writes a number of bytes with three digits and a unit. */
static const char *in_units(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    unsigned unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(text, size, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

static void print_bar(uint64_t done, uint64_t total)
{
    char bar[BAR + 1];
    double part = total > 0 ? (double)done / (double)total : 1;
    size_t full = (size_t)(part * BAR);
    memset(bar, ' ', BAR);
    memset(bar, '=', full < BAR ? full : BAR);
    bar[BAR] = '\0';
    fprintf(stderr, "\r%3.0f %% [%s] ", part * 100, bar);
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total, bool last)
{
    uint64_t now = mnet_now();
    char size[16], rate[16];
    if (!progress->shown || (!last && progress->printed != 0 && now < progress->printed + MNET_SECOND / 10))
        return;
    progress->printed = now;
    double seconds = (double)(now - progress->begun) / 1e9;
    if (total != UINT64_MAX)
        print_bar(done, total);
    else
        fputs("\r", stderr);
    fprintf(stderr, "%s, %s/s \033[K%s", in_units((double)done, size, sizeof size),
            in_units(seconds > 0 ? (double)done / seconds : 0, rate, sizeof rate), last ? "\n" : "");
    fflush(stderr);
}
