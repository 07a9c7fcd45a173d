#!/bin/sh
# The checks of `make check` find their faults: each is run on a small tree with and without the
# fault.
set -u
cd "$(dirname "$0")/../.." || exit 1

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fresh()
{
    rm -rf "$tree"
    mkdir -p "$tree/src/tcp" "$tree/src/task" "$tree/include/mnet" "$tree/ports" "$tree/examples" "$tree/scripts"
    cp scripts/c-files scripts/call-graph scripts/check-* scripts/coverage scripts/families.py "$tree/scripts/"
    printf '%s\n' '/* A header. */' '/* A function. */' 'int mnet_one(void);' >"$tree/include/mnet/tcp.h"
    printf '%s\n' '#include <mnet/tcp.h>' '#include <string.h>' '#include "wire/tcp.h"' 'int mnet_one(void)' '{' '    return 1;' '}' \
        >"$tree/src/tcp/one.c"
    printf '%s\n' "files('tcp/one.c')" >"$tree/src/meson.build"
}

# Builds the objects of the small tree as Meson names them.
objects()
{
    mkdir -p "$tree/build/src/libmnet.a.p"
    (cd "$tree" && printf '%s\n' "$2" >"src/$1.c" &&
        gcc -O1 -fno-builtin -c "src/$1.c" -o "build/src/libmnet.a.p/$(echo "$1" | tr / _).c.o")
}

passes()
{
    name=$1
    shift
    if output=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name: $(echo "$output" | head -n 1)"
    fi
}

# fails NAME TEXT COMMAND... - it must fail, and say TEXT.
fails()
{
    name=$1
    text=$2
    shift 2
    if output=$("$@" 2>&1); then
        echo "not ok $name: nothing was found"
    elif echo "$output" | grep -q "$text"; then
        echo "ok $name"
    else
        echo "not ok $name: said: $(echo "$output" | head -n 1)"
    fi
}

fresh
passes layers_allowed_includes_pass "$tree/scripts/check-layers"
echo '#include "ip/ip.h"' >>"$tree/src/tcp/one.c"
fails layers_tcp_including_ip_fails 'src/tcp/one.c:8: src/tcp must not know "ip/ip.h"' "$tree/scripts/check-layers"
fresh
mkdir "$tree/src/tcp/queue"
echo '#include "tcp/tcb.h"' >"$tree/src/tcp/queue/two.c"
fails layers_queue_including_connection_fails 'src/tcp/queue must not know "tcp/tcb.h"' "$tree/scripts/check-layers"
fresh
echo '#include <stdlib.h>' >>"$tree/src/tcp/one.c"
fails layers_libc_header_fails 'operating system or a C library' "$tree/scripts/check-layers"
fresh
echo '#include <mnet/tcp.h>' >"$tree/src/task/two.c"
fails layers_task_including_network_fails 'src/task must not know <mnet/tcp.h>' "$tree/scripts/check-layers"
fresh
echo '#include "tcp/tcp.h"' >"$tree/examples/two.c"
fails layers_example_including_internals_fails 'examples must not know' "$tree/scripts/check-layers"

fresh
passes sources_listed_file_passes "$tree/scripts/check-sources"
: >"$tree/src/tcp/two.c"
fails sources_forgotten_file_fails 'src/tcp/two.c' "$tree/scripts/check-sources"
fresh
printf '%s\n' 'files(' "  'tcp/one.c'," "  'tcp/one.c'," ')' >"$tree/src/meson.build"
fails sources_file_named_twice_fails 'src/meson.build:3: tcp/one.c stands twice' "$tree/scripts/check-sources"
fresh
printf '%s\n' 'struct mn_twice {' '    int i;' '};' | tee -a "$tree/src/tcp/one.c" >"$tree/include/mnet/twice.h"
fails sources_tag_of_two_structures_fails 'the tag mn_twice is also in src/tcp/one.c' "$tree/scripts/check-sources"
printf '%s\n' 'enum mn_twice {' '    MN_ONE,' '};' >"$tree/include/mnet/twice.h"
fails sources_tag_of_a_structure_and_an_enumeration_fails 'the tag mn_twice is also in src/tcp/one.c' "$tree/scripts/check-sources"

fresh
passes docs_described_function_passes "$tree/scripts/check-docs"
printf '%s\n' '' 'int mnet_two(void);' >>"$tree/include/mnet/tcp.h"
fails docs_bare_function_fails 'mnet_two is not described' "$tree/scripts/check-docs"
fresh
mkdir -p "$tree/docs"
echo 'See src/tcp/two.h.' >"$tree/docs/page.md"
fails docs_file_that_is_not_there_fails 'docs/page.md:1: no such file: src/tcp/two.h' "$tree/scripts/check-docs"

