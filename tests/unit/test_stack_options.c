/* The standard command-line options: what they set, what they leave to the application, and the one line for a wrong
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stack/options.h"

#define ARGUMENTS_MAX 32

struct line {
    int argc;
    char *argv[ARGUMENTS_MAX];
    char text[1024];
    char error[MN_OPTIONS_ERROR];
    struct mn_options options;
    int result;
};

/* Parses "program " followed by `arguments`, split at blanks. */
static void parse(struct line *line, const char *arguments)
{
    memset(line, 0, sizeof *line);
    strcpy(line->text, "program ");
    strcat(line->text, arguments);
    for (char *word = strtok(line->text, " "); word != NULL; word = strtok(NULL, " "))
        line->argv[line->argc++] = word;
    line->result = mn_options_parse(&line->options, &line->argc, line->argv, line->error, sizeof line->error);
}

static void nothing_leaves_everything_zero(void **state)
{
    (void)state;
    struct line line;
    struct mn_options none = {0};
    parse(&line, "");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.argc, 1);
    assert_memory_equal(&line.options, &none, sizeof none);
}

static void addresses_are_set(void **state)
{
    (void)state;
    struct line line;
    parse(&line,
          "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --route=192.168.0.0/16,10.0.0.9 --route=0.0.0.0/0,10.0.0.8");
    assert_int_equal(line.result, 0);
    const struct mnet_config *config = &line.options.config;
    assert_true(mnet_address_equal(config->ipv4.address, mnet_ipv4(10, 0, 0, 2)));
    assert_int_equal(config->ipv4.length, 24);
    assert_true(mnet_address_equal(config->ipv4_gateway, mnet_ipv4(10, 0, 0, 1)));
    assert_int_equal(config->route_count, 2);
    assert_true(mnet_address_equal(config->routes[0].destination.address, mnet_ipv4(192, 168, 0, 0)));
    assert_int_equal(config->routes[0].destination.length, 16);
    assert_true(mnet_address_equal(config->routes[0].gateway, mnet_ipv4(10, 0, 0, 9)));
    assert_int_equal(config->routes[1].destination.length, 0);
}

static void switches_are_set(void **state)
{
    (void)state;
    struct line line;
    parse(&line, "--address-probe --dhcp --no-checksum-offload --no-segmentation-offload --no-coalescing --help");
    assert_int_equal(line.result, 0);
    assert_true(line.options.config.address_probe);
    assert_true(line.options.config.dhcp);
    assert_true(line.options.config.no_checksum_offload);
    assert_true(line.options.config.no_segmentation_offload);
    assert_true(line.options.config.no_coalescing);
    assert_true(line.options.help);
    assert_int_equal(line.argc, 1);
    assert_false(line.options.config.tcp_no_timestamps || line.options.config.tcp_no_sack ||
                 line.options.config.tcp_no_window_scale);
    parse(&line, "--no-tcp-timestamps");
    assert_true(line.options.config.tcp_no_timestamps);
    parse(&line, "--no-tcp-syn-cookies");
    assert_true(line.options.config.tcp_no_syn_cookies);
    parse(&line, "--no-tcp-plpmtud");
    assert_true(line.options.config.tcp_no_plpmtud);
    parse(&line, "--no-tcp-sack");
    assert_true(line.options.config.tcp_no_sack);
    parse(&line, "--no-tcp-window-scale");
    assert_true(line.options.config.tcp_no_window_scale);
}

static void memory_has_units(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"--memory=1048576", 1048576},    {"--memory=2048K", 2048u << 10}, {"--memory=64M", 64u << 20},
        {"--memory=3G", (size_t)3 << 30}, {"--memory=1M", 1u << 20},
    };
    (void)state;
    struct line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i].text);
        assert_int_equal(line.result, 0);
        assert_int_equal(line.options.config.memory_size, cases[i].size);
    }
}

