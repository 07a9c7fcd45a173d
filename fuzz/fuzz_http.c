/* HTTP requests, up to the answer of httpd. The result does not depend on how the bytes are cut
 * into pieces. The path stays below the root, and the bytes sent stay inside the file, for any
 * input.
 */
#include "fuzz/fuzz.h"

#include "examples/httpd/conditions.h"
#include "examples/httpd/request.h"
#include "examples/httpd/response.h"

#define FILE_BYTES 1000

/* The result of the requests in one input. */
struct http_outcome {
    size_t requests, used;
    uint64_t digest; /* of the result of every request */
};

static void note(struct http_outcome *outcome, uint64_t what)
{
    outcome->digest = (outcome->digest ^ what) * 0x100000001b3u;
}

static void note_text(struct http_outcome *outcome, const char *text)
{
    for (; *text != '\0'; text++)
        note(outcome, (uint8_t)*text);
}

static void check_path(const char *path)
{
    MN_ASSERT(path[0] != '/');
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        size_t len = strcspn(at, "/");
        MN_ASSERT(path[0] == '\0' || len > 0);
        MN_ASSERT(!(len == 1 && at[0] == '.') && !(len == 2 && at[0] == '.' && at[1] == '.'));
    }
}

static void check_conditions(struct http_outcome *outcome, const struct request *request)
{
    struct file file = {.size = FILE_BYTES, .etag = "\"etag\""};
    struct range range;
    int status = conditions_evaluate(request, &file, &range);
    MN_ASSERT(range.first <= FILE_BYTES && range.count <= FILE_BYTES - range.first);
    MN_ASSERT(status != HTTP_STATUS_PARTIAL_CONTENT || (range.count > 0 && !request->head));
    MN_ASSERT(status_reason(status)[0] != '\0');
    note(outcome, (uint64_t)status << 32 | range.first << 16 | range.count);
}

static void judge(struct http_outcome *outcome, struct request *request)
{
    bool folder = false;
    const char *query = NULL;
    MN_ASSERT(status_reason(request->status)[0] != '\0');
    note(outcome, (uint64_t)request->status << 2 | request->head << 1 | request->keep_alive);
    if (request->status != HTTP_STATUS_OK)
        return;
    int status = request_path(request->target, &folder, &query);
    note(outcome, (uint64_t)status);
    if (status != HTTP_STATUS_OK)
        return;
    check_path(request->target);
    note_text(outcome, request->target);
    note_text(outcome, query != NULL ? query : "");
    MN_ASSERT(strlen(media_type(request->target)) > 0);
    check_conditions(outcome, request);
}

/* Reads the input in pieces of `piece` bytes, each in a block of its own. */
static struct http_outcome read_all(const uint8_t *data, size_t size, size_t piece)
{
    static struct request request;
    struct http_outcome outcome = {0};
    enum request_progress progress = REQUEST_INCOMPLETE;
    request_init(&request);
    while (outcome.used < size && progress != REQUEST_LAST) {
        size_t len = size - outcome.used < piece ? size - outcome.used : piece;
        uint8_t *bytes = fuzz_exact(data + outcome.used, len);
        size_t used;
        progress = request_feed(&request, bytes, len, &used);
        free(bytes);
        MN_ASSERT(used <= len && (progress != REQUEST_INCOMPLETE || used == len));
        outcome.used += used;
        if (progress == REQUEST_INCOMPLETE)
            continue;
        MN_ASSERT(progress == REQUEST_COMPLETE || !request.keep_alive);
        outcome.requests++;
        judge(&outcome, &request);
        request_init(&request);
    }
    if (progress == REQUEST_LAST)
        outcome.used = 0; /* for a refused request the bytes read depend on the pieces */
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_outcome whole = read_all(data, size, size);
    struct http_outcome bytes = read_all(data, size, 1);
    struct http_outcome sevens = read_all(data, size, 7);
    MN_ASSERT(whole.requests == bytes.requests && whole.used == bytes.used && whole.digest == bytes.digest);
    MN_ASSERT(whole.requests == sevens.requests && whole.used == sevens.used && whole.digest == sevens.digest);
    return 0;
}
