/* The hand-over of docs/hand-over.md as a model for spin: one parent, one child, one listener, one live connection. Either
 * process may be killed between any two steps, every time limit may run out at any moment (which is also what a process that
 * stands still looks like), and the child may find the records to be of no use.
 *
 * What must hold, always:
 *   - no listener with two owners: never do both accept;
 *   - no connection with two servers: never do both serve it, the parent never serves what the child may have touched, nor
 *     the child with records that are older than what the parent has done since.
 * And when nothing more happens:
 *   - no listener without an owner: if a process lives, one accepts;
 *   - no connection without one: it is served, unless the process that it belonged to is dead.
 *
 * `tools/check-model` runs it, and runs it again with each of these mistakes built in, to see that they are found:
 *   NO_FENCE        the parent serves again after COMMIT without making sure of the child
 *   BLIND_TAKE_BACK the parent does not read the dead child's slot
 *   THAW_FIRST      the parent goes on with the connection before it says ABORT
 *   SERVE_FIRST     the child serves before it has written "committed"
 *   NO_STANDBY      the parent forgets the listener with COMMITTED
 *   UNREAD          the child takes a message that cannot be sent for the end of the link, though ABORT may wait to be read
 *
 * The names are those of ParentSession and ChildSession (Sources/HotRestart/Session). Left out: HELLO to STATE, in which
 * nothing changes hands; the admin listener; a child that stops on purpose; the next child, which the link keeps waiting. */

mtype = { READY, CONNECTIONS, PREPARED, COMMIT, COMMITTED, ABORT };

/* A SOCK_SEQPACKET pair, which ends only when one side closes it or dies: what was sent can still be read, then comes the
 * end. A message to who is gone counts as sent: the end is only found by reading, behind all that came before. ABORT always
 * fits (RestartChannel.send). */
chan toChild = [3] of { mtype };
chan toParent = [3] of { mtype };
bool parentClosed, childClosed;

bool parentLives = true, childLives = true;
/* The child's process slot in the shared region: it outlives the child. */
bool slotCommitted;

bool parentAccepts = true, childAccepts;
bool parentServes = true, childServes;
/* From "committed" on the connection is the child's, if it has come. */
bool childOwns;
/* The child may have read from the connection, or written to it. */
bool childTouched;
/* The parent has gone on with it since it sent the records. */
bool recordsAreOld;

#define PARENT_SEES_END (len(toParent) == 0 && (!childLives || childClosed))
#define CHILD_SEES_END  (len(toChild) == 0 && (!parentLives || parentClosed))

inline killParent() { parentLives = false; parentAccepts = false; parentServes = false }
inline killChild() { childLives = false; childAccepts = false; childServes = false }

/* ABORT is the last message; then the parent goes on as if nothing had happened. */
inline abortHandOver() {
#ifdef THAW_FIRST
    atomic { parentServes = true; recordsAreOld = true; parentAccepts = true };
#endif
    toChild!ABORT;
    parentClosed = true;
    parentLives -> atomic { parentServes = true; recordsAreOld = true; parentAccepts = true }
}

proctype Parent() provided (parentLives) {
    /* awaitReady */
    if
    :: toParent?READY
    :: PARENT_SEES_END -> abortHandOver(); goto over
    :: true -> abortHandOver(); goto over /* a time limit */
    fi;
    /* stopping, then moving: the freeze */
    parentAccepts = false;
    parentServes = false;
    toChild!CONNECTIONS;
    /* awaitPrepared */
    if
    :: toParent?PREPARED
    :: PARENT_SEES_END -> abortHandOver(); goto over
    :: true -> abortHandOver(); goto over
    fi;
    toChild!COMMIT;
    /* awaitCommitted */
    if
    :: toParent?COMMITTED -> goto standby
    :: PARENT_SEES_END
    :: true
    fi;
#ifdef NO_FENCE
    goto takeBack;
#endif
    /* Fence.verify: a committed child is let live, any other is killed; its slot is read once more when it is dead. */
    if
    :: slotCommitted && childLives -> goto standby
    :: else
    fi;
    killChild();

takeBack:
#ifdef BLIND_TAKE_BACK
    atomic { parentServes = true; parentAccepts = true };
    goto over;
#endif
    if
    :: slotCommitted -> parentAccepts = true /* the connection died with the child */
    :: else -> atomic { parentServes = true; parentAccepts = true }
    fi;
    goto over;

standby:
#ifdef NO_STANDBY
    goto over;
#endif
    do
    :: toParent?_
    /* Fence.kill */
    :: PARENT_SEES_END -> killChild(); parentAccepts = true; break
    od;

over:
}

inline fail() { atomic { childClosed = true; killChild() }; goto over }

/* Asked of its pidfd; when in doubt it lives. */
inline checkParent() {
    if
    :: !parentLives
    :: parentLives -> fail()
    fi
}

proctype Child() provided (childLives) {
    bool hasConnections = false;
    toParent!READY;
    /* awaitCommit, receiving */
    if
    :: toChild?CONNECTIONS -> hasConnections = true
    :: toChild?ABORT -> fail()
    :: CHILD_SEES_END -> checkParent(); goto storing
    :: true -> fail()
    fi;
    /* adopting */
    if
    :: true
    :: true -> fail()
    fi;
#ifdef UNREAD
    if
    :: parentClosed || !parentLives -> checkParent(); goto storing
    :: else
    fi;
#endif
    toParent!PREPARED;
    if
    :: toChild?COMMIT
    :: toChild?ABORT -> fail()
    :: CHILD_SEES_END -> checkParent()
    :: true -> fail()
    fi;

storing:
#ifndef SERVE_FIRST
    atomic { slotCommitted = true; childOwns = hasConnections };
#endif
    childAccepts = true;
    if
    :: hasConnections -> atomic { childServes = true; childTouched = true }
    :: else
    fi;
#ifdef SERVE_FIRST
    atomic { slotCommitted = true; childOwns = hasConnections };
#endif
    toParent!COMMITTED;
over:
}

/* kill -9, for each at any moment, or never. */
proctype Fate() {
    bool parentDone, childDone;
    do
    :: !parentDone -> atomic { parentDone = true; killParent() }
    :: !childDone -> atomic { childDone = true; killChild() }
    :: break
    od
}

proctype Watch() {
end:
    do
    :: atomic { parentAccepts && childAccepts -> printf("two owners of a listener\n"); assert(false) }
    :: atomic { parentServes && childServes -> printf("two servers of a connection\n"); assert(false) }
    :: atomic { parentServes && childTouched -> printf("the parent serves what the child has touched\n"); assert(false) }
    :: atomic { childServes && recordsAreOld -> printf("the child serves with old records\n"); assert(false) }
    /* Nothing else can happen. */
    :: atomic {
        timeout ->
        assert(!(parentLives || childLives) || parentAccepts || childAccepts);
        assert(!(parentLives && !childOwns) || parentServes);
        assert(!(childLives && childOwns) || childServes);
        break
    }
    od
}

init { atomic { run Parent(); run Child(); run Fate(); run Watch() } }
