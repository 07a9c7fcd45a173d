/* The external definitions of inline functions (C11 6.7.4). Code that is compiled for size calls
 * them, so a program has one copy of each, and not one in each object. */
#include "base/cursor.h"
#include "base/list.h"

extern inline struct mn_reader mn_reader(const void *data, size_t len);
extern inline size_t mn_reader_left(const struct mn_reader *r);
extern inline const uint8_t *mn_read(struct mn_reader *r, size_t len);
extern inline uint8_t mn_read_u8(struct mn_reader *r);
extern inline uint16_t mn_read_u16(struct mn_reader *r);
extern inline uint32_t mn_read_u32(struct mn_reader *r);
extern inline uint64_t mn_read_u64(struct mn_reader *r);
extern inline struct mn_writer mn_writer(void *data, size_t len);
extern inline uint8_t *mn_write(struct mn_writer *w, size_t len);
extern inline void mn_write_u8(struct mn_writer *w, uint8_t value);
extern inline void mn_write_u16(struct mn_writer *w, uint16_t value);
extern inline void mn_write_u32(struct mn_writer *w, uint32_t value);
extern inline void mn_write_u64(struct mn_writer *w, uint64_t value);
extern inline void mn_write_bytes(struct mn_writer *w, const void *bytes, size_t len);

extern inline void mn_list_init(struct mnet_link *head);
extern inline bool mn_list_empty(const struct mnet_link *head);
extern inline bool mn_list_linked(const struct mnet_link *node);
extern inline void mn_list_insert_before(struct mnet_link *position, struct mnet_link *node);
extern inline void mn_list_append(struct mnet_link *head, struct mnet_link *node);
extern inline void mn_list_prepend(struct mnet_link *head, struct mnet_link *node);
extern inline void mn_list_remove(struct mnet_link *node);
extern inline struct mnet_link *mn_list_first(const struct mnet_link *head);
extern inline struct mnet_link *mn_list_last(const struct mnet_link *head);
extern inline struct mnet_link *mn_list_begin(const struct mnet_link *head);
extern inline struct mnet_link *mn_list_take(struct mnet_link *head);
