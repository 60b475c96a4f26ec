/* The one table of commands: parsing, help, suggestions and shell completion all read it.
 *
 * A name is one or more words; no command's name is the beginning of another's. */
#ifndef POSTERN_COMMAND_H
#define POSTERN_COMMAND_H

#include "ctl/ctl.h"

#include <stddef.h>

enum { COMMAND_OPTIONS = 14 };

typedef struct {
    const char *name;  /* "--name"; NULL ends a list */
    const char *value; /* what the help calls its value; NULL: a flag */
    const char *help;
} option_t;

typedef struct {
    const char *name;       /* "channel member add" */
    int (*run)(ctl_t *ctl); /* returns the exit status */
    const char *arguments;  /* as in the usage line */
    unsigned min, max;      /* how many arguments */
    const char *help;       /* one line */
    const char *examples;   /* what follows "posternctl ", one a line */
    option_t options[COMMAND_OPTIONS + 1];
} command_t;

extern const command_t command_table[];
extern const size_t command_table_len;

/* The meaning of a first word that is no command itself. */
typedef struct {
    const char *name, *help;
} command_group_t;
extern const command_group_t command_groups[];
extern const size_t command_groups_len;

/* Options that every command takes. */
extern const option_t command_globals[];

/* The former name of an option of every command, from when the name had two meanings: it is taken
 * for that option where the command has no option of that name. The last row is empty. */
typedef struct {
    option_t option;
    const char *name;    /* the name of the option */
    const char *meaning; /* what the former name "…" means alone */
} command_former_t;
extern const command_former_t command_formers[];
#define COMMAND_FORMERS_END "0.3" /* the version that takes them no more */

/* Variables of the environment, in the form of options. */
extern const option_t command_variables[];

/* The command of exactly this name, NULL when there is none. */
const command_t *command_find(const char *name);
/* True when some command's name begins with these words and goes on. "" is a group. */
bool command_is_group(const char *words);
/* The next word of COMMAND after the group's words, copied into WORD; false when COMMAND is not in
 * that group. */
bool command_word(const command_t *command, const char *group, char *word, size_t size);
/* An option of the command (NULL: the command is not known yet), of all commands, or by a former
 * name; NULL when there is none. */
const option_t *command_option(const command_t *command, const char *name);
/* The row of a former name that COMMAND takes for another; NULL when NAME is its own. */
const command_former_t *command_former(const command_t *command, const char *name);

/* The nearest word that may follow GROUP, or the nearest option of a command; NULL when nothing is
 * near. The text is valid until the next call. */
const char *command_nearest_word(const char *group, const char *word);
const char *command_nearest_option(const command_t *command, const char *name);

/* Help to OUT: of one command, and of a group of them. */
void command_help(const command_t *command, FILE *out);
void command_group_help(const char *group, FILE *out);

/* Handlers, one a row. */
int init_run(ctl_t *ctl);
int up_run(ctl_t *ctl);
int restart_run(ctl_t *ctl);
int health_run(ctl_t *ctl);
int top_run(ctl_t *ctl);
int backup_run(ctl_t *ctl);
int restore_run(ctl_t *ctl);
int reshard_run(ctl_t *ctl);
int forget_run(ctl_t *ctl);
int check_run(ctl_t *ctl);
int salvage_run(ctl_t *ctl);
int user_create_run(ctl_t *ctl);
int user_list_run(ctl_t *ctl);
int user_show_run(ctl_t *ctl);
int user_edit_run(ctl_t *ctl);
int user_delete_run(ctl_t *ctl);
int user_password_run(ctl_t *ctl);
int user_invite_run(ctl_t *ctl);
int user_totp_begin_run(ctl_t *ctl);
int user_totp_confirm_run(ctl_t *ctl);
int user_totp_show_run(ctl_t *ctl);
int user_totp_remove_run(ctl_t *ctl);
int user_totp_codes_run(ctl_t *ctl);
int invitation_list_run(ctl_t *ctl);
int invitation_revoke_run(ctl_t *ctl);
int invitation_accept_run(ctl_t *ctl);
int login_run(ctl_t *ctl);
int logout_run(ctl_t *ctl);
int session_show_run(ctl_t *ctl);
int session_list_run(ctl_t *ctl);
int session_revoke_run(ctl_t *ctl);
int session_end_run(ctl_t *ctl);
int service_create_run(ctl_t *ctl);
int service_list_run(ctl_t *ctl);
int token_create_run(ctl_t *ctl);
int token_list_run(ctl_t *ctl);
int token_delete_run(ctl_t *ctl);
int token_import_run(ctl_t *ctl);
int token_limit_run(ctl_t *ctl);
int token_edit_run(ctl_t *ctl);
int token_replace_run(ctl_t *ctl);
int token_check_run(ctl_t *ctl);
int management_token_create_run(ctl_t *ctl);
int management_token_list_run(ctl_t *ctl);
int management_token_delete_run(ctl_t *ctl);
int me_show_run(ctl_t *ctl);
int audit_list_run(ctl_t *ctl);
int audit_export_run(ctl_t *ctl);
int channel_create_run(ctl_t *ctl);
int channel_list_run(ctl_t *ctl);
int channel_show_run(ctl_t *ctl);
int channel_edit_run(ctl_t *ctl);
int channel_delete_run(ctl_t *ctl);
int channel_member_add_run(ctl_t *ctl);
int channel_member_remove_run(ctl_t *ctl);
int bot_create_run(ctl_t *ctl);
int bot_list_run(ctl_t *ctl);
int bot_show_run(ctl_t *ctl);
int bot_edit_run(ctl_t *ctl);
int bot_handler_set_run(ctl_t *ctl);
int bot_handler_show_run(ctl_t *ctl);
int bot_handler_clear_run(ctl_t *ctl);
int bot_handler_rotate_run(ctl_t *ctl);
int bot_delete_run(ctl_t *ctl);
int bot_subscriber_add_run(ctl_t *ctl);
int bot_subscriber_remove_run(ctl_t *ctl);
int extension_create_run(ctl_t *ctl);
int extension_list_run(ctl_t *ctl);
int extension_show_run(ctl_t *ctl);
int extension_edit_run(ctl_t *ctl);
int extension_handler_set_run(ctl_t *ctl);
int extension_handler_show_run(ctl_t *ctl);
int extension_handler_clear_run(ctl_t *ctl);
int extension_handler_rotate_run(ctl_t *ctl);
int extension_rotate_run(ctl_t *ctl);
int extension_delete_run(ctl_t *ctl);
int send_channel_run(ctl_t *ctl);
int send_bot_run(ctl_t *ctl);
int send_extension_run(ctl_t *ctl);
int delivery_list_run(ctl_t *ctl);
int delivery_show_run(ctl_t *ctl);
int delivery_retry_run(ctl_t *ctl);
int dlq_list_run(ctl_t *ctl);
int dlq_replay_run(ctl_t *ctl);
int history_channel_run(ctl_t *ctl);
int history_bot_run(ctl_t *ctl);
int history_extension_run(ctl_t *ctl);
int keys_new_run(ctl_t *ctl);
int keys_list_run(ctl_t *ctl);
int keys_allow_run(ctl_t *ctl);
int keys_revoke_run(ctl_t *ctl);
int keys_trust_run(ctl_t *ctl);
int config_check_run(ctl_t *ctl);
int config_show_run(ctl_t *ctl);
int help_run(ctl_t *ctl);
int version_run(ctl_t *ctl);
int completion_run(ctl_t *ctl);
int manual_run(ctl_t *ctl);

#endif
