/* The rows of posternctl's commands beside those of the operations that they carry out: what a
 * command sends is what authd takes. */
#include "authd/manage/task.h"
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Rows that their operation is told by alone. */
static bool s_is_whole(const command_t *command)
{
    return command->run == operation_run;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_table_len; i++) {
        const command_t *row = &command_table[i];
        char name[64], word[COMMAND_WORD];
        bool paged = row->rows && command_option(row, "--limit");
        assert_true(!row->rows == !row->columns);
        for (unsigned a = 0; a < COMMAND_ARGUMENTS; a++)
            assert_true(!row->takes[a].form || command_argument(row, a, word));
        if (!s_is_whole(row))
            continue;
        snprintf(name, sizeof name, "%s", op_find(row->op)->name);
        for (char *at = name; *at; at++)
            *at = *at == '_' ? ' ' : *at;
        assert_string_equal(name, row->name);
        for (const option_t *option = row->options; option->name; option++)
            if (!option->param.form && !paged)
                fail_msg("%s: nothing reads %s", row->name, option->name);
    }
}

static const field_t *s_field(const task_row_t *row, const char *name)
{
    for (const field_t *field = row->fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

/* Whether authd takes all that PARAM may become. Lists are counted there alone. */
static bool s_takes(const field_t *field, const param_t *param)
{
    static const field_type_t types[] = {
        [PARAM_TEXT] = FIELD_TEXT,  [PARAM_NUMBER] = FIELD_UINT,   [PARAM_SECONDS] = FIELD_UINT,
        [PARAM_NAMES] = FIELD_LIST, [PARAM_METHODS] = FIELD_LIST,  [PARAM_TRUE] = FIELD_BOOL,
        [PARAM_FALSE] = FIELD_BOOL, [PARAM_LIMITS] = FIELD_OBJECT,
    };
    bool number = param->form == PARAM_NUMBER || param->form == PARAM_SECONDS;
    bool text = param->form == PARAM_TEXT && field->type == FIELD_LINES;
    if (field->type != types[param->form] && !text)
        return false;
    return !number ||
           (param->max <= field->max && (param->form == PARAM_SECONDS || param->min >= field->min));
}

static void s_check(const command_t *command, const task_row_t *row, const char *what,
                    const param_t *param)
{
    const field_t *field = param->field ? s_field(row, param->field) : NULL;
    bool of_all = param->field && strcmp(param->field, "if_match") == 0; /* task_args.c takes it */
    if (param->field && !of_all && (!field || !s_takes(field, param)))
        fail_msg("%s %s: authd does not take %s", command->name, what, param->field);
}

static void test_what_is_sent_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_table_len; i++) {
        const command_t *command = &command_table[i];
        const task_row_t *row = command->op ? task_row(command->op) : NULL;
        char word[COMMAND_WORD];
        if (!row)
            continue;
        for (unsigned a = 0; a < COMMAND_ARGUMENTS && command_argument(command, a, word); a++)
            s_check(command, row, word, &command->takes[a]);
        if (command->op == OP_token_list) /* --all and its options are of token_list_all */
            row = task_row(OP_token_list_all);
        for (const option_t *option = command->options; option->name; option++)
            s_check(command, row, option->name, &option->param);
        for (const ask_t *ask = command->asks; ask->field; ask++)
            if (!s_field(task_row(command->op), ask->field))
                fail_msg("%s asks for %s, which authd does not take", command->name, ask->field);
    }
}

static bool s_gives(const command_t *command, const char *field)
{
    for (unsigned a = 0; a < COMMAND_ARGUMENTS; a++)
        if (command->takes[a].field && strcmp(command->takes[a].field, field) == 0)
            return true;
    for (const ask_t *ask = command->asks; ask->field; ask++)
        if (strcmp(ask->field, field) == 0)
            return true;
    for (const option_t *option = command->options; option->name; option++)
        if (option->param.field && strcmp(option->param.field, field) == 0)
            return option->missing || option->param.fallback;
    return false;
}

static void test_what_is_required_is_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_table_len; i++) {
        const command_t *command = &command_table[i];
        const task_row_t *row = s_is_whole(command) ? task_row(command->op) : NULL;
        for (const field_t *field = row ? row->fields : NULL; field && field->name; field++)
            if (field->required && !s_gives(command, field->name))
                fail_msg("%s sends no %s, which authd requires", command->name, field->name);
    }
}

/* A list is asked for page by page, and authd knows of pages. */
static void test_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < command_table_len; i++) {
        const command_t *command = &command_table[i];
        if (s_is_whole(command) && command->rows)
            assert_int_equal(command_option(command, "--limit") != NULL,
                             s_field(task_row(command->op), "limit") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_is_sent_is_taken),
        cmocka_unit_test(test_what_is_required_is_sent),
        cmocka_unit_test(test_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
