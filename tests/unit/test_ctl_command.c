#include "ctl/command.h"

#include "common/base/ops.h"
#include "ctl/said_here.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_find(void **state)
{
    (void)state;
    const command_t *command = command_find("channel member add");
    assert_non_null(command);
    assert_int_equal(command->op, OP_channel_member_add);
    assert_null(command_find("channel member"));
    assert_true(command_is_group("channel member"));
    assert_true(command_is_group(""));
    assert_false(command_is_group("chan"));
    assert_false(command_is_group("channel member add"));
}

/* Parsing stops at the first name that fits, so none may begin another; and the help is whole. */
static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_table_len; i++) {
        const command_t *row = &command_table[i];
        assert_ptr_equal(command_find(row->name), row);
        assert_false(command_is_group(row->name));
        assert_true(*row->help && *row->examples && row->min <= row->max);
        for (const char *at = row->examples; at;
             at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
            assert_memory_equal(at, row->name, strlen(row->name));
        for (const option_t *option = row->options; option->name; option++)
            assert_true(strncmp(option->name, "--", 2) == 0 && *option->help);
        assert_null(row->options[COMMAND_OPTIONS].name);
    }
}

/* Every management operation has its command: its name in words, or one that does more by an
 * option. */
static void test_operations(void **state)
{
    (void)state;
    const command_t *list = command_find("token list");
    assert_true(list && command_option(list, "--all"));
    assert_non_null(command_find("format add")); /* makes or changes it */
    for (size_t i = 0; i < op_table_len; i++) {
        char name[64];
        unsigned number = op_table[i].number;
        if (op_table[i].credentials != CRED_ADMIN || number == OP_token_list_all ||
            number == OP_format_create || number == OP_format_edit)
            continue;
        snprintf(name, sizeof name, "%s", op_table[i].name);
        for (char *at = name; *at; at++)
            *at = *at == '_' ? ' ' : *at;
        if (!command_find(name))
            fail_msg("no command for %s", op_table[i].name);
    }
}

static void test_groups_have_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_groups_len; i++) {
        assert_true(command_is_group(command_groups[i].name));
        assert_true(*command_groups[i].help);
    }
    for (size_t i = 0; i < command_table_len; i++) {
        char group[64];
        snprintf(group, sizeof group, "%s", command_table[i].name);
        for (char *space; (space = strrchr(group, ' ')) != NULL;) {
            size_t j = 0;
            *space = '\0';
            while (j < command_groups_len && strcmp(command_groups[j].name, group) != 0)
                j++;
            if (j == command_groups_len)
                fail_msg("no line for %s", group);
        }
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *group, *word, *nearest;
    } rows[] = {
        {"", "chanel", "channel"},
        {"", "tokne", "token"},
        {"", "ext", "extension"},
        {"channel", "membr", "member"},
        {"token", "lst", "list"},
        {"", "xyzzy", NULL},
        {"", "stream", "tail"},
        {"channel", "stream", NULL},
        {"channel member", "ad", "add"},
        {"", "a-very-long-word-that-is-no-command-of-ours-at-all", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *nearest = command_nearest_word(rows[i].group, rows[i].word);
        if (!rows[i].nearest)
            assert_null(nearest);
        else if (!nearest)
            fail_msg("nothing is near %s", rows[i].word);
        else
            assert_string_equal(nearest, rows[i].nearest);
    }
    assert_string_equal(command_nearest_option(command_find("up"), "--prot"), "--port");
    assert_string_equal(command_nearest_option(command_find("up"), "--jsn"), "--json");
    assert_null(command_nearest_option(command_find("up"), "--nothing-like-it"));
}

static void test_what_is_said_in_words_of_the_command(void **state)
{
    static const struct {
        const char *said, *here;
    } cases[] = {
        {"expires_in: must be a number.", "--expires: must be a number."},
        {"networks[12]: is none.", "--from[12]: is none."},
        {"target: there is none.", "USER: there is none."},
        {"networks[12", "networks[12"},
        {"networks[", "networks["},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = strlen(cases[i].said) + 1;
        size_t room = size > strlen(cases[i].here) ? size : strlen(cases[i].here) + 1;
        char *message = malloc(room); /* nothing is to be read behind it */
        strcpy(message, cases[i].said);
        said_here(command_find("token create"), message, room);
        assert_string_equal(message, cases[i].here);
        free(message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_groups_have_a_line),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_what_is_said_in_words_of_the_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
