-- Writes each stanza that this broker routes from one client to another to a file, once, as one
-- line: the time, whether a session was there to take it, and the XML with its stamped from and to.
-- What a client exchanges with the broker itself (SASL, binding, roster, ping) is not recorded.

local st_clone = require "util.stanza".clone;
local jid_split = require "util.jid".split;
local now = require "util.time".now;

local full_sessions = prosody.full_sessions;
local bare_sessions = prosody.bare_sessions;

local path = assert(module:get_option_string("tenet_tap_file"), "tenet_tap_file is not set");
local file = assert(io.open(path, "a"));
file:setvbuf("full", 1024 * 1024);

local function record(event)
	local stanza = event.stanza;
	local to, from = stanza.attr.to, stanza.attr.from;
	-- Without an address it is for the broker; without a node in either it is not between clients.
	if not to or not from or not jid_split(to) or not jid_split(from) then return; end
	-- An IQ to an account, not to one of its sessions, is answered by the broker.
	local there = full_sessions[to] or (stanza.name ~= "iq" and bare_sessions[to]);
	local copy = st_clone(stanza);
	copy.attr.xmlns = "jabber:client";
	local line = tostring(copy):gsub("\r", "&#13;"):gsub("\n", "&#10;");
	file:write(("%.6f %s %s\n"):format(now(), there and "routed" or "bounced", line));
	file:flush();
end

for _, name in ipairs { "iq", "presence", "message" } do
	module:hook(name .. "/full", record, 1000000);
	module:hook(name .. "/bare", record, 1000000);
end

function module.unload()
	file:close();
end
