/* See ring.h. No library stands between: three system calls and two queues in shared memory. */
#include "ports/hosted/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>

#include <mnet/time.h>

#include "base/base.h"
#include "ports/hosted/hosted.h"

/* Requests of one call: a write, and for each descriptor the end of one poll and the begin of
 * another. */
#define ENTRIES 128u
#define FEATURES (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP)
/* user_data of requests that need no answer but an error's. Those of polls are above. */
#define TAG_WRITE 1u
#define TAG_CANCEL 2u
#define TAG_POLLS 256u

_Static_assert(1 + 2 * MN_HOSTED_WAIT_MAX <= ENTRIES, "the requests of a wait fit the queue");

/* A descriptor that the kernel polls. */
struct ring_poll {
    int fd;
    bool armed;   /* a request is there, and has not been answered */
    uint64_t tag; /* of that request */
};

struct ring {
    enum {
        RING_UNTRIED,
        RING_OPEN,
        RING_REFUSED
    } state;
    int fd;
    uint8_t *shared; /* both queues; the requests themselves are behind `requests` */
    size_t shared_size;
    struct io_uring_sqe *requests;
    struct io_uring_cqe *answers;
    _Atomic uint32_t *request_head, *request_tail, *answer_head, *answer_tail;
    uint32_t request_mask, answer_mask;
    uint32_t queued; /* requests that the kernel has not seen */
    uint64_t serial; /* of the last poll */
    struct ring_poll polls[MN_HOSTED_WAIT_MAX];
    /* The frame that was left. */
    int frame_fd;
    size_t frame_len; /* 0: none */
    uint64_t *lost;
    _Alignas(64) uint8_t frame[MN_RING_FRAME_MAX];
};

static _Thread_local struct ring ring;

/* ---- The two queues ---- */

static bool map_queues(const struct io_uring_params *params)
{
    size_t requests_end = params->sq_off.array + params->sq_entries * sizeof(uint32_t);
    size_t answers_end = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
    ring.shared_size = MN_MAX(requests_end, answers_end);
    ring.shared = mmap(NULL, ring.shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
                       (off_t)IORING_OFF_SQ_RING);
    if (ring.shared == MAP_FAILED)
        return false;
    ring.requests = mmap(NULL, params->sq_entries * sizeof *ring.requests, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_POPULATE, ring.fd, (off_t)IORING_OFF_SQES);
    if (ring.requests == MAP_FAILED) {
        munmap(ring.shared, ring.shared_size);
        return false;
    }
    return true;
}

static void *at(uint32_t offset)
{
    return ring.shared + offset;
}

static void find_queues(const struct io_uring_params *params)
{
    ring.request_head = at(params->sq_off.head);
    ring.request_tail = at(params->sq_off.tail);
    ring.request_mask = params->sq_entries - 1;
    ring.answer_head = at(params->cq_off.head);
    ring.answer_tail = at(params->cq_off.tail);
    ring.answer_mask = params->cq_entries - 1;
    ring.answers = at(params->cq_off.cqes);
    uint32_t *order = at(params->sq_off.array);
    for (uint32_t i = 0; i < params->sq_entries; i++)
        order[i] = i;
}

static MN_RARE bool open_ring(void)
{
    /* The kernel works for the ring only within calls of this thread. So an answer is there after a
     * call or not at all, and a descriptor that is ready interrupts nobody. */
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    ring.state = RING_REFUSED;
    ring.fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
    if (ring.fd < 0)
        return false;
    if ((params.features & FEATURES) != FEATURES || params.sq_entries < ENTRIES || !map_queues(&params)) {
        close(ring.fd);
        return false;
    }
    find_queues(&params);
    ring.state = RING_OPEN;
    return true;
}

void mn_ring_close(void)
{
    mn_ring_flush();
    if (ring.state != RING_OPEN)
        return;
    munmap(ring.requests, (ring.request_mask + 1) * sizeof *ring.requests);
    munmap(ring.shared, ring.shared_size);
    close(ring.fd);
    memset(ring.polls, 0, sizeof ring.polls);
    ring.queued = 0;
    ring.state = RING_REFUSED;
}

static void request(struct io_uring_sqe sqe)
{
    uint32_t tail = atomic_load_explicit(ring.request_tail, memory_order_relaxed);
    ring.requests[tail & ring.request_mask] = sqe;
    atomic_store_explicit(ring.request_tail, tail + 1, memory_order_release);
    ring.queued++;
}

/* ---- A frame ---- */

uint8_t *mn_ring_leave(int fd, size_t len, uint64_t *lost)
{
    MN_DEBUG_ASSERT(len > 0 && len <= MN_RING_FRAME_MAX);
    if (ring.state != RING_OPEN || ring.frame_len > 0)
        return NULL;
    ring.frame_fd = fd;
    ring.frame_len = len;
    ring.lost = lost;
    return ring.frame;
}

