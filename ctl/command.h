/* The one table of commands: parsing, help, suggestions, shell completion and the manual page read
 * it, and what carries out one operation is told by its row alone (ctl/operation.h).
 *
 * A name is one or more words; no command's name is the beginning of another's. */
#ifndef POSTERN_COMMAND_H
#define POSTERN_COMMAND_H

#include "ctl/ctl.h"

#include <stddef.h>

enum { COMMAND_OPTIONS = 14, COMMAND_ARGUMENTS = 3, COMMAND_ASKS = 2, COMMAND_WORD = 64 };

/* What an argument, or the value of an option, becomes of the operation. */
typedef enum {
    PARAM_NONE,    /* nothing: the command's own code reads it */
    PARAM_TARGET,  /* the target; of arguments only */
    PARAM_TEXT,    /* a text */
    PARAM_NUMBER,  /* a number from min to max */
    PARAM_SECONDS, /* of a time such as 90s or 30d, at most max */
    PARAM_NAMES,   /* of "A,B,C" an array of texts */
    PARAM_METHODS, /* likewise, and "all" is each method */
    PARAM_LIMITS,  /* of "a=1,b=2" an object, "none" is null */
    PARAM_TRUE,    /* true where a flag is given */
    PARAM_FALSE    /* false where a flag is given */
} param_form_t;

typedef struct {
    const char *field; /* what the operation calls it */
    param_form_t form;
    uint64_t min, max;
    const char *fallback; /* where it is not given; NULL: then the field is left out */
} param_t;

typedef struct {
    const char *name;  /* "--name"; NULL ends a list */
    const char *value; /* what the help calls its value; NULL: a flag */
    const char *help;
    param_t param;
    const char *missing; /* what is said where it is not given; NULL: it may be left out */
} option_t;

/* A secret that is typed, or a line of stdin (ctl/prompt.h). */
typedef struct {
    const char *field; /* NULL ends a list */
    enum {
        ASK_SECRET,
        ASK_NEW,  /* typed twice */
        ASK_LINK, /* of a link what stands behind its last "=" */
        ASK_OWN   /* over HTTP only; left out where it is empty */
    } form;
    const char *question;
} ask_t;

typedef struct command {
    const char *name;       /* "channel member add" */
    int (*run)(ctl_t *ctl); /* returns the exit status; operation_run: all of it is in the row */
    const char *arguments;  /* as in the usage line */
    unsigned min, max;      /* how many arguments */
    const char *help;       /* one line */
    const char *examples;   /* what follows "posternctl ", one a line */
    option_t options[COMMAND_OPTIONS + 1];
    /* Of commands that carry out an operation: */
    unsigned op;                      /* OP_…; 0: none */
    unsigned op_extension;            /* where KIND is extension, else op is a bot's; 0: op */
    unsigned op_channel;              /* where KIND is channel; 0: it must not be */
    param_t takes[COMMAND_ARGUMENTS]; /* the arguments; without a row the first is the target */
    ask_t asks[COMMAND_ASKS + 1];
    const char *question; /* where it needs a confirmation; NULL: it needs none */
    const char *rows;     /* the answer's array that is shown as a table; NULL: none */
    const char *columns;  /* of that table, separated by spaces */
    const char *done; /* the line for people in place of the answer's fields; NULL: the fields */
    const char *note; /* what people are told below the fields; NULL: nothing */
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
/* How the usage line calls the I-th argument; false past the last. */
bool command_argument(const command_t *command, unsigned i, char word[COMMAND_WORD]);
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

/* Handlers. */
int init_run(ctl_t *ctl);
int up_run(ctl_t *ctl);
int restart_run(ctl_t *ctl);
int health_run(ctl_t *ctl);
int top_run(ctl_t *ctl);
int keep_run(ctl_t *ctl);
int restore_run(ctl_t *ctl);
int database_run(ctl_t *ctl);
/* posternctl db init, of the configuration CONF; does not return but by failing. */
int database_make(ctl_t *ctl, const char *conf, const char *admin);
int reshard_run(ctl_t *ctl);
int user_delete_run(ctl_t *ctl);
int user_totp_codes_run(ctl_t *ctl);
int login_run(ctl_t *ctl);
int login_link_run(ctl_t *ctl);
int session_run(ctl_t *ctl);
int token_create_run(ctl_t *ctl);
int token_list_run(ctl_t *ctl);
int token_delete_run(ctl_t *ctl);
int token_import_run(ctl_t *ctl);
int token_edit_run(ctl_t *ctl);
int token_check_run(ctl_t *ctl);
int handler_set_run(ctl_t *ctl);
int send_run(ctl_t *ctl);
int history_run(ctl_t *ctl);
int export_run(ctl_t *ctl);
int import_run(ctl_t *ctl);
int tail_run(ctl_t *ctl);
int delivery_list_run(ctl_t *ctl);
int delivery_show_run(ctl_t *ctl);
int delivery_again_run(ctl_t *ctl);
int delivery_test_run(ctl_t *ctl);
int delivery_replay_run(ctl_t *ctl);
int delivery_progress_run(ctl_t *ctl);
int delivery_stop_run(ctl_t *ctl);
int counts_run(ctl_t *ctl);
int dlq_list_run(ctl_t *ctl);
int source_create_run(ctl_t *ctl);
int source_edit_run(ctl_t *ctl);
int source_rotate_run(ctl_t *ctl);
int source_presets_run(ctl_t *ctl);
int source_activity_run(ctl_t *ctl);
int source_refusals_run(ctl_t *ctl);
int source_check_run(ctl_t *ctl);
int outlet_kinds_run(ctl_t *ctl);
int outlet_try_run(ctl_t *ctl);
int outlet_change_run(ctl_t *ctl);
int format_list_run(ctl_t *ctl);
int format_show_run(ctl_t *ctl);
int format_try_run(ctl_t *ctl);
int format_test_run(ctl_t *ctl);
int format_replay_run(ctl_t *ctl);
int format_add_run(ctl_t *ctl);
int audit_list_run(ctl_t *ctl);
int audit_export_run(ctl_t *ctl);
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
