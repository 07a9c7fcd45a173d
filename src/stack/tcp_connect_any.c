/* Connecting to the first of several addresses that answers: Happy Eyeballs (RFC 8305).
 *
 * Theory of operation. The call is one loop of the calling task, like every blocking call. It has a
 * flow for each attempt in progress, and waits for an event of any of them, or for the time of the
 * next attempt. An attempt begins when the Connection Attempt Delay has passed since the last one,
 * or earlier if one has failed or a router has reported that its packets do not arrive. Such a
 * report may be wrong (RFC 5927), so the attempt that it is about goes on. Two attempts are never
 * closer than 10 ms. An address without a way to it costs no time, for nothing is sent. If only the
 * own address is missing because it is tentative (RFC 4862 5.4), the address is late: it joins the
 * race when there is one.
 *
 * Every attempt but the winner's is aborted before the call returns. A SYN,ACK that comes later
 * finds no connection and is answered with a reset, and so the peer forgets its half-open
 * connection. A connection that is established at the same time as the winner is reset.
 *
 * An address that did not answer while it had its whole time is remembered as a loser, and RFC 6724
 * puts it last the next time. A refusal is an answer. Round-trip times are not remembered.
 */
#include <assert.h>

#include "stack/race.h"
#include "stack/source.h"

#define ATTEMPT_DELAY_LEAST (10 * MNET_MILLISECOND) /* HE-5-4 */
#define LOSER_TIME (10 * 60 * MNET_SECOND)

static_assert(MNET_TCP_ADDRESSES_MAX == MN_IP_SORT_MAX, "one limit");

/* ---- Causes of failure ---- */

/* HE-5-9: an answer of the peer tells most. Next is a cause on this side, which the program can
 * remove. No route, or a router's report, tells least: many hosts have only one family. */
static unsigned weight_of(int error)
{
    switch (error) {
    case MNET_OK: return 0;
    case MNET_E_UNREACHABLE: return 1;
    case MNET_E_DEADLINE: return 2;
    case MNET_E_TIMED_OUT: return 3;
    case MNET_E_REFUSED: return 5;
    default: return 4;
    }
}

static void note_failure(struct mn_race *race, int error)
{
    if (weight_of(error) > weight_of(race->error))
        race->error = error;
}

static void remember_loser(struct mn_race *race, unsigned i)
{
    mn_losers_add(&race->stack->losers, race->addresses[i], race->stack->now + LOSER_TIME);
}

/* ---- Attempts ---- */

/* Nothing was sent to the address: it is late if it only lacks an own address. */
static void note_unreachable(struct mn_race *race, unsigned i)
{
    race->attempts[i].late = mn_stack_expects_source(race->stack, race->addresses[i]);
    if (race->attempts[i].late && !race->late_listed) {
        mn_block_begin(&race->late_blocked, &race->stack->probers);
        race->late_listed = true;
    }
}

static void begin_attempt(struct mn_race *race, unsigned i)
{
    struct mn_race_attempt *attempt = &race->attempts[i];
    struct mnet_endpoint remote = {race->addresses[i], race->port};
    MN_DEBUG_ASSERT(i < race->next && attempt->flow == NULL);
    attempt->late = false;
    int error = mnet_tcp_connect_begin(race->stack, remote, race->options, &attempt->flow);
    if (error < 0) {
        note_failure(race, error);
        if (error == MNET_E_UNREACHABLE)
            note_unreachable(race, i);
        return;
    }
    mn_tcp_set_opening(attempt->flow->end.tcb, true);
    mn_block_begin(&attempt->blocked, &attempt->flow->waiters);
    attempt->begun_ns = mnet_now();
    race->running++;
    /* HE-5-1, HE-5-2 */
    race->next_ns = attempt->begun_ns + race->stack->config.tcp.connection_attempt_delay_ns;
    race->earliest_ns = attempt->begun_ns + ATTEMPT_DELAY_LEAST;
}

/* The first late attempt that can begin now, or `count`. */
static unsigned find_late(const struct mn_race *race)
{
    for (unsigned i = 0; race->late_listed && i < race->next; i++)
        if (race->attempts[i].late && !mn_stack_expects_source(race->stack, race->addresses[i]))
            return i;
    return race->count;
}

/* Returns true if there is an attempt to begin, at once or when it is its time. */
static bool has_next(const struct mn_race *race)
{
    return race->next < race->count || find_late(race) < race->count;
}

static void begin_next(struct mn_race *race)
{
    unsigned late = find_late(race);
    begin_attempt(race, late < race->count ? late : race->next++);
}

/* Takes the flow out of the race. */
static struct mnet_flow *take_flow(struct mn_race *race, unsigned i)
{
    MN_DEBUG_ASSERT(race->attempts[i].flow != NULL && race->running > 0);
    struct mn_race_attempt *attempt = &race->attempts[i];
    struct mnet_flow *flow = attempt->flow;
    mn_block_end(&attempt->blocked);
    attempt->flow = NULL;
    race->running--;
    return flow;
}

