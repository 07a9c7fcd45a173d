/* The header fields that matter to a server of static files, and the lists in them (RFC 9110
 * 5.6.1). */
#ifndef HTTPD_FIELDS_H
#define HTTPD_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#define FIELDS_MAX 4096u /* bytes of their values; more is answered with 431 */

enum field {
    FIELD_NONE,
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_EXPECT,
    FIELD_TRANSFER_ENCODING,
    FIELD_IF_MATCH,
    FIELD_IF_NONE_MATCH,
    FIELD_IF_RANGE,
    FIELD_RANGE,
};

/* The lines of these fields in the order they came, each as a byte that says which, its value, and
 * a zero. */
struct fields {
    size_t len;
    bool overflow;
    char text[FIELDS_MAX];
};

/* Which field a name is, in whatever case. */
enum field field_named(const char *name, size_t len);
/* A line begins, grows by pieces, and ends. */
void fields_begin(struct fields *fields, enum field field);
void fields_add(struct fields *fields, const char *value, size_t len);
void fields_end(struct fields *fields);

/* The value of the next line of `field` behind `line` (NULL: the first), NULL if there is none. */
const char *fields_line(const struct fields *fields, enum field field, const char *line);
/* The value if the field has just one line, else NULL. */
const char *fields_only(const struct fields *fields, enum field field);

/* A walk through the members of all lines of a field: {fields, field} is the beginning. Members are
 * without blanks around them, empty ones are left out, and a comma between quotation marks ends
 * none. */
struct members {
    const struct fields *fields;
    enum field field;
    const char *line, *at;
};
/* False at the end. */
bool members_next(struct members *members, const char **member, size_t *len);
/* Returns true if a member is this word, in whatever case. */
bool member_is(const char *member, size_t len, const char *word);
/* Returns true if any member of the field is. */
bool fields_have(const struct fields *fields, enum field field, const char *word);

#endif
