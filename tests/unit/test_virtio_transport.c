/* Finding virtio devices on MMIO (VIRTIO 1.2, 4.2) and PCI (4.1), and using them: registers,
 * capabilities, BARs, interrupts, reset and features, with an honest device and a false one. */
#include "unit/support.h"

#include <mnet/error.h>

#include "support/virtio_device.h"

static struct virtio_device device;
static struct mn_virtio_transport transport;

static int find(enum virtio_bus bus)
{
    virtio_device_init(&device, bus, MN_VIRTIO_NET);
    return virtio_device_find(&device, &transport);
}

/* Finds a PCI function of which one value is changed. */
static int find_changed(unsigned offset, unsigned bytes, uint32_t value)
{
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    for (unsigned i = 0; i < bytes; i++)
        device.pci[offset + i] = (uint8_t)(value >> 8 * i);
    return virtio_device_find(&device, &transport);
}

/* ---- MMIO ---- */

static void mmio_versions_are_found(void **state)
{
    (void)state;
    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    assert_false(transport.legacy);
    assert_int_equal(transport.kind, MN_VIRTIO_NET);
    assert_int_equal(find(VIRTIO_MMIO_LEGACY), MNET_OK);
    assert_true(transport.legacy);
}

static uint32_t first_registers[3];

static uint32_t read_first_registers(void *context, uint64_t address, unsigned bytes)
{
    (void)context;
    assert_int_equal(bytes, 4);
    assert_true(address - VIRTIO_MMIO_AT < 12); /* 4.2.2.2: other registers are not accessed */
    return first_registers[(address - VIRTIO_MMIO_AT) / 4];
}

static void mmio_of_nothing_is_left_alone(void **state)
{
    (void)state;
    static const uint32_t wrong[][3] = {{0x74726977, 2, 1}, {0, 0, 0},          {UINT32_MAX, UINT32_MAX, UINT32_MAX},
                                        {0x74726976, 0, 1}, {0x74726976, 3, 1}, {0x74726976, 2, 0}};
    virtio_device_init(&device, VIRTIO_MMIO, MN_VIRTIO_NET);
    device.machine.read = read_first_registers;
    for (size_t i = 0; i < MN_COUNT_OF(wrong); i++) {
        memcpy(first_registers, wrong[i], sizeof first_registers);
        assert_int_equal(virtio_device_find(&device, &transport), MNET_E_NO_DEVICE);
    }
    device.unmapped = true;
    assert_int_equal(virtio_device_find(&device, &transport), MNET_E_NO_DEVICE);
}

static void mmio_accesses_end_with_the_registers(void **state)
{
    (void)state;
    uint8_t config[4];
    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    memset(device.config, 0x5a, sizeof device.config);
    transport.registers.bytes = 0x102;
    transport.ops->config(&transport, 0, config, 4);
    assert_memory_equal(config, ((const uint8_t[]){0x5a, 0x5a, 0, 0}), 4);
}

/* ---- Reset, features, configuration ---- */

static void reset_is_waited_for(void **state)
{
    (void)state;
    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    device.reset_waits = 10;
    assert_true(mn_virtio_reset(&transport));
    assert_int_equal(device.waits, 10);
    device.reset_waits = UINT32_MAX;
    uint64_t before = device.now;
    assert_false(mn_virtio_reset(&transport));
    assert_true(device.now - before <= 2 * MNET_SECOND);
}

/* A device in use that cannot be reset reports it at once, and may go on writing. */
static void reset_may_be_refused(void **state)
{
    (void)state;
    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    device.refuses_reset = true;
    assert_true(mn_virtio_reset(&transport));
    assert_false(transport.running);
    device.status = MN_VIRTIO_ACKNOWLEDGE | MN_VIRTIO_DRIVER | MN_VIRTIO_FEATURES_OK | MN_VIRTIO_DRIVER_OK;
    uint64_t before = device.now;
    assert_false(mn_virtio_reset(&transport));
    assert_true(transport.running);
    assert_int_equal(device.now, before);
    assert_int_equal(device.status & MN_VIRTIO_FAILED, MN_VIRTIO_FAILED);
    device.refuses_reset = false;
    assert_true(mn_virtio_reset(&transport));
    assert_false(transport.running);
}

