/* Reads secrets that a person types, or a program pipes in: a secret is never an argument, because
 * every user of the host can read those. */
#ifndef POSTERN_PROMPT_H
#define POSTERN_PROMPT_H

/* A line. At a terminal QUESTION is asked on stderr and the answer not echoed; otherwise it is the
 * next line of stdin. NULL at the end of the input, or when it has more than 1,024 bytes; else the
 * caller's, for credential_free. */
char *prompt_secret(const char *question);
/* prompt_secret for a new secret: at a terminal the question is asked twice, until both answers are
 * alike. */
char *prompt_new_secret(const char *question);

#endif
