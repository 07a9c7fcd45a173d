/* Lists of domain names in options: RFC 1035 3.1 without compression, as RFC 8106 5.2 and RFC 8415
 * 10 demand it. */
#ifndef MN_DOMAIN_WIRE_H
#define MN_DOMAIN_WIRE_H

#include "base/cursor.h"

#define MN_DOMAIN_LABEL 63 /* characters of the longest label (RFC 1035 2.3.4) */
#define MN_DOMAIN 254      /* the text of the longest name, with the terminating zero */

/* Returns true for letters, digits, '-' and '_', which no log and no file misunderstands. */
bool mn_domain_is_plain(char c);
/* Reads the next name of a list as text with dots between its labels. False at the end of the list,
 * at an empty name (zeros fill up a list), and for a name that is too long, is cut short, is
 * compressed or has other characters: then the reader has failed. `text` has MN_DOMAIN bytes. */
bool mn_domain_next(struct mn_reader *list, char *text);
/* Returns true if a list has at least one name, and no wrong one. */
bool mn_domains_ok(struct mn_reader list);

#endif
