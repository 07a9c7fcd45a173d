#include "ports/hosted/cores.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/base.h"
#include "stack/env.h"

struct hosted_core {
    pthread_t thread;
    uint16_t number;
    bool next_started; /* its own thread says so */
    int status;
};

/* A device of programs, by their name for it. */
struct shared_device {
    char name[MNET_ZONE_TEXT];
    struct mn_queues *queues; /* NULL: the place is free */
};

static uint16_t core_count = 1;
static int (*run_core)(uint16_t core);
static struct hosted_core cores[MN_OPTIONS_CORES];
static atomic_uint started = 1;
static atomic_bool complained;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct shared_device devices[MN_ENV_DEVICES]; /* guarded by the mutex */

void mn_cores_set_up(uint16_t count, int (*run)(uint16_t core))
{
    MN_ASSERT(count >= 1 && count <= MN_OPTIONS_CORES);
    core_count = count;
    run_core = run;
    for (uint16_t i = 0; i < count; i++)
        cores[i].number = i;
}

void mn_cores_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void mn_cores_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

struct mn_queue *mn_cores_queue(const char *name, uint16_t core)
{
    struct shared_device *place = NULL;
    for (size_t i = 0; i < MN_COUNT_OF(devices) && place == NULL; i++) {
        if (devices[i].queues == NULL || strcmp(devices[i].name, name) == 0)
            place = &devices[i];
    }
    if (core_count == 1 || place == NULL || strlen(name) >= sizeof place->name)
        return NULL;
    if (place->queues == NULL) {
        place->queues = mn_queues_create(core_count);
        strcpy(place->name, name);
    }
    return place->queues != NULL ? &place->queues->queue[core] : NULL;
}

static void *run_thread(void *argument)
{
    struct hosted_core *core = argument;
    core->status = run_core(core->number);
    return NULL;
}

bool mn_cores_start_next(uint16_t core)
{
    sigset_t all, before;
    uint16_t next = (uint16_t)(core + 1);
    if (next >= core_count || cores[core].next_started)
        return true;
    /* Signals are for the first core. Those of faults cannot be blocked. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&cores[next].thread, NULL, run_thread, &cores[next]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    cores[core].next_started = error == 0;
    atomic_fetch_add(&started, error == 0);
    return error == 0;
}

int mn_cores_join(void)
{
    int status = 0;
    for (unsigned i = 1; i < atomic_load(&started); i++) {
        pthread_join(cores[i].thread, NULL);
        if (status == 0)
            status = cores[i].status;
    }
    return status;
}

bool mn_cores_may_complain(void)
{
    return !atomic_exchange(&complained, true);
}