static void end_attempt(struct mn_race *race, unsigned i)
{
    /* HE-5-6, HE-5-7: a late SYN,ACK is answered with a reset */
    mnet_tcp_abort(take_flow(race, i));
}

/* HE-5-3: tries the next address at once. */
static void hasten(struct mn_race *race)
{
    race->next_ns = MN_MIN(race->next_ns, race->earliest_ns);
}

/* Returns whether the attempt is established, and ends it if it has failed. */
static bool follow(struct mn_race *race, unsigned i)
{
    MN_DEBUG_ASSERT(mn_tcp_is_opening(race->attempts[i].flow->end.tcb));
    struct mn_race_attempt *attempt = &race->attempts[i];
    int status = mn_flow_status(attempt->flow);
    if (status == MNET_OK)
        return true;
    bool reported = mnet_tcp_unreachable(attempt->flow) != MNET_UNREACHABLE_NONE;
    if (status != MNET_E_DEADLINE) {
        note_failure(race, status);
        if (status == MNET_E_UNREACHABLE || status == MNET_E_TIMED_OUT)
            remember_loser(race, i);
        end_attempt(race, i);
        hasten(race);
    } else if (reported && !attempt->doubtful) {
        attempt->doubtful = true;
        hasten(race);
    }
    return false;
}

/* Takes note of each attempt's progress. Returns the winner, which is the most preferred one of
 * several, or `count` if there is none yet. */
static unsigned find_winner(struct mn_race *race)
{
    for (unsigned i = 0; i < race->next; i++)
        if (race->attempts[i].flow != NULL && follow(race, i))
            return i;
    return race->count;
}

/* ---- The end ---- */

/* Ends all attempts. Those that have had their time without an answer are losers. */
static void end_all(struct mn_race *race, bool remember)
{
    for (unsigned i = 0; i < race->next; i++) {
        const struct mn_race_attempt *attempt = &race->attempts[i];
        if (attempt->flow == NULL)
            continue;
        uint64_t delay_ns = race->stack->config.tcp.connection_attempt_delay_ns;
        if (remember && (attempt->doubtful || mnet_now() - attempt->begun_ns >= delay_ns))
            remember_loser(race, i);
        end_attempt(race, i);
    }
    MN_DEBUG_ASSERT(race->running == 0);
}

static struct mnet_flow *end_with(struct mn_race *race, unsigned winner)
{
    MN_DEBUG_ASSERT(winner < race->next);
    struct mnet_flow *flow = take_flow(race, winner);
    mn_tcp_set_opening(flow->end.tcb, false);
    mn_losers_remove(&race->stack->losers, race->addresses[winner]);
    end_all(race, true);
    return flow;
}

/* As in mnet_tcp_connect, an attempt fails with the report of a router, if there was one. */
static int end_at_deadline(struct mn_race *race)
{
    for (unsigned i = 0; i < race->next; i++)
        if (race->attempts[i].flow != NULL)
            note_failure(race, race->attempts[i].doubtful ? MNET_E_UNREACHABLE : MNET_E_DEADLINE);
    end_all(race, true);
    return race->next < race->count || race->expecting ? MNET_E_DEADLINE : race->error;
}

/* The stack is down, or the program at its end: flows that are gone are not touched any more. */
static int end_with_stack(struct mn_race *race)
{
    for (unsigned i = 0; i < race->next; i++)
        if (race->attempts[i].flow != NULL && race->attempts[i].blocked.gone)
            take_flow(race, i);
    end_all(race, false);
    return MNET_E_CLOSED;
}

/* ---- The race ---- */

static bool is_gone(const struct mn_race *race)
{
    if ((race->more_blocked != NULL && race->more_blocked->gone) || (race->late_listed && race->late_blocked.gone))
        return true;
    for (unsigned i = 0; i < race->next; i++)
        if (race->attempts[i].flow != NULL && race->attempts[i].blocked.gone)
            return true;
    return false;
}

/* Waits for an event or the next attempt. Returns as mn_block does. Without an attempt in progress
 * the task waits with those who wait for the stack, if not for names. */
static int await(struct mn_race *race, uint64_t deadline)
{
    uint64_t until = has_next(race) ? MN_MIN(deadline, race->next_ns) : deadline;
    if (deadline == 0 || mnet_self() == NULL)
        return MNET_E_DEADLINE;
    /* so that it learns if the stack goes down */
    bool listed = race->running > 0 || race->more_blocked != NULL || race->late_listed;
    int error = listed ? mn_wait(NULL, until) : mn_block_once(&race->stack->probers, until);
    if (is_gone(race))
        return MNET_E_CLOSED;
    return error == MNET_E_DEADLINE && until < deadline ? MNET_OK : error;
}

