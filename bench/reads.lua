-- GET of the paths in a file, in turn.
--
--   wrk -s bench/reads.lua -H HEADER URL -- FILE [PAUSE_MS]     prints a line of JSON at the end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "report.lua")

local requests, last = {}, 0

function init(arguments)
	for path in io.lines(arguments[1]) do
		requests[#requests + 1] = wrk.format("GET", path)
	end
	pause(arguments[2])
end

function request()
	last = last % #requests + 1
	return requests[last]
end
