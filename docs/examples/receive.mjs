// Receives what Hallpass's webhooks tell, checks that it is genuine, and takes each notification once. Node 18 or
// later, nothing else; docs/webhooks.md says more.
//
// SECRET=whsec_… PORT=8000 node receive.mjs

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const KEY = Buffer.from(process.env.SECRET.replace(/^whsec_/, ""), "base64");
const CHECK = process.env.CHECK ?? "standard"; // or "attendee"
const TOLERANCE_S = 300;
const seen = new Set(); // yours: with what you store, so that it outlives the process

const mac = (...signed) => signed.reduce((hmac, part) => hmac.update(part), createHmac("sha256", KEY)).digest("base64");

function isSame(a, b) {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

// Standard Webhooks: over id, time and body; of several signatures one must be right.
function hasStandardSignature(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S) return false;
  const right = "v1," + mac(`${id}.${timestamp}.`, body);
  return (headers["webhook-signature"] ?? "").split(" ").some((each) => isSame(each, right));
}

// As Attendee signs: over the body's canonical JSON, and canonical it is as it comes.
const hasAttendeeSignature = (headers, body) => isSame(headers["x-webhook-signature"] ?? "", mac(body));

// Yours: what is to happen. Should it fail, answer 500, and it comes again.
function handle(notification) {
  console.log(notification.trigger, JSON.stringify(notification.data));
}

function receive(headers, body) {
  const isGenuine = CHECK === "attendee" ? hasAttendeeSignature : hasStandardSignature;
  if (!isGenuine(headers, body)) return 401;
  const notification = JSON.parse(body);
  if (!seen.has(notification.idempotency_key)) {
    handle(notification);
    seen.add(notification.idempotency_key);
  }
  return 204;
}

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  response.writeHead(receive(request.headers, Buffer.concat(parts))).end();
}).listen(Number(process.env.PORT ?? 8000), "127.0.0.1");
