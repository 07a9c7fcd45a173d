/* Dates of the Gregorian calendar, and the seconds since 1970-01-01 00:00 UTC, without leap
 * seconds. */
#ifndef MN_DATE_H
#define MN_DATE_H

#include <mnet/time.h>
#include <stddef.h>

#define MN_DATE_TEXT 20 /* "2026-11-29 09:15:00" and its zero */

/* Returns the seconds of a date from 1970 on. Its weekday does not matter. */
uint64_t mn_date_seconds(const struct mnet_date *date);
/* Writes the date into `text` of MN_DATE_TEXT bytes, and returns `text`. The year has four digits.
 */
char *mn_date_format(uint64_t seconds, char *text);

#endif
