// Lets the users of your application connect their Zoom accounts: a link, Zoom's consent page, and Hallpass,
// which keeps what comes of it. Node 18 or later, nothing else; docs/oauth-flow.md says more.
//
// HALLPASS=https://bots.example.com KEY=hp_… CLIENT_ID=… SITE=https://app.example.com PORT=8000 node connect.mjs

import { createServer } from "node:http";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { HALLPASS, KEY, CLIENT_ID, SITE, ZOOM = "https://zoom.us", PORT = "8000" } = process.env;
const REDIRECT_URI = SITE + "/zoom/callback"; // byte for byte as in the Zoom app

// Yours: the id of whoever is signed in to your application.
const currentUser = () => "user-17";

// The code may be posted again: it is exchanged once.
async function postConnection(code) {
  let result;
  for (let attempt = 0; attempt < 3; attempt++) {
    await sleep(attempt * 1000);
    try {
      const response = await fetch(HALLPASS + "/api/v1/zoom_oauth_connections", {
        method: "POST",
        headers: { Authorization: "Token " + KEY, "Content-Type": "application/json" },
        body: JSON.stringify({ authorization_code: code, redirect_uri: REDIRECT_URI, deduplication_key: currentUser() }),
        signal: AbortSignal.timeout(30000),
      });
      result = { status: response.status, answer: await response.json() };
      if (response.status < 500) break;
    } catch (error) {
      result = { status: 503, answer: { error: error.message } };
    }
  }
  return result;
}

const escape = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function cookie(value, maxAgeS) {
  const secure = SITE.startsWith("https:") ? "; Secure" : "";
  return `zoom_state=${value}; Path=/zoom; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax${secure}`;
}

function isSame(a, b) {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length > 0 && left.length === right.length && timingSafeEqual(left, right);
}

function begin() {
  const state = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    response_type: "code", client_id: CLIENT_ID, redirect_uri: REDIRECT_URI, state,
  });
  return [302, "", { Location: `${ZOOM}/oauth/authorize?${query}`, "Set-Cookie": cookie(state, 600) }];
}

async function finish(query, cookies) {
  const kept = /(?:^|; )zoom_state=([^;]*)/.exec(cookies)?.[1] ?? "";
  if (!isSame(kept, query.get("state") ?? "")) {
    return [400, "This did not begin here, or too long ago. Please try again."];
  }
  const over = { "Set-Cookie": cookie("", 0) };
  if (!query.has("code")) return [200, "Not connected: " + escape(query.get("error") ?? "no code"), over];
  const { status, answer } = await postConnection(query.get("code"));
  if (status !== 201) return [502, "Not connected: " + escape(answer.error), over];
  return [200, `Connected as ${escape(answer.email ?? answer.user_id)} <!-- ${escape(answer.id)} -->`, over];
}

createServer(async (request, response) => {
  const url = new URL(request.url, SITE);
  let answer = [404, "There is nothing here."];
  if (url.pathname === "/") answer = [200, '<a href="/zoom/connect">Connect Zoom</a>'];
  if (url.pathname === "/zoom/connect") answer = begin();
  if (url.pathname === "/zoom/callback") answer = await finish(url.searchParams, request.headers.cookie ?? "");
  const [status, text, headers] = answer;
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8", ...headers }).end(text);
}).listen(Number(PORT), "127.0.0.1");
