/* Where what was stored stands beside the write-ahead file, which has it durably in each state.
 *
 *            stored, noted, tended               a commit begins, and appends go ahead of it
 *   IDLE ───────────────────────────► OPEN ──────────────────────────────────► COMMITTING
 *    ▲ ▲                              ▲ │ │                                        │ │
 *    │ └── committed, or of no use ───│─┘ │ without room the pass is gone          │ │
 *    │                                │   ▼                                        │ │
 *    │           its frames are applied  BEHIND ◄── there are frames, or no room ──┘ │
 *    └──────────────────────── committed, and nothing came meanwhile ────────────────┘ */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_ENGINE_STATE_H
#define POSTERN_WORKERS_JOURNAL_LMDB_ENGINE_STATE_H

typedef enum {
    ENGINE_IDLE,       /* all of it in the tables */
    ENGINE_OPEN,       /* the rest in the pass, which appends share */
    ENGINE_COMMITTING, /* in LEAVING, and what came later in frames alone (ahead.c) */
    ENGINE_BEHIND,     /* the rest in frames alone: the next pass begins with them */
} engine_state_t;

#endif
