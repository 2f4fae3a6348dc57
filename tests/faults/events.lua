-- wrk's side of test_kill_under_load.py: Zoom, which sends events as fast as they are taken. Each thread of wrk
-- has one connection, so that after a request comes its own answer, or none. What was not answered 200 is sent
-- again, newly signed, as Zoom does it; the number of what was is noted.
--
--   wrk -t N -c N -s events.lua URL -- NOTES SECRET HOST…     thread T notes in NOTES.T

local ffi = require("ffi")

-- OpenSSL's, which wrk is linked with.
ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *digest, const void *key, int key_size, const char *data, size_t size,
	unsigned char *mac, unsigned int *mac_size);
]]

local THREADS_MAX = 1000
local FIRST_MEETING_ID = 71000000000
local mac, mac_size = ffi.new("unsigned char[32]"), ffi.new("unsigned int[1]")

function init(arguments)
	notes = assert(io.open(arguments[1] .. "." .. number, "w"))
	secret = arguments[2]
	hosts = { unpack(arguments, 3) }
	body = event(number)
end

function event(number)
	return string.format('{"event":"meeting.started","event_ts":%d000,"payload":{"account_id":"account","object":{'
		.. '"id":"%d","uuid":"%022d==","host_id":"%s","topic":"%s","type":8,"start_time":"2026-11-25T10:00:00Z",'
		.. '"timezone":"Europe/Berlin","duration":60,"description":"%s"}}}', os.time(), FIRST_MEETING_ID + number,
		number, hosts[number % #hosts + 1], "The weekly meeting of those who wait for it", string.rep("x", 300))
end

local function sign(text)
	local hex = {}
	ffi.C.HMAC(ffi.C.EVP_sha256(), secret, #secret, text, #text, mac, mac_size)
	for i = 0, 31 do
		hex[i + 1] = bit.tohex(mac[i], 2)
	end
	return "v0=" .. table.concat(hex)
end

function request()
	local timestamp = os.time()
	return wrk.format("POST", nil, {
		["Content-Type"] = "application/json",
		["x-zm-request-timestamp"] = timestamp,
		["x-zm-signature"] = sign("v0:" .. timestamp .. ":" .. body),
	}, body)
end

function response(status)
	if status == 200 then
		notes:write(number, "\n")
		number = number + THREADS_MAX
		body = event(number)
	end
end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "threads.lua")
