/*
 * How several processes refresh the tokens of one connection without ever losing the newest one:
 * the protocol of src/broker/refresh.h as a model that Spin checks exhaustively. Steps have the
 * names of the functions there; README.md says how they correspond. `run` checks it.
 *
 * Every step that reads or writes the database is one d_step, as it is one transaction in the code.
 * A process may be stopped between any two steps for any time: that is what interleaving means.
 *
 * Sizes of a run, set with -D. What may happen and how often:
 */
#ifndef REFRESHERS
#define REFRESHERS 2 /* processes that want tokens; 2 or 3 */
#endif
#ifndef EXPIRIES
#define EXPIRIES 1 /* times that the access token expires, after the first */
#endif
#ifndef CRASHES
#define CRASHES 0 /* processes that die (kill -9); another takes the place at once */
#endif
#ifndef LOSSES
#define LOSSES 0 /* answers of Zoom's that do not arrive */
#endif
#ifndef GIVE_UPS
#define GIVE_UPS 0 /* times that a process cannot write its result for so long that it gives up */
#endif
#ifndef STOPS
#define STOPS 0 /* processes that are stopped and never go on, but live */
#endif
#ifndef RUN_OUTS
#define RUN_OUTS 0 /* 1: a lease may run out, at any time and any number of times */
#endif
#ifndef PASSING
#define PASSING 0 /* 1: Zoom may say "not now" (429), any number of times */
#endif
#ifndef REVOCATIONS
#define REVOCATIONS 0 /* times that the user removes the app at Zoom */
#endif
#ifndef REAUTHORIZATIONS
#define REAUTHORIZATIONS 0 /* times that the user authorizes again; 2: possibly at the same time */
#endif
#ifndef PROBES
#define PROBES 0 /* 1: a disconnected grant may be tried all the same, any number of times */
#endif
#ifndef REQUESTS
#define REQUESTS 0 /* requests for a token that each process gets; 0: any number */
#endif

/* Where the state of a process stands. Its memory is lost when it dies. */
mtype = {
	IDLE,     /* nobody asks it for a token */
	WANTS,    /* somebody does */
	LOOKED,   /* it has read the row and found that a refresh is needed, or waits for one */
	CLAIMED,  /* it has the lease */
	SENT,     /* its request is on the way to Zoom */
	GRANTED,  /* Zoom has rotated; the answer is on its way back or in the process's hands */
	REFUSED,  /* the same with invalid_grant */
	NOT_NOW,  /* the same with a failure that passes */
	NO_ANSWER /* the connection broke or timed out: the process knows that it will get none */
};
mtype step[REFRESHERS] = IDLE;
byte read_generation[REFRESHERS]; /* as read together */
byte read_token[REFRESHERS];
byte answer[REFRESHERS]; /* the refresh token that Zoom gave; 0: none */
byte stopped;            /* bit i: process i never goes on */

/* The database: one row of zoom_oauth_credentials and its connection's state. */
mtype = { CONNECTED, INVALID_GRANT, REFRESH_INTERRUPTED };
mtype state = CONNECTED;
byte generation = 1;
byte stored = 1;    /* the refresh token */
bool fresh = false; /* is the cached access token good? */

/* The lease: a process's number, or one of these. */
#define NOBODY 8
#define DEAD 9 /* a process that died; the kernel tells */
byte holder = NOBODY;
bool has_run_out = false; /* the lease; its holder may live */

/* zoom_oauth_refresh_attempts: those of living processes, bit by bit; and is there one whose end
   nobody will ever tell, because its process died or knows that it gets no answer? */
byte attempts;
bool has_lost_attempt;

/* Zoom. Tokens are numbered in the order in which Zoom gives them; it takes the newest alone. */
byte zoom_token = 1;
bool is_granted = true; /* is the user's grant alive? */
byte late[2]; /* requests whose sender is gone: Zoom may still act on them; 0: none */
byte reauthorized[2]; /* tokens of re-authorizations between exchange and commit; 0: none */

/* Re-authorizations that have begun and are neither settled nor dead, bit by bit; and those that had
   begun when Zoom refused process i, for one of them may be why. */
byte authorizing;
byte begun_before[REFRESHERS];