static void log_has_levels(void **state)
{
    static const char *const texts[] = {"--log=error", "--log=warning", "--log=info", "--log=debug"};
    (void)state;
    struct line line;
    for (int i = 0; i < 4; i++) {
        parse(&line, texts[i]);
        assert_int_equal(line.result, 0);
        assert_true(line.options.log_given);
        assert_int_equal(line.options.config.log.level, i);
    }
}

static void congestion_control_is_named(void **state)
{
    static const struct {
        const char *text;
        enum mnet_congestion which;
    } cases[] = {{"--congestion=cubic", MNET_CONGESTION_CUBIC},
                 {"--congestion=reno", MNET_CONGESTION_RENO},
                 {"--congestion=bbr", MNET_CONGESTION_BBR}};
    (void)state;
    struct line line;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i].text);
        assert_int_equal(line.result, 0);
        assert_int_equal(line.options.config.tcp_congestion, cases[i].which);
    }
    static const char *const modes[] = {"--ecn=off", "--ecn=passive", "--ecn=on"};
    for (int i = 0; i < 3; i++) {
        parse(&line, modes[i]);
        assert_int_equal(line.result, 0);
        assert_int_equal(line.options.config.tcp_ecn, MNET_ECN_OFF + i);
    }
}

static void nets_are_named(void **state)
{
    (void)state;
    struct line line;
    parse(&line, "--net:service=tap0 --net:back=tap=1 --capture=out.pcapng");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.options.net_count, 2);
    assert_int_equal(line.options.nets[0].name_len, 7);
    assert_memory_equal(line.options.nets[0].name, "service", 7);
    assert_string_equal(line.options.nets[0].host, "tap0");
    assert_string_equal(line.options.nets[1].host, "tap=1");
    assert_string_equal(line.options.capture, "out.pcapng");
}

static void others_are_left_to_the_application(void **state)
{
    (void)state;
    struct line line;
    parse(&line, "one --verbose --ipv4=10.0.0.2/24 --logfile=x -h --network two");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.argc, 7);
    assert_string_equal(line.argv[1], "one");
    assert_string_equal(line.argv[2], "--verbose");
    assert_string_equal(line.argv[3], "--logfile=x");
    assert_string_equal(line.argv[4], "-h");
    assert_string_equal(line.argv[5], "--network");
    assert_string_equal(line.argv[6], "two");
    assert_null(line.argv[7]);
}

static void double_dash_ends_the_options(void **state)
{
    (void)state;
    struct line line;
    parse(&line, "--no-coalescing -- --address-probe --help");
    assert_int_equal(line.result, 0);
    assert_true(line.options.config.no_coalescing);
    assert_false(line.options.config.address_probe);
    assert_false(line.options.help);
    assert_int_equal(line.argc, 4);
    assert_string_equal(line.argv[1], "--");
    assert_null(line.argv[4]);
}

static void wrong_values_give_one_line(void **state)
{
    static const char *const cases[] = {
        "--ipv4=",
        "--ipv4",
        "--ipv4=10.0.0.2",
        "--ipv4=10.0.0.2/33",
        "--ipv4=10.0.0.2/0",
        "--ipv4=10.0.0.2/24x",
        "--ipv4=10.0.0/24",
        "--ipv4=10.0.0.256/24",
        "--ipv4=10.0.0.0/24",
        "--ipv4=10.0.0.255/24",
        "--ipv4=0.0.0.0/8",
        "--ipv4=224.0.0.1/24",
        "--ipv4=fd00::2/64",
        "--ipv4-gateway=10.0.0",
        "--ipv4-gateway=0.0.0.0",
        "--route=10.1.0.0/16",
        "--route=10.1.0.0,10.0.0.1",
        "--route=10.1.0.0/16,",
        "--route=,10.0.0.1",
        "--memory=",
        "--memory=1023K",
        "--memory=M",
        "--memory=12MB",
        "--memory=-1",
        "--memory=99999999999999999999",
        "--memory=99999999999G",
        "--log=loud",
        "--congestion=",
        "--congestion=vegas",
        "--ecn=",
        "--ecn=maybe",
        "--congestion",
        "--log",
        "--capture=",
        "--net:service",
        "--net:=tap0",
        "--net:service=",
        "--help=x",
        "--address-probe=yes",
        "--dhcp=yes",
    };
    (void)state;
    struct line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i]);
        if (line.result != MNET_E_INVALID)
            fail_msg("%s was accepted", cases[i]);
        assert_memory_equal(line.error, cases[i], strlen(cases[i]) < 60 ? strlen(cases[i]) : 60);
        assert_null(strchr(line.error, '\n'));
        assert_non_null(strstr(line.error, "expected"));
    }
}

