/* The standard command-line options: their effects, arguments that they leave to the application,
 * and the one line for a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "stack/options.h"

#define ARGUMENTS_MAX 32

struct command_line {
    int argc;
    char *argv[ARGUMENTS_MAX];
    char text[1024];
    char error[MN_OPTIONS_ERROR];
    struct mn_options options;
    int result;
};

/* Used by most tests: a program that does not describe itself, on a port without options. */
static const struct mn_options_known nothing;

/* Parses "program " followed by `arguments`, split at blanks. `known` are the other options of the
 * command line. */
static void parse_known(struct command_line *line, const struct mn_options_known *known, const char *arguments)
{
    memset(line, 0, sizeof *line);
    strcpy(line->text, "program ");
    strcat(line->text, arguments);
    for (char *word = strtok(line->text, " "); word != NULL; word = strtok(NULL, " "))
        line->argv[line->argc++] = word;
    line->result = mn_options_parse(&line->options, known, &line->argc, line->argv, line->error, sizeof line->error);
}

static void parse(struct command_line *line, const char *arguments)
{
    parse_known(line, &nothing, arguments);
}

static void nothing_leaves_everything_zero(void **state)
{
    (void)state;
    struct command_line line;
    struct mn_options none = {0};
    parse(&line, "");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.argc, 1);
    assert_memory_equal(&line.options, &none, sizeof none);
}

static void addresses_are_set(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line,
          "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --route=192.168.0.0/16,10.0.0.9 --route=0.0.0.0/0,10.0.0.8");
    assert_int_equal(line.result, 0);
    const struct mnet_config *config = &line.options.config;
    assert_true(mnet_address_equal(config->ip.ipv4.address, mnet_ipv4(10, 0, 0, 2)));
    assert_int_equal(config->ip.ipv4.length, 24);
    assert_true(mnet_address_equal(config->ip.ipv4_gateway, mnet_ipv4(10, 0, 0, 1)));
    assert_int_equal(config->ip.route_count, 2);
    assert_true(mnet_address_equal(config->ip.routes[0].destination.address, mnet_ipv4(192, 168, 0, 0)));
    assert_int_equal(config->ip.routes[0].destination.length, 16);
    assert_true(mnet_address_equal(config->ip.routes[0].gateway, mnet_ipv4(10, 0, 0, 9)));
    assert_int_equal(config->ip.routes[1].destination.length, 0);
}

static void resolvers_are_set(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line, "--dns=10.0.0.1 --search=lab.example --dns=fe80::1 --search=example --host=10.0.0.5,db.example"
                 " --host=2001:db8::5,db --ntp=ntp.example");
    assert_int_equal(line.result, 0);
    const struct mnet_ip_config *ip = &line.options.config.ip;
    assert_int_equal(ip->dns_count, 2);
    assert_true(mnet_address_equal(ip->dns[0], mnet_ipv4(10, 0, 0, 1)));
    assert_int_equal(ip->host_count, 2);
    assert_string_equal(ip->hosts[1].name, "db");
    assert_int_equal(ip->ntp_count, 1);
    assert_int_equal(ip->search_count, 2);
    assert_string_equal(ip->search[0], "lab.example");
    assert_string_equal(ip->search[1], "example");
    parse(&line, "--dns=10.0.0.1 --dns=10.0.0.2 --dns=10.0.0.3 --dns=10.0.0.4 --dns=10.0.0.5");
    assert_true(line.result < 0);
}

