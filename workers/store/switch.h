/* The atomic change from one set of stores to another. The new ones are made in data/switch.new;
 * then the plan, a list of renames, is written as data/switch.json, and from that moment on the
 * change holds: a kill leaves the plan, each step of which can be done again, and the next run of
 * postern-store carries it to its end. Before the plan is written, a kill leaves only switch.new,
 * which is removed. While a plan is there, no process opens a store beside it (common/store).
 *
 * The former stores are kept in data/replaced-TIME. data/KIND.shards says what count the journals
 * of a kind are made for, so that a worker with another one does not make an empty journal where
 * there are none any more; 0: PostgreSQL has them (migrate.c).
 *
 * Threading: one thread. */
#ifndef POSTERN_SWITCH_H
#define POSTERN_SWITCH_H

#include "workers/store/plan.h"

/* Carries an interrupted switch to its end, or removes what was made for one that had not begun.
 * The locks must be held. title: what is being asked for now. A plan that plan_read refuses is left
 * alone. Returns KEEPER_DONE when there was no plan, else *finished is set, and KEEPER_REFUSED when
 * it was not the one of TITLE, or failed. */
int switch_recover(const keeper_t *self, const char *title, bool *finished);

/* Makes an empty data/switch.new; path is its path. 0 or KEEPER_REFUSED. */
int switch_begin(const keeper_t *self, char path[KEEPER_PATH]);

/* The plan, in the making. */
json_t *switch_plan(const char *title);
/* Plans that NAME in the data directory goes aside, if it is there. */
void switch_aside(const keeper_t *self, json_t *plan, const char *name);
/* Plans that NAME in switch.new comes into its place. */
void switch_in(json_t *plan, const char *name);
/* The journals of KIND are for so many shards; conf: postern.conf is to say so, too. */
void switch_shards(json_t *plan, const char *kind, unsigned shards, bool conf);

/* Writes the plan, which it takes, and carries it out. kept: where the former stores lie, "" when
 * there were none. 0 or KEEPER_REFUSED. */
int switch_run(const keeper_t *self, json_t **plan, char kept[KEEPER_PATH]);

#endif