static void gateways_must_be_on_the_link(void **state)
{
    static const char *const cases[] = {
        "--ipv4-gateway=10.0.0.1",
        "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.1.1",
        "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.2",
        "--ipv4=10.0.0.2/24 --route=10.1.0.0/16,10.2.0.1",
    };
    (void)state;
    struct line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i]);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_non_null(strstr(line.error, "the gateway 10."));
    }
    parse(&line, "--ipv4-gateway=10.0.0.1 --ipv4=10.0.0.2/24"); /* in any order */
    assert_int_equal(line.result, 0);
}

/* Either we say what the address is, or a server does. */
static void dhcp_allows_no_address_and_no_routes(void **state)
{
    static const char *const cases[] = {
        "--dhcp --ipv4=10.0.0.2/24",
        "--ipv4=10.0.0.2/24 --dhcp",
        "--dhcp --ipv4-gateway=10.0.0.1",
        "--dhcp --route=10.1.0.0/16,10.0.0.1",
    };
    (void)state;
    struct line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i]);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_true(line.error[0] != '\0' && strchr(line.error, '\n') == NULL);
    }
    parse(&line, "--dhcp --ipv4=10.0.0.2/24");
    assert_non_null(strstr(line.error, "--dhcp"));
}

static void too_many_are_refused(void **state)
{
    (void)state;
    struct line line;
    char text[1000] = "";
    for (int i = 0; i < 9; i++)
        strcat(text, "--net:service=tap0 ");
    parse(&line, text);
    assert_int_equal(line.result, MNET_E_INVALID);
    strcpy(text, "--ipv4=10.0.0.2/24 ");
    for (int i = 0; i < 17; i++)
        strcat(text, "--route=10.1.0.0/16,10.0.0.1 ");
    parse(&line, text);
    assert_int_equal(line.result, MNET_E_INVALID);
}

static void no_arguments_at_all_is_nothing(void **state)
{
    (void)state;
    struct mn_options options;
    char *argv[] = {NULL}, error[MN_OPTIONS_ERROR];
    int argc = 0;
    assert_int_equal(mn_options_parse(&options, &argc, argv, error, sizeof error), 0);
    assert_int_equal(argc, 0);
}

static void help_names_every_option(void **state)
{
    static const char *const names[] = {"--ipv4=",        "--ipv4-gateway=",
                                        "--route=",       "--memory=",
                                        "--log=",         "--congestion=",
                                        "--ecn=",         "--capture=",
                                        "--net:",         "--address-probe",
                                        "--dhcp",         "--no-checksum-offload",
                                        "--help",         "--no-segmentation-offload",
                                        "--no-coalescing"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(strstr(mn_options_help, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaves_everything_zero),
        cmocka_unit_test(addresses_are_set),
        cmocka_unit_test(switches_are_set),
        cmocka_unit_test(memory_has_units),
        cmocka_unit_test(log_has_levels),
        cmocka_unit_test(congestion_control_is_named),
        cmocka_unit_test(nets_are_named),
        cmocka_unit_test(others_are_left_to_the_application),
        cmocka_unit_test(double_dash_ends_the_options),
        cmocka_unit_test(wrong_values_give_one_line),
        cmocka_unit_test(gateways_must_be_on_the_link),
        cmocka_unit_test(dhcp_allows_no_address_and_no_routes),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(no_arguments_at_all_is_nothing),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