static void switches_are_set(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line, "--address-probe --dhcp --no-checksum-offload --no-segmentation-offload --no-coalescing --help");
    assert_int_equal(line.result, 0);
    assert_true(line.options.config.ip.address_probe);
    assert_true(line.options.config.ip.dhcp);
    assert_true(line.options.config.no_checksum_offload);
    assert_true(line.options.config.no_segmentation_offload);
    assert_true(line.options.config.no_coalescing);
    assert_true(line.options.help);
    assert_int_equal(line.argc, 1);
    assert_false(line.options.config.tcp.no_timestamps || line.options.config.tcp.no_sack ||
                 line.options.config.tcp.no_window_scale);
    assert_false(line.options.config.ip.no_ipv6);
    parse(&line, "--no-ipv6");
    assert_true(line.options.config.ip.no_ipv6);
    parse(&line, "--no-tcp-timestamps");
    assert_true(line.options.config.tcp.no_timestamps);
    parse(&line, "--no-tcp-syn-cookies");
    assert_true(line.options.config.tcp.no_syn_cookies);
    parse(&line, "--no-tcp-plpmtud");
    assert_true(line.options.config.tcp.no_plpmtud);
    parse(&line, "--no-tcp-sack");
    assert_true(line.options.config.tcp.no_sack);
    parse(&line, "--no-tcp-window-scale");
    assert_true(line.options.config.tcp.no_window_scale);
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
    struct command_line line;
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
    struct command_line line;
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
    struct command_line line;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i].text);
        assert_int_equal(line.result, 0);
        assert_int_equal(line.options.config.tcp.congestion, cases[i].which);
    }
    static const char *const modes[] = {"--ecn=off", "--ecn=passive", "--ecn=on"};
    for (int i = 0; i < 3; i++) {
        parse(&line, modes[i]);
        assert_int_equal(line.result, 0);
        assert_int_equal(line.options.config.tcp.ecn, MNET_ECN_OFF + i);
    }
}

static void nets_are_named(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line, "--net:service=tap0 --net:back=tap=1 --capture=out.pcapng");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.options.net_count, 2);
    assert_int_equal(line.options.nets[0].name_len, 7);
    assert_memory_equal(line.options.nets[0].name, "service", 7);
    assert_string_equal(line.options.nets[0].host, "tap0");
    assert_string_equal(line.options.nets[1].host, "tap=1");
    assert_string_equal(line.options.capture, "out.pcapng");
}

static const struct mnet_program_option own_options[] = {
    {"-v", NULL, "say more"},
    {"--root=", "FOLDER", "where the files are"},
    {0},
};
static const struct mnet_program with_words = {.arguments = "FILE...", .options = own_options};
static const struct mnet_program without_words = {.summary = "It does nothing."};
static const struct mnet_program_option port_options[] = {{"--console-time", NULL, "lines have times"}, {0}};

static void words_and_own_options_are_left_to_the_application(void **state)
{
    (void)state;
    static const struct mn_options_known known = {&with_words, NULL};
    struct command_line line;
    parse_known(&line, &known, "one -v --ipv4=10.0.0.2/24 --root=x - two");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.argc, 6);
    assert_string_equal(line.argv[1], "one");
    assert_string_equal(line.argv[2], "-v");
    assert_string_equal(line.argv[3], "--root=x");
    assert_string_equal(line.argv[4], "-");
    assert_string_equal(line.argv[5], "two");
    assert_null(line.argv[6]);
    parse(&line, "one --no-coalescing two"); /* it does not declare that it takes no words */
    assert_int_equal(line.result, 0);
    assert_int_equal(line.argc, 3);
}

static void own_option_replaces_a_standard_one_of_its_name(void **state)
{
    (void)state;
    static const struct mnet_program_option options[] = {{"-h", NULL, "in hexadecimal"}, {0}};
    static const struct mnet_program program = {.options = options};
    static const struct mn_options_known known = {&program, NULL};
    struct command_line line;
    parse_known(&line, &known, "-h");
    assert_int_equal(line.result, 0);
    assert_false(line.options.help);
    assert_int_equal(line.argc, 2);
}