static void features_accepted_are_the_wanted_and_version_1(void **state)
{
    (void)state;
    uint64_t offered;
    assert_int_equal(find(VIRTIO_PCI), MNET_OK);
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_int_equal(offered, device.offered);
    assert_int_equal(mn_virtio_agree(&transport, MN_NET_F_MAC), MNET_OK);
    assert_int_equal(device.accepted, MN_NET_F_MAC | MN_VIRTIO_F_VERSION_1);
    assert_true(mn_virtio_ready(&transport));
    assert_int_equal(device.status,
                     MN_VIRTIO_ACKNOWLEDGE | MN_VIRTIO_DRIVER | MN_VIRTIO_FEATURES_OK | MN_VIRTIO_DRIVER_OK);
}

/* 6.1: a device that uses the platform's own translation, and requires a driver that knows it. */
static void features_of_the_platform_are_accepted(void **state)
{
    (void)state;
    static const uint64_t platform = MN_VIRTIO_F_ACCESS_PLATFORM | MN_VIRTIO_F_ORDER_PLATFORM;
    uint64_t offered;
    assert_int_equal(find(VIRTIO_PCI), MNET_OK);
    device.offered |= platform;
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_int_equal(mn_virtio_agree(&transport, 0), MNET_OK);
    assert_int_equal(device.accepted, MN_VIRTIO_F_VERSION_1 | platform);
}

static void device_that_does_not_agree_is_given_up(void **state)
{
    (void)state;
    uint64_t offered;
    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    device.refuses_features = true; /* 3.1.1, step 6 */
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_int_equal(mn_virtio_agree(&transport, 0), MNET_E_IO);
    assert_true(device.status & MN_VIRTIO_FAILED);

    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    device.offered &= ~MN_VIRTIO_F_VERSION_1; /* 6.1 */
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_int_equal(mn_virtio_agree(&transport, 0), MNET_E_IO);
    assert_true(device.status & MN_VIRTIO_FAILED);
}

/* 2.5.1 */
static void configuration_that_never_rests_is_no_configuration(void **state)
{
    (void)state;
    static const enum virtio_bus buses[] = {VIRTIO_MMIO, VIRTIO_MMIO_LEGACY, VIRTIO_PCI};
    for (size_t i = 0; i < MN_COUNT_OF(buses); i++) {
        uint8_t mac[6];
        assert_int_equal(find(buses[i]), MNET_OK);
        device.pci[4] |= 2;
        assert_true(mn_virtio_config(&transport, 0, mac, sizeof mac));
        assert_memory_equal(mac, device.config, sizeof mac);
        device.restless = true;
        assert_false(mn_virtio_config(&transport, 0, mac, sizeof mac));
    }
}

/* ---- PCI ---- */

static void pci_structures_are_found(void **state)
{
    (void)state;
    assert_int_equal(find(VIRTIO_PCI), MNET_OK);
    assert_int_equal(transport.kind, MN_VIRTIO_NET);
    assert_int_equal(transport.registers.address, VIRTIO_BAR_AT + VIRTIO_COMMON);
    assert_int_equal(transport.isr.address, VIRTIO_BAR_AT + VIRTIO_ISR);
    assert_int_equal(transport.device_config.address, VIRTIO_BAR_AT + VIRTIO_CONFIG);
    assert_int_equal(transport.notify_area.address, VIRTIO_BAR_AT + VIRTIO_NOTIFY);
    assert_int_equal(device.pci[4] & 6, 6); /* memory space and bus mastering */
}

/* PCI 3.0, 6.2.5.1: sizing writes all ones. The BARs are as before afterwards. */
static void pci_bars_keep_their_values(void **state)
{
    (void)state;
    uint8_t before[24];
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    memcpy(before, device.pci + 0x10, sizeof before);
    assert_int_equal(virtio_device_find(&device, &transport), MNET_OK);
    assert_memory_equal(device.pci + 0x10, before, sizeof before);
}

static void pci_transitional_device_is_taken_as_modern(void **state)
{
    (void)state;
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    memcpy(device.pci + 2, (const uint8_t[]){0x00, 0x10}, 2);
    device.pci[0x2e] = MN_VIRTIO_NET; /* 4.1.2.3 */
    assert_int_equal(virtio_device_find(&device, &transport), MNET_OK);
    assert_int_equal(transport.kind, MN_VIRTIO_NET);
}