/* What the properties speak of besides. No living process will ever have Zoom's newest token: */
bool is_lost;
#ifdef P4
byte granted_generation; /* the last one whose refresh token Zoom took */
#endif
#ifdef P6
byte calls; /* to Zoom since the access token expired */
#endif
#ifdef P7
bool had_no_end; /* an attempt with the stored refresh token whose end was not recorded */
#endif

byte expiries, crashes, losses, give_ups, stops, revocations, reauthorizations;
byte requests[REFRESHERS];

#define bit(i) (1 << (i))
#define is_running(i) ((stopped & bit(i)) == 0)
#define is_at_it(i) (step[i] != IDLE && step[i] != WANTS && step[i] != LOOKED)
#define is_left(i) ((attempts & bit(i)) != 0 && !is_at_it(i))
#define may_bring_new(i, k) ((begun_before[i] & bit(k)) != 0 && reauthorized[k] == zoom_token)

/* Mutilations: each takes one thought out of the protocol. The names are what `run` passes. */
#ifdef STORE_WITHOUT_COMPARE
#define may_store(i) true
#else
#ifdef STORE_ONLY_WITH_LEASE
#define may_store(i) (generation == read_generation[i] && holder == i)
#else
#define may_store(i) (generation == read_generation[i])
#endif
#endif

#ifdef REFUSE_WITHOUT_SECOND_LOOK
#define is_superseded(i) false
#else
#define is_superseded(i) (generation != read_generation[i])
#endif

#ifdef REFUSE_DESPITE_OTHERS
#define has_living_other(i) false
#else
#define has_living_other(i) ((attempts & ~bit(i)) != 0)
#endif

#ifdef REFUSE_DESPITE_AUTHORIZATION
#define has_open_authorization(i) false
#else
#define has_open_authorization(i) ((authorizing & begun_before[i]) != 0)
#endif

#ifdef CLAIM_WITHOUT_COMPARE
#define is_as_read(i) true
#else
#define is_as_read(i) (generation == read_generation[i])
#endif

#ifdef CLAIM_WITHOUT_LEASE
#define is_lease_free true
#else
#ifdef CLAIM_WAITS_FOR_THE_LIVING
#define is_lease_free (holder == NOBODY || holder == DEAD)
#else
#define is_lease_free (holder == NOBODY || holder == DEAD || has_run_out)
#endif
#endif

/* The process knows no more than a new one does. */
inline forget(i)
{
	read_generation[i] = 0;
	read_token[i] = 0;
	answer[i] = 0;
	begun_before[i] = 0;
}

/* Its caller has a token, or the definite answer that there is none now. */
inline tell(i)
{
	step[i] = IDLE;
	forget(i);
}

inline look_again(i)
{
	step[i] = WANTS;
	forget(i);
}

/* Only one's own: another may have it by now. */
inline release(i)
{
	if
	:: holder == i ->
		holder = NOBODY;
		has_run_out = false;
	:: else
	fi
}

inline remove_attempt(i)
{
	attempts = attempts & ~bit(i);
}

inline lose_attempt(i)
{
	if
	:: (attempts & bit(i)) != 0 ->
		remove_attempt(i);
		has_lost_attempt = true;
#ifdef P7
		had_no_end = true
#endif
	:: else
	fi
}

/* What new tokens, of whichever origin, do to the row. */
inline renew_row(token)
{
	stored = token;
	fresh = true;
	state = CONNECTED;
	attempts = 0;
	has_lost_attempt = false;
	holder = NOBODY;
	has_run_out = false;
#ifdef P7
	had_no_end = false;
#endif
#ifdef P6
	calls = 0;
#endif
}

/* Somebody asks process i for a token. Where there is a good one, there is nothing to look at. */
inline request(i)
{
	d_step {
		step[i] == IDLE && is_running(i) && !fresh && (state == CONNECTED || PROBES) &&
			(REQUESTS == 0 || requests[i] < REQUESTS) ->
		step[i] = WANTS;
		if
		:: REQUESTS > 0 -> requests[i]++
		:: else
		fi
	}
}

inline look(i)
{
	d_step {
		step[i] == WANTS && is_running(i) ->
		if
		:: !fresh && (state == CONNECTED || PROBES) ->
			step[i] = LOOKED;
			read_generation[i] = generation;
			read_token[i] = stored;
		:: else ->
			tell(i)
		fi
	}
}

/* Who waits for another's refresh looks at the row now and then. */
inline wait(i)
{
	d_step {
		step[i] == LOOKED && is_running(i) &&
			((state != CONNECTED && !PROBES) || fresh ||
			 generation != read_generation[i]) ->
		look_again(i)
	}
}