fresh
passes lengths_short_function_passes "$tree/scripts/check-lengths"
{
    echo 'int mn_long(int i)' && echo '{'
    yes '    i++;' | head -n 70
    echo '    return i;' && echo '}'
} >>"$tree/src/tcp/one.c"
fails lengths_long_function_fails 'mn_long has 74 lines' "$tree/scripts/check-lengths"
fresh
yes '' | head -n 801 >"$tree/src/tcp/two.c"
fails lengths_long_file_fails 'src/tcp/two.c: 801 lines' "$tree/scripts/check-lengths"

fresh
words=$(yes 'seven' | head -n 13 | tr '\n' ' ')
printf '%s\n' "int mnet_two(int a_parameter, $(echo "$words" | tr ' ' _));" "/* ${words}to the end. */" >>"$tree/include/mnet/tcp.h"
printf '%s\n' "$words" "| a table $words $words |" '' "    code $words $words" >"$tree/README.md"
passes width_short_comments_and_prose_pass "$tree/scripts/check-width"
echo "int mnet_three(void); /* ${words}$words */" >>"$tree/include/mnet/tcp.h"
fails width_long_comment_fails 'include/mnet/tcp.h:6: comment or prose of' "$tree/scripts/check-width"
fresh
printf '%s\n' 'A page.' '' "- $words $words" >"$tree/README.md"
fails width_long_prose_fails 'README.md:3: comment or prose of' "$tree/scripts/check-width"

fresh
objects tcp/two '#include <string.h>
int mn_two(const char *s); int mn_two(const char *s) { return (int)strlen(s); } const int mn_three = 3;'
passes symbols_memory_and_strings_pass "$tree/scripts/check-symbols" "$tree/build"
objects tcp/two 'void *malloc(unsigned long); void *mn_two(void); void *mn_two(void) { return malloc(1); }'
fails symbols_malloc_fails 'needs malloc' "$tree/scripts/check-symbols" "$tree/build"
objects tcp/two 'int mn_two(void); int mn_two(void) { static int count; return ++count; }'
fails symbols_static_data_fails 'static data that changes: count' "$tree/scripts/check-symbols" "$tree/build"
objects tcp/two 'int two(void); int two(void) { return 2; }'
fails symbols_global_without_prefix_fails 'has no prefix' "$tree/scripts/check-symbols" "$tree/build"
fresh
objects task/two 'int mn_two(void); int mn_two(void) { static int count; return ++count; }'
passes symbols_static_data_of_task_passes "$tree/scripts/check-symbols" "$tree/build"

# A finished table of one requirement, which a test shows and a page lists. ID-2.1-2 is in a table
# that is not finished.
requirements()
{
    fresh
    git init --quiet "$tree"
    mkdir -p "$tree/docs/requirements" "$tree/tests/unit"
    printf '%s\n' '# name: one' '# title: One' '# finished: yes' 'id\tlevel\tsection\trequirement\tverdict' \
        'MUST-1\tMUST\t1\tThe first' | sed 's/\\t/\t/g' >"$tree/docs/requirements/one.tsv"
    printf '%s\n' '# name: two' '# title: Two' '# finished: no' 'id\tlevel\trfc\tsection\trequirement\ttrial\tverdict' \
        'ID-2.1-1\tRULE\t7\t2.1\tThe first\tA trial\tn/a: no such thing' 'ID-2.1-2\tMUST NOT\t7\t2.1\tThe second\tA trial\t' \
        'ID-2.1-3\tMUST\t7\t2.1\tThe third\tA trial\t' | sed 's/\\t/\t/g' >"$tree/docs/requirements/two.tsv"
    printf '%s\n' '/* MUST-1 */' 'static void first_is_met(void **state)' '{' '}' >"$tree/tests/unit/test_one.c"
    "$tree/scripts/coverage" --write >"$tree/written"
}

# says NAME TEXT COMMAND... - it must pass, and say TEXT.
says()
{
    name=$1
    text=$2
    shift 2
    if ! output=$("$@" 2>&1); then
        echo "not ok $name: failed: $(echo "$output" | head -n 1)"
    elif echo "$output" | grep -q "$text"; then
        echo "ok $name"
    else
        echo "not ok $name: said: $(echo "$output" | head -n 1)"
    fi
}