/* The whole text after "argument: ". */
static void unknown_options_are_named_with_the_nearest_one(void **state)
{
    static const struct {
        const char *argument, *text;
    } cases[] = {
        {"--ipv4-gatway=10.0.0.1", "unknown option; did you mean --ipv4-gateway=ADDRESS?"},
        {"--gateway=10.0.0.1", "unknown option; did you mean --ipv4-gateway=ADDRESS?"},
        {"--ipv7=10.0.0.2/24", "unknown option; did you mean --ipv4=ADDRESS/LENGTH?"},
        {"-ipv4=10.0.0.2/24", "unknown option; did you mean --ipv4=ADDRESS/LENGTH?"},
        {"--dchp", "unknown option; did you mean --dhcp?"},
        {"--DHCP", "unknown option; --help lists all"},
        {"--memroy", "unknown option; did you mean --memory=SIZE?"},
        {"--network", "unknown option; --help lists all"},
        {"--logfile=x", "unknown option; --help lists all"},
        {"--net=tap0", "unknown option; did you mean --net:NAME=DEVICE?"},
        {"--no-tcp-sacks", "unknown option; did you mean --no-tcp-sack?"},
        {"--rot=x", "unknown option; did you mean --root=FOLDER?"},
        {"--console-tine", "unknown option; did you mean --console-time?"},
        {"-x", "unknown option; --help lists all"},
        {"--", NULL},
        {"---", "unknown option; --help lists all"},
        {"--=", "unknown option; --help lists all"},
        {"--versoin", "unknown option; did you mean --version?"},
        {"-?", "unknown option; --help lists all"},
        {"--a-name-that-is-longer-than-any-option-that-there-is-and-ever-will-be", NULL},
    };
    (void)state;
    static const struct mn_options_known known = {&with_words, port_options};
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse_known(&line, &known, cases[i].argument);
        if (cases[i].text == NULL)
            continue;
        char expected[MN_OPTIONS_ERROR];
        snprintf(expected, sizeof expected, "%s: %s", cases[i].argument, cases[i].text);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_string_equal(line.error, expected);
    }
}

static void words_are_refused_where_the_program_takes_none(void **state)
{
    (void)state;
    static const struct mn_options_known known = {&without_words, NULL};
    struct command_line line;
    parse_known(&line, &known, "nonsense");
    assert_int_equal(line.result, MNET_E_INVALID);
    assert_string_equal(line.error, "nonsense: unknown argument; --help lists all");
    parse_known(&line, &known, "ipv4=10.0.0.2/24");
    assert_string_equal(line.error, "ipv4=10.0.0.2/24: unknown argument; did you mean --ipv4=ADDRESS/LENGTH?");
    parse_known(&line, &known, "-");
    assert_int_equal(line.result, MNET_E_INVALID);
}

static void options_given_twice_are_refused(void **state)
{
    static const struct {
        const char *arguments, *text;
    } cases[] = {
        {"--ipv4=10.0.0.2/24 --ipv4=10.0.0.3/24", "--ipv4=10.0.0.3/24: --ipv4 is given twice"},
        {"--memory=1M --log=info --memory=2M", "--memory=2M: --memory is given twice"},
        {"--dhcp --dhcp", "--dhcp: --dhcp is given twice"},
        {"--net:a=tap0 --net:b=tap1 --net:a=tap2",
         "--net:a=tap2: expected NAME=DEVICE, once for a NAME, at most 8 times"},
    };
    (void)state;
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i].arguments);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_string_equal(line.error, cases[i].text);
    }
}

static void values_missing_or_too_many_are_told_from_wrong_ones(void **state)
{
    static const struct {
        const char *argument, *text;
    } cases[] = {
        {"--dhcp=1", "--dhcp=1: expected no value"},
        {"--log", "--log: expected --log=LEVEL, error, warning, info or debug"},
        {"--log=", "--log=: expected --log=LEVEL, error, warning, info or debug"},
        {"--log=loud", "--log=loud: expected error, warning, info or debug"},
        {"--root", "--root: expected --root=FOLDER"},
        {"-v=2", "-v=2: expected no value"},
        {"--console-time=1", "--console-time=1: expected no value"},
    };
    (void)state;
    static const struct mn_options_known known = {&with_words, port_options};
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse_known(&line, &known, cases[i].argument);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_string_equal(line.error, cases[i].text);
    }
}

static void help_and_version_end_the_options(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line, "--dhcp -h --ipv4=10.0.0.2/24 --nonsense");
    assert_int_equal(line.result, 0);
    assert_true(line.options.help);
    parse(&line, "--version --nonsense");
    assert_int_equal(line.result, 0);
    assert_true(line.options.version);
}