inline time_out(i)
{
	d_step {
		step[i] == LOOKED && is_running(i) ->
		tell(i)
	}
}

/* The lease and the note of the attempt, in one transaction, before Zoom is called. */
inline claim(i)
{
	d_step {
		step[i] == LOOKED && is_running(i) && is_as_read(i) && is_lease_free ->
		holder = i;
		has_run_out = false;
#ifndef CLAIM_WITHOUT_ATTEMPT
		attempts = attempts | bit(i);
#endif
		step[i] = CLAIMED;
	}
}

inline send(i)
{
	d_step {
		step[i] == CLAIMED && is_running(i) ->
		step[i] = SENT;
#ifdef P6
		calls++;
		assert(calls <= 1);
#endif
	}
}

inline store_answer(i)
{
	d_step {
		step[i] == GRANTED && is_running(i) ->
		if
		:: may_store(i) ->
			renew_row(answer[i]);
#ifndef STORE_KEEPS_GENERATION
			generation++;
#endif
			tell(i)
		:: else ->
			remove_attempt(i);
			look_again(i)
		fi
	}
}

/* invalid_grant. */
inline record_refusal(i)
{
	d_step {
		step[i] == REFUSED && is_running(i) ->
		release(i);
		if
		:: is_superseded(i) ->
			look_again(i)
		:: !is_superseded(i) && (has_living_other(i) || has_open_authorization(i)) ->
			/* stay_in_doubt */
#ifdef P9
			assert(!is_left(0) && !is_left(1));
#if REFRESHERS > 2
			assert(!is_left(2));
#endif
#endif
#ifdef DOUBT_IS_TAKEN_FOR_LOSS
			has_lost_attempt = true;
#endif
			tell(i)
		:: !is_superseded(i) && !has_living_other(i) && !has_open_authorization(i) ->
			/* disconnect */
#ifdef P8
			assert(!may_bring_new(i, 0) && !may_bring_new(i, 1));
#endif
			if
			:: has_lost_attempt -> state = REFRESH_INTERRUPTED
			:: else -> state = INVALID_GRANT
			fi;
#ifdef DISCONNECT_FORGETS_ATTEMPTS
			attempts = 0;
			has_lost_attempt = false;
#endif
			tell(i)
		fi;
		remove_attempt(i)
	}
}

/* No answer: Zoom may have rotated all the same. */
inline record_lost(i)
{
	d_step {
		step[i] == NO_ANSWER && is_running(i) ->
		release(i);
#ifdef LOST_IS_TAKEN_FOR_NOTHING
		remove_attempt(i);
#else
		lose_attempt(i);
#endif
		if
		:: generation != read_generation[i] -> look_again(i)
		:: else -> tell(i)
		fi
	}
}

/* Zoom has answered, and has done nothing. */
inline record_passing(i)
{
	d_step {
		step[i] == NOT_NOW && is_running(i) ->
		release(i);
		remove_attempt(i);
		if
		:: generation != read_generation[i] -> look_again(i)
		:: else -> tell(i)
		fi
	}
}

/* Whoever has the newest token in its hands and lets go of it has lost it. */
inline drop_answer(i)
{
	if
	:: answer[i] == zoom_token -> is_lost = true
	:: else
	fi
}

/* Lease and attempt are nobody's who lives any more; the kernel tells. */
inline end_holder(i)
{
	lose_attempt(i);
	if
	:: holder == i -> holder = DEAD
	:: else
	fi
}

/* The database took nothing for too long. Attempt and lease stay behind. */
inline give_up(i)
{
	d_step {
		give_ups < GIVE_UPS && is_running(i) &&
			(step[i] == GRANTED || step[i] == REFUSED || step[i] == NO_ANSWER) ->
		give_ups++;
		drop_answer(i);
#ifndef GIVE_UP_LIVES_ON
		end_holder(i);
#endif
		tell(i)
	}
}

proctype refresher(byte i)
{
end:	do
	:: request(i)
	:: look(i)
	:: wait(i)
	:: claim(i)
	:: send(i)
	:: store_answer(i)
	:: record_refusal(i)
	:: record_lost(i)
#if PASSING
	:: record_passing(i)
#endif
#if GIVE_UPS
	:: give_up(i)
#endif
#ifndef PATIENT
	:: time_out(i)
#endif
	od
}