void mn_ring_flush(void)
{
    ssize_t written;
    if (MN_LIKELY(ring.frame_len == 0))
        return;
    do {
        written = write(ring.frame_fd, ring.frame, ring.frame_len);
    } while (written < 0 && errno == EINTR);
    *ring.lost += written < 0;
    ring.frame_len = 0;
}

static void request_write(void)
{
    request((struct io_uring_sqe){
        .opcode = IORING_OP_WRITE,
        .flags = IOSQE_CQE_SKIP_SUCCESS,
        .fd = ring.frame_fd,
        .addr = (uintptr_t)ring.frame,
        .len = (uint32_t)ring.frame_len,
        .user_data = TAG_WRITE,
    });
}

/* ---- Polls ---- */

static void cancel(struct ring_poll *poll)
{
    request((struct io_uring_sqe){
        .opcode = IORING_OP_POLL_REMOVE,
        .flags = IOSQE_CQE_SKIP_SUCCESS,
        .fd = -1,
        .addr = poll->tag,
        .user_data = TAG_CANCEL,
    });
    poll->armed = false;
}

static void arm(struct ring_poll *poll, unsigned place, int fd)
{
    *poll = (struct ring_poll){fd, true, TAG_POLLS * ++ring.serial + place};
    request((struct io_uring_sqe){
        .opcode = IORING_OP_POLL_ADD,
        .fd = fd,
        .poll_events = POLLIN,
        .user_data = poll->tag,
    });
}

void mn_ring_forget(int fd)
{
    for (unsigned i = 0; i < MN_HOSTED_WAIT_MAX; i++) {
        if (ring.polls[i].armed && ring.polls[i].fd == fd)
            ring.polls[i].fd = -1; /* the next wait cancels it */
    }
}

/* The descriptors of a wait mostly are those of the last one, in the same places. */
static void request_polls(struct pollfd *fds, unsigned count)
{
    for (unsigned i = 0; i < MN_HOSTED_WAIT_MAX; i++) {
        struct ring_poll *poll = &ring.polls[i];
        int fd = i < count ? fds[i].fd : -1;
        if (poll->armed && poll->fd != fd)
            cancel(poll);
        if (fd >= 0 && !poll->armed)
            arm(poll, i, fd);
        if (i < count)
            fds[i].revents = 0;
    }
}

static void take_answer(const struct io_uring_cqe *answer, struct pollfd *fds, unsigned count)
{
    if (answer->user_data == TAG_WRITE)
        *ring.lost += 1; /* only failures are told */
    unsigned place = answer->user_data % TAG_POLLS;
    if (answer->user_data < TAG_POLLS || ring.polls[place].tag != answer->user_data)
        return; /* of one that was cancelled */
    ring.polls[place].armed = false;
    if (place < count)
        fds[place].revents = answer->res > 0 ? (short)answer->res : POLLNVAL;
}

static void take_answers(struct pollfd *fds, unsigned count)
{
    uint32_t head = atomic_load_explicit(ring.answer_head, memory_order_relaxed);
    while (head != atomic_load_explicit(ring.answer_tail, memory_order_acquire)) {
        take_answer(&ring.answers[head & ring.answer_mask], fds, count);
        head++;
    }
    atomic_store_explicit(ring.answer_head, head, memory_order_release);
}

/* ---- The wait ---- */

/* Hands over the requests, and waits for an answer. */
static long enter(uint64_t deadline)
{
    struct __kernel_timespec timeout = {0, 0};
    struct io_uring_getevents_arg argument = {0};
    if (deadline != MNET_NEVER) {
        uint64_t now = mn_hosted_now(NULL);
        uint64_t left = deadline > now ? deadline - now : 0;
        timeout.tv_sec = (long long)(left / MNET_SECOND);
        timeout.tv_nsec = (long long)(left % MNET_SECOND);
        argument.ts = (uintptr_t)&timeout;
    }
    long result = syscall(SYS_io_uring_enter, ring.fd, ring.queued, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                          &argument, sizeof argument);
    uint32_t head = atomic_load_explicit(ring.request_head, memory_order_acquire);
    ring.queued = atomic_load_explicit(ring.request_tail, memory_order_relaxed) - head;
    return result;
}

static bool ends_ring(int error)
{
    return error != EINTR && error != ETIME && error != EAGAIN && error != EBUSY;
}

bool mn_ring_wait(struct pollfd *fds, unsigned count, uint64_t deadline)
{
    MN_DEBUG_ASSERT(count <= MN_HOSTED_WAIT_MAX);
    if (ring.state == RING_UNTRIED)
        open_ring();
    if (ring.state != RING_OPEN)
        return false;
    if (ring.frame_len > 0)
        request_write(); /* the first request, so it is seen if any is */
    request_polls(fds, count);
    uint32_t all = ring.queued;
    long result = enter(deadline);
    if (ring.queued < all)
        ring.frame_len = 0;
    take_answers(fds, count);
    if (MN_UNLIKELY(ring.queued > 0 || (result < 0 && ends_ring(errno))))
        mn_ring_close(); /* the kernel is short of something: go on without it */
    return true;
}
