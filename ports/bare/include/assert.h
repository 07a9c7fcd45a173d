/* static_assert, for toolchains that come without a C library. */
#ifndef MN_BARE_ASSERT_H
#define MN_BARE_ASSERT_H

#define static_assert _Static_assert

#endif
