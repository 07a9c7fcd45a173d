/* In the order of RFC 9110 13.2.2. The conditions that speak of dates are ignored, as 13.1.3 and
 * 13.1.4 ask if no date is known: files of an archive have none, so no file has a Last-Modified
 * (8.8.2.1).
 */
#include "conditions.h"

#include <string.h>

/* RFC 9110 8.8.3.2: the strong comparison wants two strong tags, the weak one does not mind. */
static bool same_tag(const char *tag, size_t len, const char *etag, bool strong)
{
    bool weak = len >= 2 && memcmp(tag, "W/", 2) == 0;
    bool file_is_weak = strncmp(etag, "W/", 2) == 0;
    if (strong && (weak || file_is_weak))
        return false;
    tag += weak ? 2 : 0;
    len -= weak ? 2 : 0;
    etag += file_is_weak ? 2 : 0;
    return strlen(etag) == len && memcmp(tag, etag, len) == 0;
}

/* Returns true if a member of the field is the file's tag, or "*", which is any file's. */
static bool names_file(const struct request *request, enum field field, const struct file *file, bool strong)
{
    struct members tags = {&request->fields, field, NULL, NULL};
    const char *tag;
    size_t len;
    while (members_next(&tags, &tag, &len)) {
        if (same_tag(tag, len, file->etag, strong) || (len == 1 && tag[0] == '*'))
            return true;
    }
    return false;
}

/* Reads digits; a number beyond the size of any file becomes the largest one (RFC 9110 14.1.2).
 * False if there are none. */
static bool read_number(const char **at, const char *end, uint64_t *number)
{
    const char *begin = *at;
    *number = 0;
    while (*at < end && **at >= '0' && **at <= '9') {
        uint64_t digit = (uint64_t)(**at - '0');
        *number = *number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *number * 10 + digit;
        ++*at;
    }
    return *at > begin;
}

/* The range of a member of range-set: "first-last", "first-" or "-count" from the end. 206; 416 if
 * the file has nothing of it; 200 if it is none, and so ignored. */
static int read_range(const char *at, size_t len, uint64_t size, struct range *range)
{
    const char *end = at + len;
    uint64_t first, last = UINT64_MAX;
    bool from_front = read_number(&at, end, &first);
    if (at == end || *at++ != '-')
        return HTTP_STATUS_OK;
    bool has_last = read_number(&at, end, &last);
    if (at != end || (!from_front && !has_last))
        return HTTP_STATUS_OK;
    if (!from_front) {
        if (last == 0)
            return HTTP_STATUS_RANGE_NOT_SATISFIABLE;
        first = last < size ? size - last : 0;
        last = UINT64_MAX;
        if (size == 0) {
            return HTTP_STATUS_OK; /* the whole of nothing; Content-Range has no words for it */
        }
    }
    if (!has_last)
        last = UINT64_MAX;
    if (first > last)
        return HTTP_STATUS_OK;
    if (first >= size)
        return HTTP_STATUS_RANGE_NOT_SATISFIABLE;
    *range = (struct range){first, (last < size ? last - first + 1 : size - first), false};
    return HTTP_STATUS_PARTIAL_CONTENT;
}

/* One range is sent; of several the whole file, as RFC 9110 14.2 lets a server choose. */
static int judge_range(const struct request *request, const struct file *file, struct range *range)
{
    const char *value = fields_only(&request->fields, FIELD_RANGE);
    size_t unit = value != NULL ? strcspn(value, "=") : 0;
    if (value == NULL || value[unit] == '\0' || !member_is(value, unit, "bytes"))
        return HTTP_STATUS_OK;
    struct members specs = {&request->fields, FIELD_RANGE, value, value + unit + 1};
    const char *spec, *another;
    size_t len, another_len;
    if (!members_next(&specs, &spec, &len) || members_next(&specs, &another, &another_len))
        return HTTP_STATUS_OK;
    return read_range(spec, len, file->size, range);
}

int conditions_evaluate(const struct request *request, const struct file *file, struct range *range)
{
    const struct fields *fields = &request->fields;
    *range = (struct range){0, file->size, false};
    if (fields_line(fields, FIELD_IF_MATCH, NULL) != NULL && !names_file(request, FIELD_IF_MATCH, file, true)) {
        return HTTP_STATUS_PRECONDITION_FAILED; /* step 1 */
    }
    if (names_file(request, FIELD_IF_NONE_MATCH, file, false)) {
        return HTTP_STATUS_NOT_MODIFIED; /* step 3 */
    }
    if (request->head) {
        return HTTP_STATUS_OK; /* ranges are for GET (RFC 9110 14.2) */
    }
    const char *if_range = fields_line(fields, FIELD_IF_RANGE, NULL);
    if (if_range != NULL && !same_tag(if_range, strlen(if_range), file->etag, true)) {
        return HTTP_STATUS_OK; /* step 5; a date is no tag of the file */
    }
    int status = judge_range(request, file, range);
    range->validated = status == HTTP_STATUS_PARTIAL_CONTENT && if_range != NULL;
    return status;
}
