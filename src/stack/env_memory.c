/* Memory for applications: what the platform has and stacks do not take. Each piece has its size in
 * front. */
#include <stdalign.h>

#include "stack/env.h"

/* Keeps what is behind it aligned. */
#define FRONT sizeof(union piece_front)

union piece_front {
    size_t size; /* of all */
    max_align_t align;
};

void *mnet_alloc(struct mnet_env *env, size_t size)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    if (size == 0 || size > SIZE_MAX - FRONT)
        return NULL;
    union piece_front *front = env->setup.allocate(env->setup.context, size + FRONT);
    if (front == NULL)
        return NULL;
    front->size = size + FRONT;
    return front + 1;
}

void mnet_free(struct mnet_env *env, void *memory)
{
    MN_REQUIRE(env != NULL, "the environment is NULL");
    if (memory == NULL)
        return;
    union piece_front *front = (union piece_front *)memory - 1;
    env->setup.release(env->setup.context, front, front->size);
}
