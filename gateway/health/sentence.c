#include "gateway/health/sentence.h"

#include <stdio.h>
#include <string.h>

/* What a state says of a process, what to do about it, and how much it matters. */
static const struct {
    const char *state;
    unsigned weight;
    bool answers; /* it says itself what stands still for it */
    const char *says, *advice;
} s_states[] = {
    {"ready", 0, true, "is well", ""},
    {"unreachable", 1, true, "cannot be seen from here",
     "look on its host by posternctl health, or set its monitor to an address that this host "
     "reaches"},
    {"degraded", 2, true, "serves, but not all is well", "do what the reason asks for"},
    {"not ready", 3, true, "is not ready", "do what the reason asks for"},
    {"foreign", 4, false, "does not answer at its monitor's address, somebody else does",
     "free the address, or set another and start the process anew"},
    {"hanging", 5, false, "hangs, its main loop does not turn",
     "take a stack (gdb -p), then restart it"},
    {"stopped", 6, false, "stands still, though its address takes connections",
     "let it go on (kill -CONT, a debugger, a frozen container), or restart it"},
    {"absent", 7, false, "does not run",
     "start it (posternctl up or systemctl start); its log says why it ended"},
};
/* The last whose checks are the reason: the states after it say all there is. */
enum { STATES = sizeof s_states / sizeof *s_states, STATE_REASONED = 4 };

/* What its absence means, in the order in which kinds matter; the rest are workers. */
static const struct {
    const char *section, *means;
} s_kinds[] = {
    {"authd", "no request can be judged without it"},
    {"router", "what is accepted waits for it, 10 s at most"},
    {NULL, "what is sent to its shard waits for it, 10 s at most"},
    {"gateway", "senders that come to it get no answer"},
};

static unsigned s_state(const seen_t *seen)
{
    unsigned i = 0;
    while (i < STATES - 1 && strcmp(s_states[i].state, seen->state) != 0)
        i++;
    return i;
}

static unsigned s_kind(const seen_t *seen)
{
    for (unsigned i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++)
        if (s_kinds[i].section && strcmp(s_kinds[i].section, seen->station->section) == 0)
            return i;
    return 2;
}

static bool s_matters_more(const seen_t *one, const seen_t *other)
{
    unsigned a = s_states[s_state(one)].weight, b = s_states[s_state(other)].weight;
    return a != b ? a > b : s_kind(one) < s_kind(other);
}

/* A gateway that is told to end says so in its checks. */
static bool s_is_draining(const seen_t *seen)
{
    return strcmp(seen->state, "not ready") == 0 &&
           (strstr(seen->condition.reasons, "draining failed") ||
            strstr(seen->condition.reasons, "drain failed"));
}

static void s_tell(const seen_t *seen, char *text, size_t size)
{
    unsigned state = s_state(seen);
    const char *reasons = seen->condition.reasons, *name = seen->station->name;
    bool reasoned = s_states[state].weight <= s_states[STATE_REASONED].weight && *reasons;
    if (s_is_draining(seen))
        snprintf(text, size,
                 "%s is draining: it was told to end, and answers what has come; wait for it, and "
                 "start it again if it is to stay",
                 name);
    else
        snprintf(text, size, "%s %s%s%s%s: %s%s%s", name, s_states[state].says,
                 reasoned ? " (" : "", reasoned ? reasons : "", reasoned ? ")" : "",
                 s_states[state].answers ? "" : s_kinds[s_kind(seen)].means,
                 s_states[state].answers ? "" : "; ", s_states[state].advice);
}

void sentence_write(const look_t *look, char text[SENTENCE])
{
    char worst_text[SENTENCE - 64];
    const seen_t *worst = NULL;
    unsigned shown = 0, wrong = 0;
    for (unsigned i = 0; i < look_len(look); i++) {
        const seen_t *seen = look_at(look, i);
        if (!seen->shown)
            continue;
        shown++;
        wrong += s_states[s_state(seen)].weight > 0;
        if (!worst || s_matters_more(seen, worst))
            worst = seen;
    }
    if (wrong == 0) {
        snprintf(text, SENTENCE, "All %u processes are ready.", shown);
        return;
    }
    s_tell(worst, worst_text, sizeof worst_text);
    if (wrong == 1)
        snprintf(text, SENTENCE, "%s.", worst_text);
    else
        snprintf(text, SENTENCE, "%s (%u more: see their states).", worst_text, wrong - 1);
}