static void double_dash_ends_the_options(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line, "--no-coalescing -- --address-probe --help");
    assert_int_equal(line.result, 0);
    assert_true(line.options.config.no_coalescing);
    assert_false(line.options.config.ip.address_probe);
    assert_false(line.options.help);
    assert_int_equal(line.argc, 4);
    assert_string_equal(line.argv[1], "--");
    assert_null(line.argv[4]);
}

static const char *const wrong_values[] = {
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
    "--ipv4=0.0.0.1/8",
    "--ipv4=127.0.0.1/8",
    "--ipv4=224.0.0.1/24",
    "--ipv4=240.0.0.1/24",
    "--ipv4=255.255.255.255/32",
    "--ipv4=fd00::2/64",
    "--ipv6=",
    "--ipv6=fd00::2",
    "--ipv6=fd00::2/0",
    "--ipv6=fd00::2/129",
    "--ipv6=::/64",
    "--ipv6=2001:db8::/64",
    "--ipv6=2001:db8::/126",
    "--ipv6=fe80::/64",
    "--ipv6=::1/128",
    "--ipv6=ff02::1/64",
    "--ipv6=10.0.0.2/24",
    "--ipv6=::ffff:10.0.0.2/64",
    "--ipv6-gateway=10.0.0.1",
    "--ipv6-gateway=::",
    "--ipv6-gateway=ff02::2",
    "--ipv6-gateway=fe80::1%service",
    "--ipv4-gateway=10.0.0",
    "--ipv4-gateway=0.0.0.0",
    "--dns=",
    "--dns=host",
    "--dns=0.0.0.0",
    "--dns=ff02::fb",
    "--dns=fe80::1%3",
    "--search=",
    "--host=10.0.0.1",
    "--host=10.0.0.1,",
    "--host=db.example,10.0.0.1",
    "--host=224.0.0.1,db",
    "--ntp=",
    "--ntp=a..b",
    "--ntp=ff02::101",
    "--search=a..b",
    "--route=10.1.0.0",
    "--route=",
    "--route=10.1.0.0,10.0.0.1",
    "--route=10.1.0.0/16,",
    "--route=,10.0.0.1",
    "--route=10.1.0.0/16,fd00::1",
    "--route=fd01::/16,10.0.0.1",
    "--route=::/0",
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
    "--status=",
    "--capture=",
    "--net:service",
    "--net:=tap0",
    "--net:service=",
    "--help=x",
    "--address-probe=yes",
    "--dhcp=yes",
};

static void wrong_values_give_one_line(void **state)
{
    (void)state;
    struct command_line line;
    for (size_t i = 0; i < sizeof wrong_values / sizeof wrong_values[0]; i++) {
        const char *wrong = wrong_values[i];
        parse(&line, wrong);
        if (line.result != MNET_E_INVALID)
            fail_msg("%s was accepted", wrong);
        assert_memory_equal(line.error, wrong, strlen(wrong) < 60 ? strlen(wrong) : 60);
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
        "--ipv4=10.0.0.2/24 --route=10.3.0.0/16 --route=10.1.0.0/16,10.2.0.1",
        "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.255",
        "--ipv4=10.0.0.2/32 --ipv4-gateway=10.0.0.2",
    };
    (void)state;
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i]);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_non_null(strstr(line.error, "the gateway 10."));
    }
    static const char *const good[] = {
        "--ipv4-gateway=10.0.0.1 --ipv4=10.0.0.2/24", /* in any order */
        "--ipv4=10.0.0.2/32 --ipv4-gateway=10.0.0.1", /* alone in its network */
        "--ipv4=10.0.0.2/32 --route=10.1.0.0/16,172.16.0.1",
        "--ipv4=10.0.0.2/31 --ipv4-gateway=10.0.0.3", /* RFC 3021 */
        "--ipv4=10.0.0.2/24 --route=172.16.0.0/16 --ipv4-gateway=172.16.1.0",
        "--ipv4=10.0.0.2/32 --route=0.0.0.0/0",
        "--ipv6=fd00::2/64 --ipv6-gateway=fd00::1",
        "--ipv6=fd00::2/64 --ipv6-gateway=fe80::1",
        "--ipv6=auto",
        "--ipv6=auto --ipv6-gateway=fe80::1 --route=fd01::/16,fe80::1",
        "--ipv4=10.0.0.2/24 --ipv6=auto",
        "--ipv6-gateway=fe80::1", /* auto is the default */
        "--ipv4=10.0.0.2/24 --ipv6-gateway=fe80::1",
        "--route=fd01::/16,fe80::1",
        "--ipv6=fd00::2/128 --ipv6-gateway=fe80::1 --route=fd01::/16,fe80::2",
        "--ipv6=fd00::2/64 --route=fd01::/16 --ipv6-gateway=fd01::1",
        "--ipv6=fd00::/127 --ipv6-gateway=fd00::1", /* RFC 6164 */
        "--ipv6=fd00::/128",
        "--dhcp --ipv6=fd00::2/64 --route=fd01::/16,fd00::1",
        "--ipv4=10.0.0.2/24 --ipv6=fd00::2/64 --route=10.1.0.0/16,10.0.0.1 --route=fd01::/16,fd00::1",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        parse(&line, good[i]);
        assert_int_equal(line.result, 0);
    }
}