inline rotate()
{
	zoom_token++;
	is_lost = false;
}

inline zoom_handles(i)
{
	d_step {
		step[i] == SENT ->
		if
		:: is_granted && read_token[i] == zoom_token ->
			rotate();
			answer[i] = zoom_token;
			step[i] = GRANTED;
#ifdef P4
			assert(read_generation[i] > granted_generation);
			granted_generation = read_generation[i];
#endif
		:: else ->
			step[i] = REFUSED;
			begun_before[i] = authorizing
		fi
	}
}

inline zoom_handles_late(k)
{
	d_step {
		late[k] != 0 ->
		if
		:: is_granted && late[k] == zoom_token ->
			rotate();
			is_lost = true
		:: else
		fi;
		late[k] = 0
	}
}

proctype zoom()
{
end:	do
	:: zoom_handles(0)
	:: zoom_handles(1)
#if REFRESHERS > 2
	:: zoom_handles(2)
#endif
#if PASSING
	:: d_step { step[0] == SENT -> step[0] = NOT_NOW }
	:: d_step { step[1] == SENT -> step[1] = NOT_NOW }
#endif
#if CRASHES + LOSSES
	:: zoom_handles_late(0)
#endif
#if CRASHES + LOSSES > 1
	:: zoom_handles_late(1)
#endif
	od
}

/* The request of i, if Zoom has not handled it yet, goes on without anybody who waits for it. */
inline hang_up(i)
{
	if
	:: step[i] == SENT && late[0] == 0 -> late[0] = read_token[i]
	:: step[i] == SENT && late[0] != 0 -> late[1] = read_token[i]
	:: else
	fi;
	drop_answer(i)
}

inline lose_answer(i)
{
	d_step {
		losses < LOSSES && (step[i] == SENT || step[i] == GRANTED || step[i] == REFUSED) ->
		losses++;
		hang_up(i);
		answer[i] = 0;
		step[i] = NO_ANSWER
	}
}

/* kill -9. What is in the database stays, and is a dead process's from now on. */
inline crash(i)
{
	d_step {
		crashes < CRASHES && step[i] != IDLE && is_running(i) ->
		crashes++;
		hang_up(i);
		end_holder(i);
		tell(i)
	}
}

inline stop(i)
{
	d_step {
		stops < STOPS && step[i] != IDLE ->
		stops++;
		stopped = stopped | bit(i)
	}
}

proctype world()
{
end:	do
	:: d_step { fresh && expiries < EXPIRIES -> expiries++; fresh = false }
#if REVOCATIONS
	:: d_step { revocations < REVOCATIONS && is_granted -> revocations++; is_granted = false }
#endif
#if LOSSES
	:: lose_answer(0)
	:: lose_answer(1)
#if REFRESHERS > 2
	:: lose_answer(2)
#endif
#endif
#if CRASHES
	:: crash(0)
	:: crash(1)
#if REFRESHERS > 2
	:: crash(2)
#endif
#endif
#if STOPS
	:: stop(0)
	:: stop(1)
#if REFRESHERS > 2
	:: stop(2)
#endif
#endif
#ifdef PATIENT
	:: break /* what may happen need not: without this, fairness would make all of it happen */
#endif
	od
}

#if RUN_OUTS
/* A process of its own, because time is fair: a lease that is held for ever does run out. */
proctype lease_timer()
{
end:	do
	:: d_step { holder != NOBODY && !has_run_out -> has_run_out = true }
	od
}
#endif

#if REAUTHORIZATIONS
/*
 * The user authorizes again. Zoom voids the old grant at the exchange of the code; our row learns
 * of it later, in between a refusal is true, but says nothing of the user. Of two at the same time, only Zoom knows which came
 * last.
 */
byte time;               /* a clock that ticks when somebody looks at it */
byte authorized_at;      /* in the row: when Zoom's answer arrived that brought the grant */
byte asked_at[2];        /* when the exchange began */
byte exchanged_at[2];    /* when its answer arrived */

inline tell_time(at)
{
#if REAUTHORIZATIONS > 1
	time++;
	at = time
#else
	skip
#endif
}

inline end_authorization(k)
{
	reauthorized[k] = 0;
	authorizing = authorizing & ~bit(k)
}

