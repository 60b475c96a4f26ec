/* Secrets that a person types, or a program pipes in: never arguments, which every user of the host
 * can read. */
#ifndef POSTERN_PROMPT_H
#define POSTERN_PROMPT_H

/* A line. At a terminal QUESTION is asked on stderr and the answer not echoed; otherwise it is the
 * next line of stdin. NULL at the end of the input, or when it has more than 1,024 bytes; else the
 * caller's, for credential_free. */
char *prompt_secret(const char *question);
/* The same for a new secret: a terminal asks twice until both are alike. */
char *prompt_new_secret(const char *question);

#endif
