/* The check of a whole stack: it finds each kind of spoilt state in a stack with a connection, a
 * listener and an endpoint. */
#include "unit/child.h"

#include "stack/check.h"
#include "support/world.h"

struct stack_spoiling {
    struct mnet_stack *stack;
    struct pair pair;
    struct mnet_udp *udp;
    void (*spoil)(struct stack_spoiling *s);
};

static void give_the_flow_to_another_stack(struct stack_spoiling *s)
{
    s->pair.server->stack = NULL;
}

static void lose_the_connection_of_a_flow(struct stack_spoiling *s)
{
    s->pair.server->end.tcb = NULL;
}

static void lose_the_owner_of_a_connection(struct stack_spoiling *s)
{
    mn_tcp_disown(s->pair.server->end.tcb);
}

static void keep_an_empty_record_of_bytes_put_aside(struct stack_spoiling *s)
{
    static struct mn_deferred deferred;
    deferred.flow = s->pair.server;
    s->pair.server->deferred = &deferred;
}

static void lose_the_owner_of_a_listener(struct stack_spoiling *s)
{
    mn_tcp_set_listener_owner(s->pair.listener->engine, NULL);
}

static void lose_the_engine_of_a_listener(struct stack_spoiling *s)
{
    s->pair.listener->engine = NULL;
}

static void count_an_endpoint_less(struct stack_spoiling *s)
{
    s->stack->udp.endpoints--;
}

static void move_the_port_of_an_endpoint(struct stack_spoiling *s)
{
    s->udp->engine.local.port++;
}

static void forget_the_memory_of_a_datagram(struct stack_spoiling *s)
{
    s->udp->engine.pinned = 0;
}

static void count_a_group_more(struct stack_spoiling *s)
{
    s->stack->udp.joined++;
}

static void offer_nothing_to_the_device(struct stack_spoiling *s)
{
    s->stack->pending[0] = NULL;
    s->stack->pending_count = 1;
}

static void leave_a_sender_without_a_wake_up(struct stack_spoiling *s)
{
    static struct mn_blocked blocked;
    mn_list_append(&s->udp->senders, &blocked.link);
    s->stack->pending[0] = mnet_packet_alloc(s->stack->memory);
    s->stack->pending[0]->total = 60;
    s->stack->pending_count = 1;
    s->stack->due = 0;
}

static void forget_that_the_device_is_full(struct stack_spoiling *s)
{
    leave_a_sender_without_a_wake_up(s);
    mn_list_append(&s->stack->congested, &s->udp->congested);
    s->stack->due = MNET_NEVER;
}

static const struct {
    void (*spoil)(struct stack_spoiling *s);
    const char *assertion;
} cases[] = {
    {give_the_flow_to_another_stack, "flow->stack == stack"},
    {lose_the_connection_of_a_flow, "owner->tcb == tcb"},
    {lose_the_owner_of_a_connection, "flows == stack->flow_pool.in_use"},
    {keep_an_empty_record_of_bytes_put_aside, "packets.count > 0"},
    {lose_the_owner_of_a_listener, "mn_tcp_listener_owner(listener->engine) == listener"},
    {lose_the_engine_of_a_listener, "stack->ended == (listener->engine == "},
    {count_an_endpoint_less, "endpoints == udp->endpoints"},
    {move_the_port_of_an_endpoint, "udp->chain_mask) == i"},
    {forget_the_memory_of_a_datagram, "== endpoint->pinned"},
    {count_a_group_more, "joined == udp->joined"},
    {offer_nothing_to_the_device, "stack->pending[i] != "},
    {leave_a_sender_without_a_wake_up, "mn_list_linked(&udp->congested)"},
    {forget_that_the_device_is_full, "stack->due <= stack->now"},
};

static void spoil_and_check(void *argument)
{
    struct stack_spoiling *s = argument;
    s->spoil(s);
    for (int i = 0; i < 64; i++)
        mn_stack_check(s->stack);
}

static int spoil_each(struct world *w)
{
    struct stack_spoiling s = {.stack = w->server};
    struct mnet_udp *other;
    const struct mnet_endpoint server = {WORLD_SERVER, 7};
    const struct mnet_udp_options options = {.local.port = 7}, any = {.local.port = 0};
    CHECK_EQUAL(world_connect(w, &s.pair), 0);
    CHECK_EQUAL(mnet_udp_open(w->server, &options, &s.udp), 0);
    CHECK_EQUAL(mnet_udp_open(w->client, &any, &other), 0);
    CHECK_EQUAL(mnet_udp_send(other, &server, "x", 1, in_ms(1000)), 0);
    sleep_ms(1000);
    for (size_t i = 0; i < MN_COUNT_OF(cases); i++) {
        s.spoil = cases[i].spoil;
        const char *said = find_assertion(spoil_and_check, &s, cases[i].assertion);
        if (said != NULL)
            fail_msg("not found: %s; it said: %s", cases[i].assertion, said);
    }
    for (int i = 0; i < 64; i++)
        mn_stack_check(w->server); /* here nothing is spoilt */
    mnet_udp_close(s.udp);
    mnet_udp_close(other);
    world_close(&s.pair);
    return 0;
}

static void spoilt_stacks_are_found(void **state)
{
    (void)state;
    world_run(spoil_each, &(struct world_options){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spoilt_stacks_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
