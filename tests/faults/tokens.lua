-- wrk's side of test_kill_under_load.py: bots that ask for their tokens, each thread over one connection of its
-- own. What was answered 200 is noted: the bot, and its token or why it has none.
--
--   wrk -t N -c N -s tokens.lua URL -- NOTES KEY BOT…     thread T notes in NOTES.T

function init(arguments)
	notes = assert(io.open(arguments[1] .. "." .. number, "w"))
	key = arguments[2]
	bots = { unpack(arguments, 3) }
end

function request()
	number = number + 1
	bot = bots[number % #bots + 1]
	return wrk.format("POST", "/api/v1/bots/" .. bot .. "/zoom_tokens",
		{ ["Authorization"] = "Token " .. key, ["Content-Length"] = 0 })
end

function response(status, headers, body)
	if status == 200 then
		local token = body:match('"app_privilege_token":"([^"]+)"')
		notes:write(bot, " ", token or "-", " ", body:match('"join_flow_reason":"([^"]+)"') or "-", "\n")
	end
end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "threads.lua")