/* 4.1.4.10: QEMU's disable-modern=on. */
static void pci_legacy_device_is_known_as_such(void **state)
{
    (void)state;
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    memcpy(device.pci + 2, (const uint8_t[]){0x00, 0x10}, 2);
    device.pci[0x2e] = MN_VIRTIO_NET;
    device.pci[CAPABILITY_MSIX + 1] = 0; /* there is no other capability */
    assert_int_equal(virtio_device_find(&device, &transport), MNET_E_NO_DEVICE);
    assert_int_equal(transport.kind, MN_VIRTIO_NET);
    assert_string_equal(transport.why, "it has the legacy interface only");
}

static void pci_functions_of_others_are_left_alone(void **state)
{
    (void)state;
    assert_int_equal(find_changed(0, 2, 0x8086), MNET_E_NO_DEVICE);
    assert_int_equal(find_changed(2, 2, 0x0fff), MNET_E_NO_DEVICE);
    assert_int_equal(find_changed(2, 2, 0x1080), MNET_E_NO_DEVICE);
    assert_int_equal(find_changed(2, 2, 0x1040), MNET_E_NO_DEVICE); /* device 0 is none */
    assert_int_equal(find_changed(0x0e, 1, 1), MNET_E_NO_DEVICE);   /* a bridge */
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    assert_int_equal(mn_virtio_pci_open(&transport, &device.machine, 0), MNET_E_NO_DEVICE);
    device.machine.pci_read = NULL;
    assert_int_equal(virtio_device_find(&device, &transport), MNET_E_NO_DEVICE);
}

static void pci_capability_list_that_lies_ends(void **state)
{
    (void)state;
    assert_int_equal(find_changed(6, 2, 0), MNET_E_NO_DEVICE);       /* there is no list */
    assert_int_equal(find_changed(0x34, 1, 0), MNET_E_NO_DEVICE);    /* it is empty */
    assert_int_equal(find_changed(0x34, 1, 0x10), MNET_E_NO_DEVICE); /* it lies in the header */
    /* It goes round. */
    assert_int_equal(find_changed(CAPABILITY_ISR + 1, 1, CAPABILITY_ISR), MNET_E_NO_DEVICE);
    assert_int_equal(find_changed(CAPABILITY_CONFIG + 1, 1, CAPABILITY_COMMON), MNET_E_NO_DEVICE);
    /* It ends outside. */
    assert_int_equal(find_changed(CAPABILITY_ISR + 1, 1, 0xfc), MNET_E_NO_DEVICE);
}

/* 4.1.4.1: reserved values are ignored, and a structure outside of a memory BAR is not used. */
static void pci_structure_outside_its_bar_is_none(void **state)
{
    (void)state;
    static const struct {
        unsigned offset, bytes;
        uint32_t value;
    } lies[] = {
        {CAPABILITY_COMMON + 2, 1, 15},                    /* a capability too short */
        {CAPABILITY_NOTIFY + 2, 1, 16},                    /* one without the multiplier */
        {CAPABILITY_COMMON + 4, 1, 6},                     /* no such BAR */
        {CAPABILITY_COMMON + 4, 1, 255},                   /* reserved */
        {CAPABILITY_COMMON + 4, 1, 0},                     /* one that is not there */
        {CAPABILITY_COMMON + 4, 1, 5},                     /* the upper half of another */
        {CAPABILITY_COMMON + 8, 4, VIRTIO_BAR_BYTES},      /* after its end */
        {CAPABILITY_COMMON + 8, 4, VIRTIO_BAR_BYTES - 55}, /* over its end */
        {CAPABILITY_COMMON + 8, 4, UINT32_MAX - 10},       /* an end that wraps */
        {CAPABILITY_COMMON + 12, 4, 55},                   /* too short for its fields */
        {CAPABILITY_COMMON + 12, 4, VIRTIO_BAR_BYTES + 1}, /* longer than the BAR */
        {CAPABILITY_ISR + 12, 4, 0},                       /* empty */
        {CAPABILITY_NOTIFY + 12, 4, 1},                    /* too short for a notification */
        {CAPABILITY_NOTIFY + 8, 4, VIRTIO_BAR_BYTES - 7},  /* over the end */
        {0x20, 4, (uint32_t)VIRTIO_BAR_AT | 5},            /* a BAR of I/O space */
    };
    for (size_t i = 0; i < MN_COUNT_OF(lies); i++)
        assert_int_equal(find_changed(lies[i].offset, lies[i].bytes, lies[i].value), MNET_E_NO_DEVICE);
}