static void route_without_gateway_is_on_the_link(void **state)
{
    (void)state;
    struct command_line line;
    parse(&line, "--ipv4=10.0.0.2/24 --route=10.1.0.0/16");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.options.config.ip.route_count, 1);
    assert_int_equal(line.options.config.ip.routes[0].destination.length, 16);
    assert_true(mnet_address_is_any(line.options.config.ip.routes[0].gateway));
    parse(&line, "--route=10.1.0.0/16");
    assert_int_equal(line.result, MNET_E_INVALID);
    assert_string_equal(line.error, "--route: needs --ipv4=ADDRESS/LENGTH");
    parse(&line, "--ipv4=10.0.0.2/24 --route=fd01::/16");
    assert_int_equal(line.result, 0);
}

static void ipv6_gateways_must_be_on_the_link(void **state)
{
    static const char *const cases[] = {
        "--ipv6-gateway=fd00::1",
        "--ipv4=10.0.0.2/24 --ipv6-gateway=fd00::1",
        "--ipv6=fd00::2/64 --ipv6-gateway=fd01::1",
        "--ipv6=fd00::2/64 --ipv6-gateway=fd00::2",
        "--ipv6=fd00::2/128 --ipv6-gateway=fd00::1",
        "--ipv6=fd00::2/64 --route=fd01::/16,fd02::1",
        "--ipv6=auto --ipv6-gateway=fd00::1",
    };
    (void)state;
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i]);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_non_null(strstr(line.error, "the gateway f"));
        assert_non_null(strstr(line.error, "--ipv6"));
    }
    parse(&line, "--ipv6=auto --ipv6-gateway=fd00::1");
    assert_string_equal(line.error, "--ipv6-gateway: the gateway fd00::1 is neither link-local nor on the link by "
                                    "--ipv6=ADDRESS/LENGTH or a --route");
}

/* Either the command line gives an address, or a server does. */
static void dhcp_allows_no_address_and_no_routes(void **state)
{
    static const char *const cases[] = {
        "--dhcp --ipv4=10.0.0.2/24",
        "--ipv4=10.0.0.2/24 --dhcp",
        "--dhcp --ipv4-gateway=10.0.0.1",
        "--dhcp --route=10.1.0.0/16,10.0.0.1",
    };
    (void)state;
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parse(&line, cases[i]);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_true(line.error[0] != '\0' && strchr(line.error, '\n') == NULL);
    }
    parse(&line, "--dhcp --ipv4=10.0.0.2/24");
    assert_string_equal(line.error, "--dhcp and --ipv4: expected only one of them");
    parse(&line, "--dhcp --ipv4-gateway=10.0.0.1");
    assert_string_equal(line.error, "--dhcp and --ipv4-gateway: expected only one of them");
}

