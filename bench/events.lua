-- wrk's side of bench/events: each request is the next line of a file of the thread's own, "timestamp
-- signature body", and at its end from the beginning again, which
-- the line of JSON tells as `repeated`.
--
--   wrk -s bench/events.lua URL -- FILES [PAUSE_MS]   thread N reads FILES.N; prints a line of JSON at the end

local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "report.lua")
dofile(here .. "numbered.lua")

repeated = 0 -- requests that the thread has made before

function init(arguments)
	file = assert(io.open(arguments[1] .. "." .. number))
	head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
		.. "x-zm-request-timestamp: "
	pause(arguments[2])
end

function request()
	local line = file:read("*l")
	if line == nil then
		file:seek("set", 0)
		line, is_again = file:read("*l"), true
	end
	if is_again then
		repeated = repeated + 1
	end
	local body = line:sub(80)
	return head .. line:sub(1, 10) .. "\r\nx-zm-signature: " .. line:sub(12, 78)
		.. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end
