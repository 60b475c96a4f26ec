/* Options of the commands of who sends and reads, as rows of the table in ctl/commands.c, which
 * alone includes this. */
#ifndef POSTERN_CTL_SENDER_OPTIONS_H
#define POSTERN_CTL_SENDER_OPTIONS_H

/* clang-format off */
#define TOKEN_FILE {"--token-file", "FILE", "read the webhook token from FILE, - for stdin; without it, $POSTERN_TOKEN, or who is logged in at --management-url"}
#define SEND {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE, \
             {"--body", "FILE", "send FILE's bytes (- for stdin) in place of TEXT"}, \
             {"--file", "FILE", "send FILE's text in place of TEXT"}, \
             {"--format", "NAME", "the format that makes a message of the body, which is the event of a sender"}, \
             {"--idempotency-key", "KEY", "what is sent twice with it is stored once; without it, a new one"}
#define SEND_KEY {"--key", "KEY", "message_key: what is sent with it again edits the message that it made"}
#define EVENT_KEY {"--key", "KEY", "the former name of --idempotency-key"}
#define HISTORY {"--last", "N", "the newest N, oldest first"}, \
                {"--from", "N", "first sequence number"}, {"--limit", "N", "most messages, beginning with the oldest"}, \
                {"--since", "TIME", "stored then or later: 2026-01-02T03:04:05Z, 2026-01-02, 10m, 2h, 7d"}, \
                {"--until", "TIME", "stored before then"}, \
                {"--search", "TEXT", "with this in its texts: the newest 100, or --last N, oldest first"}, \
                {"--sender", "NAME", "likewise, of this sender, by name as shown or user id"}, \
                {"--thread", "N", "that of the message with this sequence number or id, which comes first"}, \
                {"--follow", NULL, "go on with what comes, until Ctrl-C"}, \
                {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE
#define EXPORT {"--narrowed", NULL, "with what is for some users alone, as the owner of the channel or bot"}, {"--to", "FILE", "append to FILE, and go on behind what it has"}, {"--from", "N", "first sequence number"}, \
               {"--since", "TIME", "stored then or later: 2026-01-02T03:04:05Z, 2026-01-02, 10m, 2h, 7d"}, \
               {"--until", "TIME", "stored before then"}, \
               {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE
#define TAIL {"--last", "N", "begin with the newest N, 1 to 1000"}, \
             {"--since", "WHERE", "begin there: all, latest, a time, an age as 10m, a sequence, or the id of an event"}, \
             {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE
#define BETWEEN {"--from", "TIME", "stored since, as 2026-01-02T03:04:05Z", TEXT("from")}, \
    {"--to", "TIME", "stored before", TEXT("to")}
#define OWNER {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE, {APP}
#define LAST {"--outcome", "NAME", "of the last attempt: answered, timeout, connect …", TEXT("outcome")}, \
             {"--status", "N", "of its answer", TEXT("status")}, {"--search", "TEXT", "with this in the event or an answer", TEXT("q")}
#define ROWS {"--limit", "N", "most rows, 1 to 100", TEXT("limit")}, {"--after", "NUMBER", "go on after an earlier page", TEXT("after")}
#define APP "--environment", "NAME", "sandbox (the default) or marketplace"
/* clang-format on */

#endif
