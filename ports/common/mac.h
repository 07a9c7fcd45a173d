/* The text of an Ethernet address. */
#ifndef MN_MAC_H
#define MN_MAC_H

#include <stdbool.h>
#include <stdint.h>

/* Reads "52:54:00:12:34:56", and nothing behind it; digits in either case. */
bool mn_mac_parse(const char *text, uint8_t mac[6]);

#endif
