/* Requests that come as fields, as those of HTTP/2 do (RFC 9113 8.3). nghttp2 has checked that the
 * method, the scheme, the path and a host are there once each, that no field is only for HTTP/1.1,
 * and which characters they have.
 */
#include <string.h>

#include "request.h"

#define FIELD_OVERHEAD 32u /* RFC 9113 6.5.2 counts each field so much longer */

static void refuse_fields(struct request *request, int status)
{
    request->refused = true;
    request->status = status;
}

static bool named(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

/* Methods are case-sensitive (RFC 9110 9.1). */
static void take_method(struct request *request, const char *value, size_t len)
{
    static const llhttp_method_t methods[] = {
#define METHOD(number, name, text) HTTP_##name,
        HTTP_METHOD_MAP(METHOD)
#undef METHOD
    };
    request->head = named(value, len, "HEAD");
    request->options = named(value, len, "OPTIONS");
    request->status = HTTP_STATUS_OK;
    if (request->head || request->options || named(value, len, "GET"))
        return;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (named(value, len, llhttp_method_name(methods[i]))) {
            request->status = HTTP_STATUS_METHOD_NOT_ALLOWED;
            return;
        }
    }
    refuse_fields(request, HTTP_STATUS_NOT_IMPLEMENTED);
}

static void take_target(struct request *request, const char *value, size_t len)
{
    if (len > REQUEST_TARGET_MAX) {
        refuse_fields(request, HTTP_STATUS_URI_TOO_LONG);
        return;
    }
    memcpy(request->target, value, len);
    request->target[len] = '\0';
    request->target_len = len;
}

static void take_line(struct request *request, enum field field, const char *value, size_t len)
{
    if (field == FIELD_NONE)
        return;
    fields_begin(&request->fields, field);
    fields_add(&request->fields, value, len);
    fields_end(&request->fields);
}

void request_take_field(struct request *request, const char *name, size_t name_len, const char *value, size_t value_len)
{
    request->head_bytes += name_len + value_len + FIELD_OVERHEAD;
    if (request->refused)
        return;
    if (named(name, name_len, ":method"))
        take_method(request, value, value_len);
    else if (named(name, name_len, ":path"))
        take_target(request, value, value_len);
    else if (named(name, name_len, ":scheme"))
        request->https = member_is(value, value_len, "https");
    else if (named(name, name_len, ":authority"))
        take_line(request, FIELD_HOST, value, value_len);
    else
        take_line(request, field_named(name, name_len), value, value_len);
    if (request->fields.overflow || request->head_bytes > REQUEST_HEADERS_MAX)
        refuse_fields(request, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE);
}

/* :authority and Host may both be there, and are the same then (RFC 9113 8.3.1). */
static bool has_host(const struct request *request)
{
    const char *first = fields_line(&request->fields, FIELD_HOST, NULL);
    const char *line = first;
    if (first == NULL || (first[0] != '\0' && !request_is_authority(first, strlen(first))))
        return false;
    while ((line = fields_line(&request->fields, FIELD_HOST, line)) != NULL)
        if (strcmp(line, first) != 0)
            return false;
    return true;
}

/* RFC 9110 10.1.1: 100-continue gets its answer at once anyway. */
static bool expects_more(const struct request *request)
{
    struct members expectations = {&request->fields, FIELD_EXPECT, NULL, NULL};
    const char *expectation;
    size_t len;
    while (members_next(&expectations, &expectation, &len))
        if (!member_is(expectation, len, "100-continue"))
            return true;
    return false;
}

void request_judge_fields(struct request *request, bool secure)
{
    request->complete = true;
    if (request->refused)
        return;
    if (!has_host(request))
        refuse_fields(request, HTTP_STATUS_BAD_REQUEST);
    else if (expects_more(request))
        refuse_fields(request, HTTP_STATUS_EXPECTATION_FAILED);
    else if (request->status == HTTP_STATUS_OK && request->https != secure)
        refuse_fields(request, HTTP_STATUS_MISDIRECTED_REQUEST); /* RFC 9110 7.4 */
}
