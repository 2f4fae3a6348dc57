-- wrk's side of test_kill_under_load.py: runners that make bots, claim some and tell that they have joined, each
-- thread over one connection of its own. What got no good answer is asked again. What did is noted:
--
--   made KEY BOT · claimed BOT · joined BOT · nothing (was due)
--
--   wrk -t N -c N -s bots.lua URL -- NOTES KEY     thread T notes in NOTES.T

local THREADS_MAX = 1000
local steps = {}
local step, bot, token = "make", nil, nil

function init(arguments)
	notes = assert(io.open(arguments[1] .. "." .. number, "w"))
	headers = { ["Authorization"] = "Token " .. arguments[2], ["Content-Type"] = "application/json" }
end

-- Each: its request (path, body), and after a good answer the note and the next step. A bot whose answer was cut off
-- is there already, and has the key.
steps.make = {
	request = function()
		return "/api/v1/bots", string.format(
			'{"meeting_url":"https://zoom.us/j/85512345678","deduplication_key":"key %d"}', number)
	end,
	is_done = function(status) return status == 201 or status == 409 end,
	next = function(body)
		number = number + THREADS_MAX
		return "claim", string.format("made %d %s", number - THREADS_MAX, body:match('"id":"(bot_%w+)"') or "-")
	end,
}

steps.claim = {
	request = function() return "/api/v1/bots/claim", '{"runner_id":"runner","lease_s":3600}' end,
	is_done = function(status) return status == 200 or status == 204 end,
	next = function(body)
		token = body:match('"lease_token":"(lease_%w+)"')
		if token == nil then
			return "make", "nothing"
		end
		bot = body:match('"id":"(bot_%w+)"')
		return "join", "claimed " .. bot
	end,
}

steps.join = {
	request = function()
		return "/api/v1/bots/" .. bot .. "/events",
			string.format('{"lease_token":"%s","type":"joined_meeting"}', token)
	end,
	is_done = function(status) return status == 200 end,
	next = function() return "make", "joined " .. bot end,
}

function request()
	local path, body = steps[step].request()
	return wrk.format("POST", path, headers, body)
end

function response(status, _, body)
	local note
	if not steps[step].is_done(status) then
		return
	end
	step, note = steps[step].next(body)
	if status < 400 then
		notes:write(note, "\n")
	end
end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "threads.lua")