inline exchange(k)
{
	d_step { tell_time(asked_at[k]); authorizing = authorizing | bit(k) };
	d_step {
		rotate();
		is_granted = true;
		reauthorized[k] = zoom_token
	};
	d_step { tell_time(exchanged_at[k]) }
}

/* A refresh with the token that the exchange gave, which Zoom takes only if no other came later. */
inline prove(k)
{
	d_step { tell_time(asked_at[k]) };
	d_step {
		if
		:: is_granted && reauthorized[k] == zoom_token ->
			rotate();
			reauthorized[k] = zoom_token
		:: else ->
			end_authorization(k)
		fi
	};
	d_step { tell_time(exchanged_at[k]) }
}

#ifdef REAUTHORIZE_TRUSTS_ARRIVAL
#define is_outdated(k) (authorized_at > exchanged_at[k])
#define is_contested(k) false
#else
#define is_outdated(k) false
#define is_contested(k) (REAUTHORIZATIONS > 1 && authorized_at >= asked_at[k])
#endif

inline reauthorize(k)
{
	d_step {
		reauthorized[k] != 0 && !is_contested(k) ->
		if
		:: !is_outdated(k) ->
			renew_row(reauthorized[k]);
			authorized_at = exchanged_at[k];
#ifndef REAUTHORIZE_KEEPS_GENERATION
			generation++;
#endif
		:: else
		fi;
		end_authorization(k)
	}
}

proctype authorizer(byte k)
{
	exchange(k);
end:	do
	:: reauthorize(k)
#ifndef REAUTHORIZE_TRUSTS_ARRIVAL
	:: atomic { reauthorized[k] != 0 && is_contested(k) -> skip };
		prove(k)
#endif
	:: d_step {
		/* It dies. A grant whose token none of us has is as good as none. */
		reauthorized[k] != 0 ->
		if
		:: reauthorized[k] == zoom_token -> is_granted = false
		:: else
		fi;
		end_authorization(k)
	}
	od
}
#endif

#if REFRESHERS > 2
#define in_hand(token) (answer[0] == token || answer[1] == token || answer[2] == token)
#else
#define in_hand(token) (answer[0] == token || answer[1] == token)
#endif

#define is_reauthorizing (reauthorized[0] == zoom_token || reauthorized[1] == zoom_token)

/*
 * P1: the newest token of a living grant is stored; or a living process has it in hand and is going
 * to store it (the same for a re-authorization); or Zoom's answer reached nobody who lives.
 */
#define newest_is_kept \
	(!is_granted || stored == zoom_token || in_hand(zoom_token) || \
	 is_reauthorizing || is_lost)
/*
 * P2: disconnected is only whose grant is dead, or whose newest token was truly lost; or who had
 * gone, and is authorizing again at this moment.
 */
#define no_living_user_is_disconnected \
	(state == CONNECTED || !is_granted || is_lost || is_reauthorizing)
/* P5: who was lost by a crash or a broken connection is not told that he had revoked the app. */
#define loss_is_told_as_such (!(state == INVALID_GRANT && is_granted && is_lost))
/* P7: and who did revoke it is not told of an interruption that never was. */
#define interruption_is_true (state != REFRESH_INTERRUPTED || had_no_end)

/* Never takes a step while the properties hold, so that it costs no states. */
proctype properties()
{
end:	do
#ifdef P1
	:: !newest_is_kept -> assert(newest_is_kept)
#endif
#ifdef P2
	:: !no_living_user_is_disconnected -> assert(no_living_user_is_disconnected)
#endif
#ifdef P5
	:: !loss_is_told_as_such -> assert(loss_is_told_as_such)
#endif
#ifdef P7
	:: !interruption_is_true -> assert(interruption_is_true)
#endif
	:: false
	od
}

#ifdef P3
/* Whoever waits in process 0 (any, by symmetry) and goes on living is told something, under weak
   fairness: a process that can go on does at some time. */
#define waits (step[0] != IDLE && is_running(0))
ltl everybody_is_told { [] (waits -> <> !waits) }
#endif

init
{
	atomic {
		run refresher(0);
		run refresher(1);
#if REFRESHERS > 2
		run refresher(2);
#endif
		run zoom();
		run world();
#if RUN_OUTS
		run lease_timer();
#endif
#if REAUTHORIZATIONS
		run authorizer(0);
#endif
#if REAUTHORIZATIONS > 1
		run authorizer(1);
#endif
		run properties()
	}
}