/* All others have failed: waits until a late address can be used. Returns 0, or how the race
 * ends. */
static int await_late(struct mn_race *race, uint64_t deadline)
{
    struct mnet_address late[MNET_TCP_ADDRESSES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < race->next; i++)
        if (race->attempts[i].late)
            late[count++] = race->addresses[i];
    if (count == 0 || mnet_self() == NULL)
        /* no address can be used */
        return race->error != MNET_OK ? race->error : MNET_E_UNREACHABLE;
    int error = mn_stack_await_source(race->stack, late, count, deadline);
    if (error < 0)
        return error;
    if (deadline <= mnet_now())
        return MNET_E_DEADLINE;
    if (find_late(race) == race->count) /* no own address will come */
        return race->error != MNET_OK ? race->error : MNET_E_UNREACHABLE;
    return MNET_OK;
}

/* Takes the race one step further. Returns 0, or how it ends without a winner. */
static int advance(struct mn_race *race, uint64_t deadline)
{
    while (has_next(race) && race->next_ns <= mnet_now())
        begin_next(race);
    if (race->running == 0 && !has_next(race) && !race->expecting)
        return await_late(race, deadline);
    int error = await(race, deadline);
    if (error == MNET_E_DEADLINE)
        return end_at_deadline(race);
    if (error == MNET_E_CLOSED)
        return end_with_stack(race);
    if (error < 0)
        end_all(race, false);
    return error;
}

static int run_to_end(struct mn_race *race, uint64_t deadline, struct mnet_flow **result)
{
    for (;;) {
        race->expecting = race->more != NULL && race->more(race);
        unsigned winner = find_winner(race);
        if (winner < race->count) {
            *result = end_with(race, winner);
            return MNET_OK;
        }
        int error = advance(race, deadline);
        if (error < 0)
            return error;
    }
}

int mn_race_run(struct mn_race *race, uint64_t deadline, struct mnet_flow **result)
{
    int error = run_to_end(race, deadline, result);
    if (race->late_listed)
        mn_block_end(&race->late_blocked);
    return error;
}

static bool is_listed(const struct mn_race *race, struct mnet_address address)
{
    for (unsigned i = 0; i < race->count; i++)
        if (mn_address_equal(&race->addresses[i], &address))
            return true;
    return false;
}

/* Returns true if the address can be used from the program's own one. */
static bool is_usable(const struct mn_race *race, struct mnet_address address)
{
    struct mnet_address wanted = race->options->local.address;
    return mn_address_is_any(&wanted) || mn_address_is_ipv4(&wanted) == mn_address_is_ipv4(&address);
}

int mn_race_add(struct mn_race *race, struct mnet_address address)
{
    struct mnet_endpoint local, remote = {address, race->port};
    bool usable = is_usable(race, address);
    struct mnet_connect_options options = *race->options;
    if (!usable)
        options.local = (struct mnet_endpoint){0};
    int error = mn_stack_check_connect(race->stack, &options, &local, &remote);
    if (error == MNET_E_INVALID)
        return error;
    if (error < 0)
        note_failure(race, error); /* on another link */
    else if (usable && race->count < MNET_TCP_ADDRESSES_MAX && !is_listed(race, remote.address))
        race->addresses[race->count++] = remote.address;
    return MNET_OK;
}

void mn_race_sort(struct mn_race *race)
{
    struct mnet_stack *stack = race->stack;
    mn_stack_enter(stack);
    mn_ip_sort(&stack->ip, &stack->losers, stack->config.tcp.first_address_family_count, race->addresses + race->next,
               race->count - race->next, stack->now);
}

void mn_race_init(struct mn_race *race, struct mnet_stack *stack, uint16_t port,
                  const struct mnet_connect_options *options)
{
    static const struct mnet_connect_options defaults;
    *race = (struct mn_race){.stack = stack, .options = options != NULL ? options : &defaults, .port = port};
}

int mnet_tcp_connect_any(struct mnet_stack *stack, const struct mnet_address *addresses, unsigned count, uint16_t port,
                         const struct mnet_connect_options *options, struct mnet_flow **result, uint64_t deadline)
{
    struct mn_race race;
    if (result == NULL)
        return MNET_E_INVALID;
    *result = NULL;
    if (stack == NULL || addresses == NULL || count == 0 || count > MNET_TCP_ADDRESSES_MAX)
        return MNET_E_INVALID;
    mn_race_init(&race, stack, port, options);
    for (unsigned i = 0; i < count; i++) {
        int error = mn_race_add(&race, addresses[i]);
        if (error < 0)
            return error;
    }
    if (race.count == 0)
        /* all of the other family than ours */
        return race.error != MNET_OK ? race.error : MNET_E_INVALID;
    int error = mn_stack_await_source(stack, race.addresses, race.count, deadline);
    if (error < 0)
        return error;
    mn_race_sort(&race);
    return mn_race_run(&race, deadline, result);
}
