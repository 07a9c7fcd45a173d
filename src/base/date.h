/* Dates of the Gregorian calendar, and the seconds since 1970-01-01 00:00 UTC, without leap
 * seconds. */
#ifndef MN_DATE_H
#define MN_DATE_H

#include <stddef.h>
#include <stdint.h>

struct mn_date {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 on */
};

#define MN_DATE_TEXT 20 /* "2026-11-29 09:15:00" and its zero */

/* Return the seconds of a date from 1970 on, and the date of so many seconds. */
uint64_t mn_date_seconds(const struct mn_date *date);
struct mn_date mn_date_of(uint64_t seconds);
/* Writes the date into `text` of MN_DATE_TEXT bytes, and returns `text`. The year has four digits.
 */
char *mn_date_format(uint64_t seconds, char *text);

#endif