static void pci_bar_that_is_not_assigned_is_none(void **state)
{
    (void)state;
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    memset(device.pci + 0x20, 0, 8);
    device.pci[0x20] = 4;
    assert_int_equal(virtio_device_find(&device, &transport), MNET_E_NO_DEVICE);
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    device.unmapped = true; /* as if a BAR claimed to be over RAM */
    assert_int_equal(virtio_device_find(&device, &transport), MNET_E_NO_DEVICE);
}

/* The first structure of a kind is used (4.1.4.1), unless it is unusable. */
static void pci_first_usable_structure_is_taken(void **state)
{
    (void)state;
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    /* A second common structure is after the last capability, and the first one in a BAR that is
     * absent. */
    memcpy(device.pci + 0xb0, device.pci + CAPABILITY_COMMON, 16);
    device.pci[0xb1] = 0;
    device.pci[0xb9] = 0x02; /* offset 0x200 */
    device.pci[CAPABILITY_NOTIFY + 1] = 0xb0;
    assert_int_equal(virtio_device_find(&device, &transport), MNET_OK);
    assert_int_equal(transport.registers.address, VIRTIO_BAR_AT);
    device.pci[CAPABILITY_COMMON + 4] = 0;
    assert_int_equal(virtio_device_find(&device, &transport), MNET_OK);
    assert_int_equal(transport.registers.address, VIRTIO_BAR_AT + 0x200);
}

/* 4.1.4.4.1: the address of a queue's notification is in the structure. */
static void pci_notification_outside_its_structure_is_refused(void **state)
{
    (void)state;
    const struct mn_virtio_queue_place place = {256, 4096, 8192, 12288};
    uint64_t offered;
    assert_int_equal(find_changed(CAPABILITY_NOTIFY + 16, 4, 0x80000000), MNET_OK);
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_true(transport.ops->queue_enable(&transport, 0, &place)); /* 0 times whatever */
    assert_false(transport.ops->queue_enable(&transport, 1, &place));
    assert_false(device.rings[1].enabled);
}

/* ---- Interrupts ---- */

static const struct mn_virtio_message queues = {UINT64_C(0x1fee00000), 0x41}, config = {0xfee00000, 0x42};

/* 4.1.5.1.2 */
static void pci_messages_are_put_into_the_table(void **state)
{
    (void)state;
    static const uint32_t wanted[8] = {0xfee00000, 0, 0x42, 0, 0xfee00000, 1, 0x41, 0};
    const struct mn_virtio_queue_place place = {256, 4096, 8192, 12288};
    uint64_t offered;
    assert_int_equal(find(VIRTIO_PCI), MNET_OK);
    memset(device.msix, 0xff, sizeof device.msix);
    assert_true(mn_virtio_pci_messages(&transport, &queues, &config));
    assert_memory_equal(device.msix, wanted, sizeof wanted);
    assert_int_equal(device.pci[CAPABILITY_MSIX + 3] & 0xc0, 0x80); /* enabled, not masked */
    assert_int_equal(device.pci[5] & 4, 4);                         /* no INTx */
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_true(transport.ops->queue_enable(&transport, 0, &place));
    assert_int_equal(device.config_vector, 0);
    assert_int_equal(device.rings[0].vector, 1);
}

/* With one entry in the table, one message is for both, so each message makes the driver check the
 * configuration. */
static void pci_single_message_is_for_both(void **state)
{
    (void)state;
    const struct mn_virtio_queue_place place = {256, 4096, 8192, 12288};
    uint64_t offered;
    virtio_device_init(&device, VIRTIO_PCI, MN_VIRTIO_NET);
    device.pci[CAPABILITY_MSIX + 2] = 0;
    assert_int_equal(virtio_device_find(&device, &transport), MNET_OK);
    memset(device.msix, 0xff, sizeof device.msix);
    assert_true(mn_virtio_pci_messages(&transport, &queues, &config));
    assert_int_equal(device.msix[2], queues.data);
    assert_int_equal(device.msix[6], UINT32_MAX); /* there is no second entry */
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_true(transport.ops->queue_enable(&transport, 0, &place));
    assert_int_equal(device.config_vector, 0);
    assert_int_equal(device.rings[0].vector, 0);
    mn_virtio_look(&transport);
    assert_false(transport.config_changed);
    device.raised = true;
    mn_virtio_look(&transport);
    assert_true(transport.config_changed);
    assert_false(device.raised);
}

