/* Snapshots of connections as lines of text: mnet_tcp_info_format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/stream.h"
#include "support/world.h"

static int connection(struct world *w)
{
    struct pair pair = {0};
    struct mnet_tcp_info info;
    char text[512], cut[512], wanted[160], local[MNET_ENDPOINT_TEXT], remote[MNET_ENDPOINT_TEXT];
    CHECK_EQUAL(world_connect(w, &pair), 0);
    CHECK_EQUAL(write_text(pair.client, "unread"), 0);
    sleep_ms(100);
    mnet_tcp_info(pair.server, &info);
    size_t len = mnet_tcp_info_format(&info, text, sizeof text);
    CHECK_EQUAL(len, strlen(text));
    snprintf(wanted, sizeof wanted, "ESTABLISHED %s %s unread=6 unacked=0 unsent=0 congestion=cubic cwnd=%u ",
             mnet_endpoint_format(info.local, local, sizeof local),
             mnet_endpoint_format(info.remote, remote, sizeof remote), info.cwnd);
    CHECK(strncmp(text, wanted, strlen(wanted)) == 0);
    CHECK(strstr(text, " received=6") != NULL);
    CHECK_EQUAL(mnet_tcp_info_format(&info, NULL, 0), len);
    for (size_t size = 1; size <= len + 1; size++) {
        memset(cut, '!', sizeof cut);
        CHECK_EQUAL(mnet_tcp_info_format(&info, cut, size), len);
        CHECK(strlen(cut) == size - 1 && memcmp(cut, text, size - 1) == 0 && cut[size] == '!');
    }
    world_close(&pair);
    return 0;
}

static void snapshot_is_a_line(void **state)
{
    (void)state;
    world_run_both(connection, NULL);
}

static bool keep(void *context, const struct mnet_tcp_info *info)
{
    char text[512];
    mnet_tcp_info_format(info, text, sizeof text);
    strcat(strcat(context, text), "\n");
    return true;
}

static int records(struct world *w)
{
    struct pair past;
    char text[2048] = "", wanted[256];
    CHECK_EQUAL(world_connect(w, &past), 0);
    struct mnet_endpoint remote;
    mnet_tcp_peers(past.server, NULL, &remote);
    mnet_tcp_close(past.server); /* the first to close is in TIME-WAIT */
    mnet_tcp_close(past.client);
    sleep_ms(50);
    mnet_tcp_each(w->server, keep, text);
    snprintf(wanted, sizeof wanted, "LISTEN [::]:80 * backlog=0 backlog_max=128\nTIME-WAIT 10.0.0.1:80 10.0.0.2:%u\n",
             remote.port);
    CHECK(strcmp(text, wanted) == 0);
    mnet_tcp_unlisten(past.listener);
    return 0;
}

static void listeners_and_records_have_their_ends_only(void **state)
{
    (void)state;
    world_run(records, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_is_a_line),
        cmocka_unit_test(listeners_and_records_have_their_ends_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