static void no_ipv6_allows_nothing_of_it(void **state)
{
    static const struct {
        const char *arguments, *other;
    } cases[] = {
        {"--no-ipv6 --ipv6=fd00::2/64", "--ipv6"},
        {"--ipv4=10.0.0.2/24 --ipv6=auto --no-ipv6", "--ipv6"},
        {"--dhcp --no-ipv6 --ipv6-gateway=fe80::1", "--ipv6-gateway"},
        {"--ipv4=10.0.0.2/24 --no-ipv6 --route=10.1.0.0/16 --route=fd01::/16", "--route of IPv6"},
    };
    (void)state;
    struct command_line line;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[MN_OPTIONS_ERROR];
        parse(&line, cases[i].arguments);
        snprintf(expected, sizeof expected, "--no-ipv6 and %s: expected only one of them", cases[i].other);
        assert_int_equal(line.result, MNET_E_INVALID);
        assert_string_equal(line.error, expected);
    }
    parse(&line, "--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.1 --route=10.1.0.0/16,10.0.0.1 --no-ipv6");
    assert_int_equal(line.result, 0);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    struct command_line line;
    char text[1000] = "";
    for (int i = 0; i < 9; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "--net:n%d=tap0 ", i);
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
    assert_int_equal(mn_options_parse(&options, &nothing, &argc, argv, error, sizeof error), 0);
    assert_int_equal(argc, 0);
}

static void append_line(void *context, const char *text)
{
    assert_true(strlen(text) < 130);
    strcat(context, text);
}

/* The table is the help: every listed row is shown, and is readable. */
static void help_names_every_option(void **state)
{
    (void)state;
    static const struct mn_options_known known = {&with_words, port_options};
    static char text[8192];
    text[0] = '\0';
    mn_options_help(&known, append_line, text);
    for (size_t i = 0; i < mn_options_count; i++) {
        const struct mn_option *option = &mn_options_table[i];
        if (option->help == NULL)
            continue;
        char name[80];
        snprintf(name, sizeof name, "\n  %s%s ", option->name, option->value != NULL ? option->value : "");
        if (strstr(text, name) == NULL || strstr(text, option->help) == NULL)
            fail_msg("%s is not in the help", option->name);
        assert_int_equal(option->value != NULL, strchr("=:", option->name[strlen(option->name) - 1]) != NULL);
        assert_int_equal(option->value != NULL, option->expects != NULL);
    }
    assert_non_null(strstr(text, "\n  --root=FOLDER                where the files are\n"));
    assert_non_null(strstr(text, "\n  --console-time               lines have times\n"));
}

static void usage_is_one_line(void **state)
{
    (void)state;
    char text[100];
    mn_options_usage(&with_words, "test", text, sizeof text);
    assert_string_equal(text, "usage: test [OPTIONS] FILE...\n");
    mn_options_usage(&without_words, "test", text, sizeof text);
    assert_string_equal(text, "usage: test [OPTIONS]\n");
    mn_options_usage(NULL, "test", text, sizeof text);
    assert_string_equal(text, "usage: test [OPTIONS] [ARGUMENT...]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaves_everything_zero),
        cmocka_unit_test(addresses_are_set),
        cmocka_unit_test(resolvers_are_set),
        cmocka_unit_test(switches_are_set),
        cmocka_unit_test(memory_has_units),
        cmocka_unit_test(log_has_levels),
        cmocka_unit_test(congestion_control_is_named),
        cmocka_unit_test(nets_are_named),
        cmocka_unit_test(words_and_own_options_are_left_to_the_application),
        cmocka_unit_test(own_option_replaces_a_standard_one_of_its_name),
        cmocka_unit_test(unknown_options_are_named_with_the_nearest_one),
        cmocka_unit_test(words_are_refused_where_the_program_takes_none),
        cmocka_unit_test(options_given_twice_are_refused),
        cmocka_unit_test(values_missing_or_too_many_are_told_from_wrong_ones),
        cmocka_unit_test(help_and_version_end_the_options),
        cmocka_unit_test(double_dash_ends_the_options),
        cmocka_unit_test(wrong_values_give_one_line),
        cmocka_unit_test(gateways_must_be_on_the_link),
        cmocka_unit_test(ipv6_gateways_must_be_on_the_link),
        cmocka_unit_test(route_without_gateway_is_on_the_link),
        cmocka_unit_test(dhcp_allows_no_address_and_no_routes),
        cmocka_unit_test(no_ipv6_allows_nothing_of_it),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(no_arguments_at_all_is_nothing),
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(usage_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
