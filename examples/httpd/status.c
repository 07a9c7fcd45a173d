/* Names of statuses and of media types. */
#include "response.h"

#include <string.h>

const char *status_reason(int status)
{
    switch (status) {
    case HTTP_STATUS_OK: return "OK";
    case HTTP_STATUS_PARTIAL_CONTENT: return "Partial Content";
    case HTTP_STATUS_MOVED_PERMANENTLY: return "Moved Permanently";
    case HTTP_STATUS_NOT_MODIFIED: return "Not Modified";
    case HTTP_STATUS_BAD_REQUEST: return "Bad Request";
    case HTTP_STATUS_FORBIDDEN: return "Forbidden";
    case HTTP_STATUS_NOT_FOUND: return "Not Found";
    case HTTP_STATUS_METHOD_NOT_ALLOWED: return "Method Not Allowed";
    case HTTP_STATUS_REQUEST_TIMEOUT: return "Request Timeout";
    case HTTP_STATUS_PRECONDITION_FAILED: return "Precondition Failed";
    case HTTP_STATUS_PAYLOAD_TOO_LARGE: return "Content Too Large";
    case HTTP_STATUS_URI_TOO_LONG: return "URI Too Long";
    case HTTP_STATUS_RANGE_NOT_SATISFIABLE: return "Range Not Satisfiable";
    case HTTP_STATUS_EXPECTATION_FAILED: return "Expectation Failed";
    case HTTP_STATUS_MISDIRECTED_REQUEST: return "Misdirected Request";
    case HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE: return "Request Header Fields Too Large";
    case HTTP_STATUS_INTERNAL_SERVER_ERROR: return "Internal Server Error";
    case HTTP_STATUS_NOT_IMPLEMENTED: return "Not Implemented";
    case HTTP_STATUS_SERVICE_UNAVAILABLE: return "Service Unavailable";
    case HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED: return "HTTP Version Not Supported";
    default: return "";
    }
}

const char *media_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"json", "application/json"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"gif", "image/gif"},
        {"ico", "image/x-icon"},
        {"wasm", "application/wasm"},
        {"pdf", "application/pdf"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (member_is(dot + 1, strlen(dot + 1), types[i].ending))
            return types[i].type;
    }
    return "application/octet-stream";
}
