/* Days are counted from 0000-03-01, so that a leap day is the last one of its year. 400 years have
 * 146097 days, and the months from March on have 153 days in five. */
#include "base/date.h"

#include "base/base.h"
#include "base/format.h"

#define DAY 86400u
#define THURSDAY 4u
#define DAYS_TO_1970 719468u
#define DAYS_IN_400_YEARS 146097u

uint64_t mn_date_seconds(const struct mnet_date *date)
{
    uint64_t year = date->year - (date->month <= 2);
    unsigned month = (date->month + 9) % 12; /* from March on */
    uint64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date->day - 1;
    return (days - DAYS_TO_1970) * DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

struct mnet_date mnet_date_of(uint64_t seconds)
{
    uint64_t days = seconds / DAY + DAYS_TO_1970;
    unsigned rest = (unsigned)(seconds % DAY);
    unsigned era_day = (unsigned)(days % DAYS_IN_400_YEARS);
    unsigned era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    unsigned day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    unsigned month = (5 * day + 2) / 153; /* from March on */
    return (struct mnet_date){
        .year = (unsigned)(days / DAYS_IN_400_YEARS) * 400 + era_year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day - (153 * month + 2) / 5 + 1,
        .weekday = (unsigned)((seconds / DAY + THURSDAY) % 7), /* 1970-01-01 was one */
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
    };
}

char *mn_date_format(uint64_t seconds, char *text)
{
    struct mnet_date date = mnet_date_of(seconds);
    mn_format(text, MN_DATE_TEXT, "%04u-%02u-%02u %02u:%02u:%02u", date.year, date.month, date.day, date.hour,
              date.minute, date.second);
    return text;
}
