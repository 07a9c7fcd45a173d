#include "wire/domain.h"

bool mn_domain_is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Appends a label to the text; false if the reader or the text ends before it does. */
static bool read_label(struct mn_reader *list, uint8_t len, char *text, size_t *at)
{
    const char *label = (const char *)mn_read(list, len);
    if (label == NULL || len > MN_DOMAIN_LABEL || *at + len + 2 > MN_DOMAIN)
        return false;
    if (*at > 0)
        text[(*at)++] = '.';
    for (uint8_t i = 0; i < len; i++) {
        if (!mn_domain_is_plain(label[i]))
            return false;
        text[(*at)++] = label[i];
    }
    return true;
}

bool mn_domain_next(struct mn_reader *list, char *text)
{
    size_t at = 0;
    text[0] = '\0';
    if (mn_reader_left(list) == 0)
        return false;
    uint8_t len;
    while ((len = mn_read_u8(list)) != 0) {
        if (!read_label(list, len, text, &at)) {
            list->ok = false;
            return false;
        }
    }
    text[at] = '\0';
    return list->ok && at > 0;
}

bool mn_domains_ok(struct mn_reader list)
{
    char text[MN_DOMAIN];
    bool some = false;
    while (mn_domain_next(&list, text))
        some = true;
    while (mn_reader_left(&list) > 0 && list.ok) /* zeros behind the last name */
        list.ok = mn_read_u8(&list) == 0;
    return some && list.ok;
}
