/* The connections of a program as lines of text. */
#include "stack/status.h"

#include <mnet/format.h>
#include <mnet/tcp_info.h>
#include <string.h>

#include "stack/stack.h"

#define LINE_MAX 1024

static unsigned long long microseconds(uint64_t ns)
{
    return ns / MNET_MICROSECOND;
}

size_t mnet_tcp_info_format(const struct mnet_tcp_info *info, char *text, size_t size)
{
    char local[MNET_ENDPOINT_TEXT], remote[MNET_ENDPOINT_TEXT];
    MN_REQUIRE(info != NULL, "the snapshot is NULL");
    MN_REQUIRE(text != NULL || size == 0, "there is no place for the text");
    mnet_endpoint_format(info->local, local, sizeof local);
    mnet_endpoint_format(info->remote, remote, sizeof remote);
    if (info->backlog_max > 0)
        return mnet_format(text, size, "%s %s * backlog=%u backlog_max=%u", info->state, local, info->backlog,
                           info->backlog_max);
    size_t len = mnet_format(text, size, "%s %s %s", info->state, local, remote);
    if (info->congestion[0] == '\0')
        return len;
    size_t used = MN_MIN(len, size);
    return len +
           mnet_format(text + used, size - used,
                       " unread=%u unacked=%u unsent=%u congestion=%s cwnd=%u ssthresh=%u rtt_us=%llu rttvar_us=%llu"
                       " min_rtt_us=%llu rto_us=%llu backoff=%u loss=%s in_flight=%u lost=%u sacked=%u"
                       " out_of_order=%u retransmitted=%llu mss=%u path_mtu=%u snd_wnd=%u rcv_wnd=%u pacing=%llu"
                       " acked=%llu received=%llu",
                       info->unread, info->unacked, info->unsent, info->congestion, info->cwnd, info->ssthresh,
                       microseconds(info->rtt_ns), microseconds(info->rttvar_ns), microseconds(info->min_rtt_ns),
                       microseconds(info->rto_ns), info->backoff, info->loss, info->in_flight, info->lost, info->sacked,
                       info->out_of_order, (unsigned long long)info->bytes_retransmitted, info->snd_mss, info->path_mtu,
                       info->snd_wnd, info->rcv_wnd, (unsigned long long)info->pacing_rate,
                       (unsigned long long)info->bytes_acked, (unsigned long long)info->bytes_received);
}

size_t mnet_tcp_segment_format(const struct mnet_tcp_segment *segment, char *text, size_t size)
{
    MN_REQUIRE(segment != NULL, "the segment is NULL");
    MN_REQUIRE(text != NULL || size == 0, "there is no place for the text");
    return mnet_format(text, size, "%s seq=%u ack=%u len=%u window=%u flags=%u", segment->sent ? "sent" : "received",
                       segment->seq, segment->ack, segment->len, segment->window, segment->flags);
}

struct status_answer {
    void (*write)(void *context, const char *text, size_t len);
    void *context;
};

static bool write_line(void *context, const struct mnet_tcp_info *info)
{
    const struct status_answer *answer = context;
    char line[LINE_MAX] = MN_STATUS_PREFIX;
    size_t len = strlen(line);
    len += mnet_tcp_info_format(info, line + len, sizeof line - len - 1);
    len = MN_MIN(len, sizeof line - 2);
    line[len++] = '\n';
    answer->write(answer->context, line, len);
    return true;
}

void mn_status_answer(const struct mnet_env *env, void (*write)(void *context, const char *text, size_t len),
                      void *context)
{
    static const char end[] = MN_STATUS_END;
    struct status_answer answer = {write, context};
    const struct mnet_link *stacks = &env->loop->stacks;
    for (const struct mnet_link *link = mn_list_begin(stacks); link != stacks; link = link->next)
        mnet_tcp_each(MN_CONTAINER(link, struct mnet_stack, loop_link), write_line, &answer);
    write(context, end, sizeof end - 1);
}

static void print_text(void *env, const char *text, size_t len)
{
    mnet_output(env, text, len);
}

int mn_status_serve_console(void *env)
{
    char line[sizeof MN_STATUS_QUESTION];
    size_t len = 0;
    char byte;
    mnet_task_set_name(mnet_self(), "status");
    while (mnet_input(env, &byte, 1, MNET_NEVER) > 0) {
        if (byte != '\n' && byte != '\r') {
            if (len < sizeof line)
                line[len++] = byte;
            continue;
        }
        if (len == strlen(MN_STATUS_QUESTION) && memcmp(line, MN_STATUS_QUESTION, len) == 0)
            mn_status_answer(env, print_text, env);
        len = 0;
    }
    return 0;
}
