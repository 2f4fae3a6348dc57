/*
 * Whether the on-behalf user of a bot is inside the bot's meeting, as far as Zoom's events have told.
 * Nothing is known where the user has no connection, or where such events do not reach the user's app.
 */
#ifndef STORE_BOT_PRESENCE_H
#define STORE_BOT_PRESENCE_H

#include "base/clock.h"
#include "store/db.h"

enum presence { PRESENCE_UNKNOWN, PRESENCE_ABSENT, PRESENCE_PRESENT };

bool bot_presence_find(struct db *db, int64_t bot_id, instant now, enum presence *presence,
		       struct error *err) MUST_CHECK;

/* What was heard of somebody who is inside, or of a live meeting, says nothing any more after that. */
#define BOT_PRESENCE_AGE (2 * DAY)

/*
 * The same as a subquery of the store's about `bots b`, where $3 is now less BOT_PRESENCE_AGE: a number
 * of the enum, or NULL for unknown. What one of the user's connections knows stands, and that somebody
 * is there rather than not. That nobody came to a live meeting is only known where the app is told of
 * those who do.
 */
#define BOT_PRESENCE_MEETING                                                        \
	"coalesce(b.meeting_id, (SELECT o.pmi FROM zoom_oauth_connections o"        \
	"  WHERE o.project_id = b.project_id AND o.personal_name = b.personal_name" \
	"  ORDER BY o.state = 'connected' DESC, o.id DESC LIMIT 1))"
#define BOT_PRESENCE_SQL                                                                  \
	"(SELECT max(CASE WHEN p.is_present = 1 AND p.changed_at >= $3 THEN 2"            \
	"  WHEN p.is_present = 0 OR (m.is_live = 0 AND m.live_at > 0) THEN 1"             \
	"  WHEN m.is_live = 1 AND m.live_at >= $3 AND p.is_present IS NULL AND EXISTS"    \
	"   (SELECT 1 FROM zoom_event_counts n WHERE n.app_id = u.app_id"                 \
	"    AND n.name = 'meeting.participant_joined') THEN 1 ELSE 0 END)"               \
	"  FROM zoom_oauth_connections u"                                                 \
	"  LEFT JOIN zoom_meeting_participants p ON p.meeting_id = " BOT_PRESENCE_MEETING \
	"   AND p.app_id = u.app_id AND p.connection_id = u.id"                           \
	"  LEFT JOIN zoom_meetings m ON m.meeting_id = " BOT_PRESENCE_MEETING             \
	"   AND m.app_id = u.app_id"                                                      \
	"  WHERE u.zoom_user_id = b.onbehalf_user_id AND u.project_id = b.project_id)"

#endif