requirements
says coverage_tested_requirement_passes '^MUST 1/1$' "$tree/scripts/coverage" one
says coverage_page_names_the_test '| MUST-1 | MUST | 1 | The first | met | - | `first_is_met` |' cat "$tree/docs/one.md"
says coverage_unfinished_table_counts_open_rows '^MUST 0/2 RULE 1/1; of 3 rows 1 do not apply, 2 are open$' "$tree/scripts/coverage" two
says coverage_unfinished_page_says_not_there_yet '| ID-2.1-2 | MUST NOT | RFC 7 2.1 | The second | not there yet | - | - |' cat "$tree/docs/two.md"
printf '%s\n' '/* ID-2.1-2 to' ' * ID-2.1-3 */' 'static void both_are_met(void **state)' '{' '}' >>"$tree/tests/unit/test_one.c"
says coverage_unfinished_page_may_be_stale 'MUST 2/2 .* 0 are open; docs/two.md is stale' "$tree/scripts/coverage" two
sed -i 's/^# finished: no/# finished: yes/' "$tree/docs/requirements/two.tsv"
fails coverage_finished_page_must_not_be_stale 'docs/two.md is stale' "$tree/scripts/coverage" two
"$tree/scripts/coverage" --write >"$tree/written"
passes coverage_written_page_passes "$tree/scripts/coverage"
requirements
: >"$tree/tests/unit/test_one.c"
fails coverage_requirement_without_test_fails 'MUST-1 (1): no test: The first' "$tree/scripts/coverage" one
requirements
echo '/* MUST-2 */' >>"$tree/src/tcp/one.c"
fails coverage_unknown_id_in_code_fails 'MUST-2: no such requirement' "$tree/scripts/coverage" one
requirements
sed -i 's|^/. MUST-1 ./|/* MUST-1, ID-2.1-9 */|' "$tree/tests/unit/test_one.c"
fails coverage_unknown_id_in_a_test_fails 'ID-2.1-9: no such requirement' "$tree/scripts/coverage" two
requirements
printf 'MUST-1\tMUST\t7\t1\tThe first\t\t\n' >>"$tree/docs/requirements/two.tsv"
fails coverage_id_in_two_tables_fails 'MUST-1 stands twice: one.tsv has it' "$tree/scripts/coverage" two
requirements
sed -i 's/n.a: no such thing/never mind/' "$tree/docs/requirements/two.tsv"
fails coverage_verdict_of_another_form_fails 'ID-2.1-1: no such verdict: never mind' "$tree/scripts/coverage" two
requirements
sed -i 's|^/. MUST-1 ./|/* MUST-1, ID-2.1-1 */|' "$tree/tests/unit/test_one.c"
fails coverage_test_of_what_does_not_apply_fails 'ID-2.1-1: does not apply, but has a test: first_is_met' "$tree/scripts/coverage" two
requirements
sed -i '/^# finished/d' "$tree/docs/requirements/two.tsv"
fails coverage_table_must_say_whether_it_is_finished 'finished, yes or no' "$tree/scripts/coverage" two
fails coverage_unknown_table_fails 'no such table: three' "$tree/scripts/coverage" three

# The runner of tests: `meson introspect` is replaced by a script that names one program, given as
# shell code. $cross are build folders for other processors.
cross=
runs()
{
    mkdir -p "$tree/bin" "$tree/tests/system" "$tree/build/debug" "$tree/build/built"
    : >"$tree/build/built/build.ninja"
    cp scripts/test "$tree/scripts/"
    printf '%s\n' '#!/bin/sh' "$1" >"$tree/bin/unit"
    printf '%s\n' '#!/bin/sh' 'echo "[{\"name\": \"unit\", \"cmd\": [\"unit\"], \"env\": {}}]"' >"$tree/bin/meson"
    printf '%s\n' '#!/bin/sh' "$2" >"$tree/tests/system/one.sh"
    chmod +x "$tree/bin/unit" "$tree/bin/meson" "$tree/tests/system/one.sh"
    (PATH="$tree/bin:$PATH" "$tree/scripts/test" build/debug build/release $cross && echo 'status 0') 2>&1 | tail -n 2 | paste -sd ' '
}

# sums NAME EXPECTED UNIT SYSTEM
sums()
{
    got=$(runs "$3" "$4")
    case $got in
    *"$2") echo "ok $1" ;;
    *) echo "not ok $1: $got" ;;
    esac
}

fresh
two='echo 1..2; echo "ok 1 - a"; echo "ok 2 - b"'
sums runner_all_passed_is_success '3 passed, 0 failed, 0 skipped status 0' "$two" 'echo ok c'
sums runner_failed_test_fails '2 passed, 1 failed, 0 skipped' 'echo 1..2; echo "ok 1 - a"; echo "not ok 2 - b"; exit 1' 'echo ok c'
sums runner_skips_are_counted '1 passed, 0 failed, 2 skipped status 0' 'echo 1..2; echo "ok 1 - a"; echo "not ok 2 # SKIP b"' \
    'echo "skip c: no rights"'
