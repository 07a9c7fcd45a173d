#include "fields.h"

#include <string.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool member_is(const char *member, size_t len, const char *word)
{
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\0' || lower(member[i]) != word[i])
            return false;
    }
    return word[len] == '\0';
}

enum field field_named(const char *name, size_t len)
{
    static const char *const names[] = {
        [FIELD_HOST] = "host",         [FIELD_CONNECTION] = "connection",
        [FIELD_EXPECT] = "expect",     [FIELD_TRANSFER_ENCODING] = "transfer-encoding",
        [FIELD_IF_MATCH] = "if-match", [FIELD_IF_NONE_MATCH] = "if-none-match",
        [FIELD_IF_RANGE] = "if-range", [FIELD_RANGE] = "range",
    };
    for (unsigned i = FIELD_HOST; i < sizeof names / sizeof names[0]; i++) {
        if (member_is(name, len, names[i]))
            return (enum field)i;
    }
    return FIELD_NONE;
}

static void append(struct fields *fields, const char *bytes, size_t len)
{
    if (len > sizeof fields->text - fields->len) {
        fields->overflow = true;
        len = 0;
    }
    memcpy(fields->text + fields->len, bytes, len);
    fields->len += len;
}

void fields_begin(struct fields *fields, enum field field)
{
    char mark = (char)field;
    append(fields, &mark, 1);
}

void fields_add(struct fields *fields, const char *value, size_t len)
{
    append(fields, value, len);
}

/* Blanks behind the value are none of it (RFC 9110 5.5). */
void fields_end(struct fields *fields)
{
    while (fields->len > 0 && fields->text[fields->len - 1] == ' ')
        fields->len--;
    append(fields, "", 1);
}

const char *fields_line(const struct fields *fields, enum field field, const char *line)
{
    const char *at = line != NULL ? line + strlen(line) + 1 : fields->text;
    while (at < fields->text + fields->len) {
        const char *value = at + 1;
        if (*at == (char)field)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

const char *fields_only(const struct fields *fields, enum field field)
{
    const char *line = fields_line(fields, field, NULL);
    return line != NULL && fields_line(fields, field, line) == NULL ? line : NULL;
}

/* The end of the member that begins at `at`: the next comma that is not quoted. */
static const char *member_end(const char *at)
{
    bool quoted = false;
    while (*at != '\0' && (quoted || *at != ',')) {
        quoted = quoted != (*at == '"');
        at++;
    }
    return at;
}

bool members_next(struct members *members, const char **member, size_t *len)
{
    for (;;) {
        if (members->at == NULL || *members->at == '\0') {
            members->line = fields_line(members->fields, members->field, members->line);
            members->at = members->line;
            if (members->line == NULL)
                return false;
        }
        const char *at = members->at;
        while (*at == ' ' || *at == ',')
            at++;
        const char *end = member_end(at);
        members->at = end;
        while (end > at && end[-1] == ' ')
            end--;
        if (end > at) {
            *member = at;
            *len = (size_t)(end - at);
            return true;
        }
    }
}

bool fields_have(const struct fields *fields, enum field field, const char *word)
{
    struct members members = {fields, field, NULL, NULL};
    const char *member;
    size_t len;
    while (members_next(&members, &member, &len)) {
        if (member_is(member, len, word))
            return true;
    }
    return false;
}