/* 4.1.5.1.2.2 */
static void pci_vectors_refused_are_noticed(void **state)
{
    (void)state;
    const struct mn_virtio_queue_place place = {256, 4096, 8192, 12288};
    uint64_t offered;
    assert_int_equal(find(VIRTIO_PCI), MNET_OK);
    device.refuses_vectors = true;
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_true(transport.ops->queue_enable(&transport, 0, &place)); /* none are requested */
    assert_true(mn_virtio_pci_messages(&transport, &queues, &config));
    assert_int_equal(mn_virtio_begin(&transport, &offered), MNET_OK);
    assert_false(transport.ops->queue_enable(&transport, 0, &place));
}

static void pci_table_of_messages_that_lies_is_none(void **state)
{
    (void)state;
    static const struct {
        unsigned offset, bytes;
        uint32_t value;
    } lies[] = {
        {CAPABILITY_MSIX, 1, 0x05},                              /* there is none */
        {CAPABILITY_MSIX + 4, 4, 7},                             /* no such BAR */
        {CAPABILITY_MSIX + 4, 4, 1 | (VIRTIO_TABLE_BYTES - 24)}, /* over its end */
        {CAPABILITY_MSIX + 4, 4, 1 | 0xfffffff8},
    };
    for (size_t i = 0; i < MN_COUNT_OF(lies); i++) {
        assert_int_equal(find_changed(lies[i].offset, lies[i].bytes, lies[i].value), MNET_OK);
        assert_false(mn_virtio_pci_messages(&transport, &queues, &config));
        assert_false(transport.messages);
    }
    assert_int_equal(find(VIRTIO_MMIO), MNET_OK);
    assert_false(mn_virtio_pci_messages(&transport, &queues, &config));
}

/* 4.2.3.4.1, 4.1.4.5: acknowledging the interrupt clears its line. */
static void interrupts_of_a_line_are_taken_back(void **state)
{
    (void)state;
    static const enum virtio_bus buses[] = {VIRTIO_MMIO, VIRTIO_PCI};
    for (size_t i = 0; i < MN_COUNT_OF(buses); i++) {
        assert_int_equal(find(buses[i]), MNET_OK);
        device.isr = MN_VIRTIO_INTERRUPT_QUEUE;
        device.raised = true;
        mn_virtio_look(&transport);
        assert_int_equal(device.isr, 0);
        assert_false(device.raised);
        assert_false(transport.config_changed);
        virtio_device_config_changed(&device);
        mn_virtio_look(&transport);
        assert_int_equal(device.isr, 0);
        assert_true(transport.config_changed);
        transport.config_changed = false;
        device.isr = MN_VIRTIO_INTERRUPT_CONFIG;
        mn_virtio_look(&transport); /* not raised: the device is not read */
        assert_false(transport.config_changed);
        transport.raised = NULL;
        mn_virtio_look(&transport); /* nobody records interrupts: it is read */
        assert_true(transport.config_changed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mmio_versions_are_found),
        cmocka_unit_test(mmio_of_nothing_is_left_alone),
        cmocka_unit_test(mmio_accesses_end_with_the_registers),
        cmocka_unit_test(reset_is_waited_for),
        cmocka_unit_test(reset_may_be_refused),
        cmocka_unit_test(features_accepted_are_the_wanted_and_version_1),
        cmocka_unit_test(features_of_the_platform_are_accepted),
        cmocka_unit_test(device_that_does_not_agree_is_given_up),
        cmocka_unit_test(configuration_that_never_rests_is_no_configuration),
        cmocka_unit_test(pci_structures_are_found),
        cmocka_unit_test(pci_bars_keep_their_values),
        cmocka_unit_test(pci_transitional_device_is_taken_as_modern),
        cmocka_unit_test(pci_legacy_device_is_known_as_such),
        cmocka_unit_test(pci_functions_of_others_are_left_alone),
        cmocka_unit_test(pci_capability_list_that_lies_ends),
        cmocka_unit_test(pci_structure_outside_its_bar_is_none),
        cmocka_unit_test(pci_bar_that_is_not_assigned_is_none),
        cmocka_unit_test(pci_first_usable_structure_is_taken),
        cmocka_unit_test(pci_notification_outside_its_structure_is_refused),
        cmocka_unit_test(pci_messages_are_put_into_the_table),
        cmocka_unit_test(pci_single_message_is_for_both),
        cmocka_unit_test(pci_vectors_refused_are_noticed),
        cmocka_unit_test(pci_table_of_messages_that_lies_is_none),
        cmocka_unit_test(interrupts_of_a_line_are_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