sums runner_crash_is_a_failure '2 passed, 1 failed, 0 skipped' 'echo 1..2; echo "ok 1 - a"; kill -SEGV $$' 'echo ok c'
sums runner_missing_tests_are_a_failure '2 passed, 1 failed, 0 skipped' 'echo 1..2; echo "ok 1 - a"' 'echo ok c'
sums runner_silent_program_is_a_failure '1 passed, 1 failed, 0 skipped' 'exit 0' 'echo ok c'
sums runner_exit_status_is_a_failure '3 passed, 1 failed, 0 skipped' "$two; exit 3" 'echo ok c'
sums runner_silent_script_is_a_failure '2 passed, 1 failed, 0 skipped' "$two" 'exit 0'
sums runner_failing_script_is_a_failure '2 passed, 1 failed, 0 skipped' "$two" 'echo "not ok c: why"; exit 1'
sums runner_survivors_are_ended '3 passed, 0 failed, 0 skipped status 0' "$two" 'sleep 1000 & echo ok c'
printf '%s\n' '#!/bin/sh' '# alone: it measures.' "[ -e $tree/ended ] && echo ok d" >"$tree/tests/system/alone.sh"
chmod +x "$tree/tests/system/alone.sh"
sums runner_test_that_is_alone_waits_for_all_others '4 passed, 0 failed, 0 skipped status 0' "$two" \
    "sleep 0.5; : >$tree/ended; echo ok c"
rm "$tree/tests/system/alone.sh"
# As many tests as there are processors go on only when the one that waits has run.
printf '%s\n' '#!/bin/sh' '# waits: it sleeps.' ": >$tree/waited; echo ok e" >"$tree/tests/system/waits.sh"
chmod +x "$tree/tests/system/waits.sh"
for i in $(seq "$(nproc)"); do
    printf '%s\n' '#!/bin/sh' "for _ in \$(seq 50); do [ ! -e $tree/waited ] || break; sleep 0.1; done" \
        "[ -e $tree/waited ] && echo ok f" >"$tree/tests/system/busy$i.sh"
    chmod +x "$tree/tests/system/busy$i.sh"
done
sums runner_test_that_waits_runs_beside_the_others "$(($(nproc) + 4)) passed, 0 failed, 0 skipped status 0" "$two" 'echo ok c'
rm "$tree/tests/system/waits.sh" "$tree"/tests/system/busy*.sh
cross=build/built
sums runner_cross_builds_are_counted '5 passed, 0 failed, 0 skipped status 0' "$two" 'echo ok c'
cross=build/none
sums runner_cross_build_that_is_missing_is_skipped '3 passed, 0 failed, 1 skipped status 0' "$two" 'echo ok c'

# The installation of packages, with a dpkg-query that misses ninja-build until an apt-get has
# "installed" it.
fresh
mkdir -p "$tree/bin"
cat >"$tree/bin/dpkg-query" <<END
#!/bin/sh
shift 2
for package; do
    [ "\$package" = ninja-build ] && [ ! -f "$tree/installed" ] || echo "ii  \$package"
done
END
cat >"$tree/bin/apt-get" <<END
#!/bin/sh
[ ! -f "$tree/broken" ] || exit 100
case "\$*" in *' install ninja-build') : >"$tree/installed" ;; *) exit 100 ;; esac
END
printf '%s\n' '#!/bin/sh' 'exec "$@"' >"$tree/bin/sudo"
sed -i '2i [ "$1" != -n ] || shift' "$tree/bin/sudo"
chmod +x "$tree/bin/"*
bootstrap()
{
    PATH="$tree/bin:$PATH" scripts/bootstrap build </dev/null
}
: >"$tree/broken"
fails bootstrap_that_cannot_install_names_what_is_missing 'install these packages first: ninja-build' bootstrap
rm "$tree/broken"
passes bootstrap_installs_what_is_missing bootstrap
passes bootstrap_installed_the_package test -f "$tree/installed"
: >"$tree/broken"
passes bootstrap_has_nothing_to_do_the_second_time bootstrap

fresh
objects tcp/one 'int mn_one(void); int mn_two(void); int mn_one(void) { return mn_two(); }'
objects tcp/two 'int mn_two(void); int mn_two(void) { return 2; }'
passes circles_calls_one_way_pass "$tree/scripts/call-graph" --check "$tree/build"
objects tcp/two 'int mn_one(void); int mn_two(void); int mn_two(void) { return mn_one(); }'
fails circles_two_files_fail 'src/tcp: these call one another in a circle: one.c two.c' "$tree/scripts/call-graph" --check "$tree/build"
fresh
objects task/task 'int mn_one(void); int mn_two(void); int mn_two(void) { return mn_one(); }'
objects task/wait 'int mn_one(void); int mn_two(void); int mn_one(void) { return mn_two(); }'
passes circles_allowed_files_pass "$tree/scripts/call-graph" --check "$tree/build"
objects task/wait 'int mn_one(void); int mn_one(void) { return 1; }'
fails circles_allowed_but_gone_fail 'src/task: there is no circle any more' "$tree/scripts/call-graph" --check "$tree/build"
fresh
fails circles_no_objects_fail 'has no objects' "$tree/scripts/call-graph" --check "$tree/build"
